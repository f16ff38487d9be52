"""Muon for matrices and AdamW for other parameters, as one torch optimizer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

_MUON = ("lr", "weight_decay", "momentum", "nesterov", "ns_steps", "adjust_lr_fn")
_ADAMW = ("lr", "betas", "eps", "weight_decay", "fused")


class MuonWithAdamW(Optimizer):
    """Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) with AdamW for what is not a hidden matrix.

    Groups with ``use_muon: True`` are trained by ``torch.optim.Muon``, whose keywords they hold.
    Their tensors have two or more dimensions; one of more than two, e.g. of a convolution, is a matrix of one row per
    filter, as in the authors' code. Other groups are trained by AdamW.

    Args:
        groups: parameter groups, each with ``use_muon`` and all keywords of its optimizer.

    Example:
        >>> w, b = torch.nn.Parameter(torch.eye(2)), torch.nn.Parameter(torch.zeros(2))
        >>> muon = {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.0, "nesterov": False, "ns_steps": 5}
        >>> adamw = {"lr": 0.5, "betas": (0.9, 0.95), "eps": 1e-10, "weight_decay": 0.0, "fused": False}
        >>> optimizer = MuonWithAdamW([
        ...     {"params": [w], "use_muon": True, **muon, "adjust_lr_fn": "original"},
        ...     {"params": [b], "use_muon": False, **adamw},
        ... ])
        >>> w.grad, b.grad = torch.diag(torch.tensor([4.0, 1.0])), torch.ones(2)
        >>> optimizer.step()
        >>> (torch.linalg.matrix_norm(w.detach() - torch.eye(2), 2) < 0.13).item(), b.tolist()
        (True, [-0.5, -0.5])
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of both optimizers.

        Args:
            closure: evaluates the loss before the step, unless None.

        Returns:
            The loss; None without a closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            options = {key: group[key] for key in (_MUON if group["use_muon"] else _ADAMW)}
            if group["use_muon"]:
                self._step_matrices(params, options)
            else:
                adamw = AdamW(params, **options)
                adamw.state = self.state
                adamw.step()
        return loss

    def _step_matrices(self, params: list[Tensor], options: dict[str, Any]) -> None:
        matrices = [p.detach().reshape(len(p), -1) for p in params]
        muon = torch.optim.Muon(matrices, **options)
        for p, matrix in zip(params, matrices, strict=True):
            assert p.grad is not None
            matrix.grad = p.grad.reshape(matrix.shape)
            muon.state[matrix] = self.state[p]  # the same dict, which Muon fills
        muon.step()  # type: ignore[no-untyped-call]
        for p, matrix in zip(params, matrices, strict=True):
            p.copy_(matrix.view_as(p))  # in a channels-last model, the matrix is a copy
