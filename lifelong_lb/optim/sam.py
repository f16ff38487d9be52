"""SAM and ASAM: one ascent step, then the base step with the gradient found there."""

from torch.optim import Optimizer

from lifelong_lb.optim.ascent import ASAMAscent, Ascent, SAMAscent
from lifelong_lb.optim.rule import Closure, Finish, Names, UpdateRule, trainable
from lifelong_lb.optim.weights import evaluate, holding, moved, with_gradient


class _OneAscent(UpdateRule):
    """w <- base(w, g(w + e)), e from an ascent step at w. The perturbed weights are the one copy that is held."""

    def __init__(self, ascent: Ascent) -> None:
        self._ascent = ascent
        self.uses_names = ascent.uses_names

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at w + e."""
        return 2

    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Perturb the weights, take the gradient there, and put the weights back.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the minibatch at the current weights.
            names: names of the parameters, where known.

        Returns:
            A function that does nothing.
        """
        params = with_gradient(trainable(optimizer))
        if not params:
            return lambda: None
        with holding(params, moved(params, self._ascent(params, names))):
            evaluate(closure)
        return lambda: None


class SAM(_OneAscent):
    """Sharpness-aware minimization: w <- base(w, g(w + rho g / ||g||)).

    Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization", arXiv 2010.01412,
    algorithm 1 with p = 2 and the second-order term dropped, as there.

    Args:
        rho: radius of the perturbation, >= 0.

    Raises:
        ValueError: for a radius below 0.
    """

    def __init__(self, *, rho: float = 0.05) -> None:
        super().__init__(SAMAscent(rho))


class ASAM(_OneAscent):
    """Adaptive SAM: the ball is scaled by the weights' own size, so that rescaling a network leaves it as it is.

    Kwon et al. 2021, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
    Networks", arXiv 2102.11600, algorithm 1. See :class:`~lifelong_lb.optim.ascent.ASAMAscent`.

    Args:
        rho: radius of the perturbation, >= 0.
        eta: added to the weights' size, > 0.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.5, eta: float = 0.01) -> None:
        super().__init__(ASAMAscent(rho, eta))
