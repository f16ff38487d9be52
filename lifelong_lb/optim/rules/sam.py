"""SAM and ASAM: one ascent step, then a base step with the gradient at the perturbed weights."""

from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import AdaptiveMixin, ASAMAscent, Ascent, RadiusMixin, SAMAscent
from lifelong_lb.optim.weights import holding, moved


class _OneAscent(UpdateRule):
    """w <- base(w, g(w + e)), e from an ascent step at w. Memory: one copy of the weights."""

    def __init__(self, ascent: Ascent, passes: Passes | None) -> None:
        super().__init__(passes)
        self._ascent = ascent
        self.uses_names = ascent.uses_names

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at w + e."""
        return 2

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the gradient at w + e."""
        params = minibatch.params_with_grad
        with holding(params, moved(params, *self._ascent(minibatch, params))):
            yield
            minibatch.check_gradient()
        return lambda: None


class SAM(RadiusMixin, _OneAscent):
    """Sharpness-aware minimization: w <- base(w, g(w + rho g / ||g||)).

    Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization", arXiv 2010.01412,
    algorithm 1 with p = 2 and the second-order term dropped, as there.

    Args:
        rho: radius of the perturbation, >= 0.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a radius below 0.
    """

    def __init__(self, *, rho: float = 0.05, passes: Passes | None = None) -> None:
        super().__init__(SAMAscent(rho), passes)


class ASAM(AdaptiveMixin, _OneAscent):
    """Adaptive SAM: the ball is scaled by the absolute weights, so that it is invariant to rescaling a network.

    Kwon et al. 2021, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
    Networks", arXiv 2102.11600, algorithm 1. See :class:`~lifelong_lb.optim.rules.ascent.ASAMAscent`.

    Args:
        rho: radius of the perturbation, >= 0.
        eta: added to the absolute weights, > 0.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.5, eta: float = 0.01, passes: Passes | None = None) -> None:
        super().__init__(ASAMAscent(rho, eta), passes)
