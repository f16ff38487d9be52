"""Friendly-SAM: SAM that ascends along what a minibatch's gradient has beyond the running mean of gradients."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.ascent import TINY
from lifelong_lb.optim.checks import fraction, non_negative, one_of
from lifelong_lb.optim.minibatch import Minibatch
from lifelong_lb.optim.parameter_state import ParameterState
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import Finish, UpdateRule
from lifelong_lb.optim.weights import global_norm, gradients, holding

AVERAGES = ("updated", "previous")


class FriendlySAM(UpdateRule):
    """Friendly-SAM: w <- base(w, g(w + rho d / ||d||)), d = g - sigma m, m a running mean of the gradients g at w.

    Li et al. 2024, "Friendly Sharpness-Aware Minimization", arXiv 2403.12350: m stands for the gradient over all data,
    which SAM had better not ascend, and d for the minibatch's own noise. First m <- decay m + (1 - decay) g, then d.
    Here m starts at 0, so that the first step ascends along g, as SAM does, where sigma (1 - decay) < 1. sigma = 0 is
    SAM.

    The authors' code takes d before it updates m, starts m at the first gradient, and takes that first step along g:
    ``average="previous"``. For sigma = 1 both give the same direction from the same m, since then
    g - (decay m + (1 - decay) g) = decay (g - m); they differ by how m starts.

    The mean is kept between steps. :meth:`synchronise` leaves it alone: it comes at the end of every epoch, where the
    training goes on, and in a new experience the old gradients fade within about 1 / (1 - decay) steps, during which
    they are what the new ones differ from. A parameter that is new, such as that of a head that has grown, starts as
    every parameter does at the first step; one without a gradient in a step keeps its mean as it is. Three copies of
    the weights' size are held: the mean, its next value and the perturbed weights.

    Args:
        rho: radius of the perturbation, >= 0.
        sigma: how much of the mean is taken off, >= 0.
        decay: weight of the past in the mean (lambda in the paper), in [0, 1).
        average: ``"updated"`` as in the paper, ``"previous"`` as in the authors' code.
        passes: how the passes of a step treat BatchNorm, dropout and gradients that are not finite.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self,
        *,
        rho: float = 0.05,
        sigma: float = 1.0,
        decay: float = 0.9,
        average: str = "updated",
        passes: Passes | None = None,
    ) -> None:
        super().__init__(passes)
        self.rho = non_negative("rho", rho)
        self.sigma = non_negative("sigma", sigma)
        self.decay = fraction("decay", decay)
        self.average = one_of("average", average, AVERAGES)
        self._mean = ParameterState()

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at the perturbed point."""
        return 2

    def state_dict(self) -> dict[str, Any]:
        """What the rule keeps between steps.

        Returns:
            The ``mean`` of the gradients, a tensor or None for each parameter of the optimizer.
        """
        return {"mean": self._mean.saved()}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Go on where another rule stopped.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer.

        Raises:
            ValueError: when the mean does not fit the optimizer's parameters.
        """
        self._mean.load("mean", state.get("mean", []), optimizer)

    def further_passes(self, minibatch: Minibatch) -> Finish:
        """Take the gradient at w + rho d / ||d||, and update the running mean after the base step."""
        params = minibatch.params_with_grad
        noise, mean = self._split(params)
        norm = minibatch.check_norm(global_norm(noise))
        with holding(params, _moved_in_place(params, noise, self.rho / (norm + TINY))):
            minibatch.gradient(last=True)

        def keep() -> None:
            if isfinite(norm):  # one infinity would stay in the mean for ever
                self._mean.merge(minibatch.params, dict(zip(params, mean, strict=True)))

        return keep

    @torch.no_grad()
    def _split(self, params: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Direction d and the mean with this gradient in it."""
        grads, old = gradients(params), [self._mean.get(p) for p in params]
        from_zero = [torch.zeros_like(g) if m is None else m for g, m in zip(grads, old, strict=True)]
        if self.average == "updated":
            mean = list(torch._foreach_lerp(from_zero, grads, 1 - self.decay))
            return list(torch._foreach_add(grads, mean, alpha=-self.sigma)), mean
        from_first = [g if m is None else m for g, m in zip(grads, old, strict=True)]
        mean = list(torch._foreach_lerp(from_first, grads, 1 - self.decay))
        return list(torch._foreach_add(grads, from_zero, alpha=-self.sigma)), mean


@torch.no_grad()
def _moved_in_place(params: list[Tensor], direction: list[Tensor], size: float) -> list[Tensor]:
    """Where size times direction leads; the direction's own memory holds it."""
    for p, d in zip(params, direction, strict=True):
        torch.add(p, d, alpha=size, out=d)
    return direction
