"""Multistep-SAM and -ASAM: k ascent steps, then one base step."""

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor

from lifelong_lb.hyperparameters import STEPS, MultistepGradient
from lifelong_lb.optim.checks import checked, one_of
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import (
    AdaptiveMixin,
    ASAMAscent,
    Ascent,
    RadiusMixin,
    SAMAscent,
    climb_further,
    first_point,
)
from lifelong_lb.optim.weights import holding


class _Multistep(UpdateRule):
    """Multistep ascent over any ascent step.

    From p = w, for i = 1..k on one minibatch: p <- p + e(g(p)); then w <- base(w, g), with g the gradient at the k-th
    perturbed point, or the mean of the gradients at all k of them. The ascent gradient of step i + 1 is the one taken
    after step i, so both take k + 1 passes. Memory: one copy of the weights, and for the mean one sum of gradients.
    """

    def __init__(self, ascent: Ascent, k: int, gradient: str, passes: Passes | None) -> None:
        super().__init__(passes)
        self._ascent = ascent
        self.uses_names = ascent.uses_names
        self.k = checked("k", k, STEPS)
        self.gradient = one_of("gradient", gradient, get_args(MultistepGradient))

    @property
    def gradient_evaluations(self) -> float:
        """Passes at w and at each of the k perturbed points: k + 1."""
        return self.k + 1

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the gradients at the k perturbed points, each on the way to the next."""
        sums: dict[Tensor, Tensor] = {}
        mean = self.gradient == "mean" and self.k > 1
        with holding(minibatch.params, first_point(minibatch, self._ascent)):
            for i in range(self.k):
                if i:
                    climb_further(minibatch, self._ascent)
                yield
                if i == self.k - 1:
                    minibatch.check_gradient()
                if mean:
                    _add_gradients(sums, minibatch.params_with_grad)
        for p, total in sums.items():
            p.grad = total.div_(self.k)
        return lambda: None


@torch.no_grad()
def _add_gradients(sums: dict[Tensor, Tensor], params: Sequence[Tensor]) -> None:
    for p in params:
        assert p.grad is not None
        if p in sums:
            sums[p].add_(p.grad)
        else:
            sums[p] = p.grad.detach().clone()


class MultistepSAM(RadiusMixin, _Multistep):
    """Multistep-SAM: w <- base(w, g(w + e_1 + ... + e_k)), each e taken at the weights perturbed so far.

    The multistep variant of SAM (Foret et al. 2021, arXiv 2010.01412) that Mordido et al. 2024 (arXiv 2307.16704)
    compare with; k = 1 is SAM.

    Args:
        rho: radius of each ascent step, >= 0.
        k: number of ascent steps, >= 1.
        gradient: ``"last"``, the gradient at the k-th perturbed point, or ``"mean"``, the mean over all k of them.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.05, k: int = 5, gradient: str = "last", passes: Passes | None = None) -> None:
        super().__init__(SAMAscent(rho), k, gradient, passes)


class MultistepASAM(AdaptiveMixin, _Multistep):
    """Multistep-ASAM: as :class:`MultistepSAM`, with ASAM's ascent, scaled at the weights where each gradient is taken.

    Mordido et al. 2024, arXiv 2307.16704, over Kwon et al. 2021, arXiv 2102.11600; k = 1 is ASAM.

    Args:
        rho: radius of each ascent step, >= 0.
        eta: added to the absolute weights, > 0.
        k: number of ascent steps, >= 1.
        gradient: ``"last"``, the gradient at the k-th perturbed point, or ``"mean"``, the mean over all k of them.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self, *, rho: float = 0.5, eta: float = 0.01, k: int = 5, gradient: str = "last", passes: Passes | None = None
    ) -> None:
        super().__init__(ASAMAscent(rho, eta), k, gradient, passes)
