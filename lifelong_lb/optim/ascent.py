"""Ascent steps: from a gradient to the perturbation that raises the loss most within a ball of radius rho."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lifelong_lb.optim.checks import non_negative, positive
from lifelong_lb.optim.rule import Names

TINY = 1e-16
"""Added to a norm before dividing, as in the authors' codes: a zero gradient gives a zero perturbation."""


class Ascent(Protocol):
    """A way to perturb weights.

    Attributes:
        uses_names: whether names of the parameters matter.
    """

    uses_names: bool

    def __call__(self, params: Sequence[Tensor], names: Names | None) -> list[Tensor]:
        """Perturbation for the gradients in ``.grad``.

        Args:
            params: parameters, all with a gradient.
            names: their names, where known.

        Returns:
            One tensor a parameter, of its shape. The parameters and their gradients are left as they are.
        """


class SAMAscent:
    """e = rho g / ||g||, the norm over all parameters together.

    Foret et al. 2021 (arXiv 2010.01412), eq. 2 with p = 2.

    Args:
        rho: radius of the ball, >= 0.

    Raises:
        ValueError: for a radius below 0.
    """

    uses_names = False

    def __init__(self, rho: float) -> None:
        self.rho = non_negative("rho", rho)

    def __call__(self, params: Sequence[Tensor], names: Names | None) -> list[Tensor]:
        """See :class:`Ascent`; names do not matter."""
        grads = gradients(params)
        return _scaled(grads, self.rho / (global_norm(grads) + TINY))


class ASAMAscent:
    """e = rho T^2 g / ||T g|| with T = diag(|w| + eta), w the weights at which g was taken.

    Kwon et al. 2021 (arXiv 2102.11600), eq. 7, with the element-wise normalisation operator. As in the authors' code,
    only parameters whose name contains "weight" are scaled where names are known (T = 1 for the others, mostly
    biases); without names every parameter is, as in the formula.

    Args:
        rho: radius of the ball, >= 0.
        eta: added to the weights' size, > 0.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    uses_names = True

    def __init__(self, rho: float, eta: float) -> None:
        self.rho = non_negative("rho", rho)
        self.eta = positive("eta", eta)

    def __call__(self, params: Sequence[Tensor], names: Names | None) -> list[Tensor]:
        """See :class:`Ascent`; names decide which parameters are scaled."""
        chosen = [i for i, p in enumerate(params) if names is None or "weight" in names.get(p, "")]
        scaled = gradients(params)
        if chosen:
            scales = torch._foreach_abs([params[i].detach() for i in chosen])
            torch._foreach_add_(scales, self.eta)
            for i, tg in zip(chosen, torch._foreach_mul([scaled[i] for i in chosen], scales), strict=True):
                scaled[i] = tg
        steps = _scaled(scaled, self.rho / (global_norm(scaled) + TINY))
        if chosen:
            torch._foreach_mul_([steps[i] for i in chosen], scales)
        return steps


def gradients(params: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of parameters that all have one.

    Args:
        params: parameters.

    Returns:
        Their ``.grad``.
    """
    grads = [p.grad for p in params]
    assert all(grad is not None for grad in grads)
    return [grad for grad in grads if grad is not None]


def global_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm over all tensors together.

    Args:
        tensors: at least one; they may lie on several devices.

    Returns:
        A scalar tensor on the first tensor's device.
    """
    norms = torch._foreach_norm(list(tensors))
    device = norms[0].device
    total: Tensor = torch.linalg.vector_norm(torch.stack([norm.to(device) for norm in norms]))
    return total


def _scaled(tensors: Sequence[Tensor], factor: Tensor) -> list[Tensor]:
    if all(t.device == factor.device for t in tensors):
        return list(torch._foreach_mul(list(tensors), factor))
    return [t * factor.to(t.device) for t in tensors]
