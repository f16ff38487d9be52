"""Ascent steps: the perturbation within a ball of radius rho that raises the linearized loss most."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from lifelong_lb.hyperparameters import ETA, RHO
from lifelong_lb.optim.checks import number
from lifelong_lb.optim.minibatch import Minibatch
from lifelong_lb.optim.weights import Number, global_norm, gradients, moved, perturb

TINY = 1e-16
"""Added to a norm before dividing, as in the authors' codes: a zero gradient gives a zero perturbation."""


class Ascent(Protocol):
    """Perturbation of the weights, computed from a gradient.

    Attributes:
        rho: radius of the perturbation.
        uses_names: whether it depends on the names of the parameters.
    """

    rho: float
    uses_names: bool

    def __call__(self, minibatch: Minibatch, params: Sequence[Tensor]) -> tuple[list[Tensor], Number]:
        """Compute the perturbation for the gradients in ``.grad``, as a direction and a size.

        Args:
            minibatch: the minibatch whose gradient was taken.
            params: its parameters that have a gradient.

        Returns:
            A direction, one tensor per parameter (possibly the gradients themselves, not to be changed), and its size;
            the perturbation is size times direction. Parameters and gradients are not changed.
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
        self.rho = number("rho", rho, RHO)

    def __call__(self, minibatch: Minibatch, params: Sequence[Tensor]) -> tuple[list[Tensor], Number]:
        """See :class:`Ascent`; the direction is the gradient."""
        grads = gradients(params)
        return grads, self.rho / (minibatch.check_norm(global_norm(grads)) + TINY)


class ASAMAscent:
    """e = rho T^2 g / ||T g|| with T = diag(|w| + eta), w the weights at which g was taken.

    Kwon et al. 2021 (arXiv 2102.11600), eq. 7, with the element-wise normalisation operator. As in the authors' code,
    only parameters whose name contains "weight" are scaled if names are known (T = 1 for the others, mostly biases);
    without names every parameter is scaled, as in the formula.

    Args:
        rho: radius of the ball, >= 0.
        eta: added to the absolute weights, > 0.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    uses_names = True

    def __init__(self, rho: float, eta: float) -> None:
        self.rho = number("rho", rho, RHO)
        self.eta = number("eta", eta, ETA)

    def __call__(self, minibatch: Minibatch, params: Sequence[Tensor]) -> tuple[list[Tensor], Number]:
        """See :class:`Ascent`; names decide which parameters are scaled."""
        names = minibatch.names
        chosen = [i for i, p in enumerate(params) if names is None or "weight" in names.get(p, "")]
        direction = gradients(params)
        if not chosen:
            return direction, self.rho / (minibatch.check_norm(global_norm(direction)) + TINY)
        weights = [params[i].detach() for i in chosen]
        scaled = torch._foreach_abs(weights)
        torch._foreach_add_(scaled, self.eta)
        torch._foreach_mul_(scaled, [direction[i] for i in chosen])
        for i, tg in zip(chosen, scaled, strict=True):
            direction[i] = tg
        size = self.rho / (minibatch.check_norm(global_norm(direction)) + TINY)
        for tg, weight in zip(scaled, weights, strict=True):
            tg.mul_(weight.abs().add_(self.eta))  # recompute T per tensor instead of storing it
        return direction, size


class RadiusMixin:
    """The radius of a rule's ascent steps as an attribute of the rule."""

    _ascent: Ascent

    @property
    def rho(self) -> float:
        """Radius of the perturbation, >= 0; may be set between two steps."""
        return self._ascent.rho

    @rho.setter
    def rho(self, value: float) -> None:
        self._ascent.rho = number("rho", value, RHO)


class AdaptiveMixin(RadiusMixin):
    """Radius and eta of a rule's ASAM ascent steps as attributes of the rule."""

    @property
    def eta(self) -> float:
        """Added to the absolute weights, > 0; may be set between two steps."""
        assert isinstance(self._ascent, ASAMAscent)
        return self._ascent.eta

    @eta.setter
    def eta(self, value: float) -> None:
        assert isinstance(self._ascent, ASAMAscent)
        self._ascent.eta = number("eta", value, ETA)


def first_point(minibatch: Minibatch, ascent: Ascent) -> list[Tensor]:
    """Weights after one ascent step from the current weights, as new tensors.

    Args:
        minibatch: the minibatch, with its gradient in ``.grad``.
        ascent: the kind of step.

    Returns:
        One new tensor per parameter of the minibatch; a copy of the parameter if it has no gradient.
    """
    params_with_grad = minibatch.params_with_grad
    perturbed = (
        dict(zip(params_with_grad, moved(params_with_grad, *ascent(minibatch, params_with_grad)), strict=True))
        if params_with_grad
        else {}
    )
    return [perturbed[p] if p in perturbed else p.detach().clone() for p in minibatch.params]


def climb_further(minibatch: Minibatch, ascent: Ascent) -> None:
    """Take an ascent step in place.

    Args:
        minibatch: the minibatch, with the gradient at the current weights in ``.grad``.
        ascent: the kind of step.
    """
    params_with_grad = minibatch.params_with_grad
    if params_with_grad:
        perturb(params_with_grad, *ascent(minibatch, params_with_grad))
