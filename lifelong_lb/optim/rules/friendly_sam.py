"""Friendly-SAM: SAM that ascends along the gradient minus a running mean of gradients."""

from collections.abc import Mapping
from typing import Any, get_args

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.hyperparameters import DECAY, RHO, SIGMA, FriendlyAverage
from lifelong_lb.optim.checks import number, one_of
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import TINY
from lifelong_lb.optim.rules.parameter_state import ParameterState
from lifelong_lb.optim.weights import Number, global_norm, gradients, holding


class FriendlySAM(UpdateRule):
    """Friendly-SAM: w <- base(w, g(w + rho d / ||d||)), d = g - sigma m, m a running mean of the gradients g at w.

    Li et al. 2024, "Friendly Sharpness-Aware Minimization", arXiv 2403.12350: m estimates the gradient over all data,
    d the minibatch noise. First m <- decay m + (1 - decay) g, then d. m starts at 0, so the first step ascends along g,
    as SAM does, if sigma (1 - decay) < 1. sigma = 0 is SAM.

    The authors' code takes d before it updates m, starts m at the first gradient, and takes that first step along g:
    ``average="previous"``. For sigma = 1 both give the same direction from the same m, because
    g - (decay m + (1 - decay) g) = decay (g - m); they differ in the initial m.

    The mean is kept between steps, also at the end of an epoch (:meth:`synchronise`); in a new experience the old
    gradients fade within about 1 / (1 - decay) steps. A new parameter, such as that of a grown head, starts like every
    parameter at the first step; a parameter without a gradient keeps its mean. Memory: three copies of the weights (the
    mean, its next value and the perturbed weights).

    Args:
        rho: radius of the perturbation, >= 0.
        sigma: multiple of the mean that is subtracted, >= 0.
        decay: weight of the past in the mean (lambda in the paper), in [0, 1).
        average: ``"updated"`` as in the paper, ``"previous"`` as in the authors' code.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

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
        self.rho = number("rho", rho, RHO)
        self.sigma = number("sigma", sigma, SIGMA)
        self.decay = number("decay", decay, DECAY)
        self.average = one_of("average", average, get_args(FriendlyAverage))
        self._mean = ParameterState()

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at the perturbed point."""
        return 2

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            The ``mean`` of the gradients, a tensor or None for each parameter of the optimizer.
        """
        return {"mean": self._mean.saved()}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer.

        Raises:
            ValueError: if the mean does not fit the optimizer's parameters.
        """
        self._mean.load("mean", state.get("mean", []), optimizer)

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the gradient at w + rho d / ||d||, and update the running mean after the base step."""
        params = minibatch.params_with_grad
        noise, mean = self._split(params)
        norm = minibatch.check_norm(global_norm(noise))
        with holding(params, _moved_in_place(params, noise, self.rho / (norm + TINY))):
            yield
            minibatch.check_gradient()

        def update() -> None:
            if minibatch.is_finite(norm):  # an infinity would never leave the mean
                self._mean.merge(minibatch.params, dict(zip(params, mean, strict=True)))

        return update

    @torch.no_grad()
    def _split(self, params: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Direction d, and the mean updated with this gradient."""
        grads, old = gradients(params), [self._mean.get(p) for p in params]
        from_zero = [torch.zeros_like(g) if m is None else m for g, m in zip(grads, old, strict=True)]
        if self.average == "updated":
            mean = list(torch._foreach_lerp(from_zero, grads, 1 - self.decay))
            return list(torch._foreach_add(grads, mean, alpha=-self.sigma)), mean
        from_first = [g if m is None else m for g, m in zip(grads, old, strict=True)]
        mean = list(torch._foreach_lerp(from_first, grads, 1 - self.decay))
        return list(torch._foreach_add(grads, from_zero, alpha=-self.sigma)), mean


@torch.no_grad()
def _moved_in_place(params: list[Tensor], direction: list[Tensor], size: Number) -> list[Tensor]:
    """Parameters plus size times direction, stored in the memory of the direction."""
    for p, d in zip(params, direction, strict=True):
        if isinstance(size, Tensor):
            d.mul_(size).add_(p)
        else:
            torch.add(p, d, alpha=size, out=d)
    return direction
