"""GSAM: SAM's gradient minus the orthogonal part of the plain gradient."""

from lifelong_lb.hyperparameters import GSAM_ALPHA
from lifelong_lb.optim.checks import number
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import RadiusMixin, SAMAscent
from lifelong_lb.optim.rules.orthogonal import subtract_orthogonal
from lifelong_lb.optim.weights import gradients, holding, moved


class GSAM(RadiusMixin, UpdateRule):
    """GSAM: w <- base(w, g_p - alpha v), g_p the gradient at w + rho g / ||g||, v the part of g orthogonal to g_p.

    Zhuang et al. 2022, "Surrogate Gap Minimization Improves Sharpness-Aware Training", arXiv 2203.08065, algorithm 1:
    descending along g_p lowers the perturbed loss, ascending along v lowers the gap to the plain loss without touching
    the perturbed loss to first order. rho is constant here; in the paper it may follow the learning rate. alpha = 0 is
    SAM. Memory: two copies of the weights (the perturbed weights and g).

    Args:
        rho: radius of the perturbation, >= 0; SAM's default.
        alpha: weight of the gap, >= 0; the default of the authors' example.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.05, alpha: float = 0.4, passes: Passes | None = None) -> None:
        super().__init__(passes)
        self._ascent = SAMAscent(rho)
        self.alpha = number("alpha", alpha, GSAM_ALPHA)

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at the perturbed point."""
        return 2

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the gradient at the perturbed point, and subtract the orthogonal part of g."""
        params = minibatch.params_with_grad
        plain = [grad.clone() for grad in gradients(params)]
        with holding(params, moved(params, *self._ascent(minibatch, params))):
            yield
            minibatch.check_gradient()
        if self.alpha:
            pairs = [(p.grad, g) for p, g in zip(params, plain, strict=True) if p.grad is not None]
            subtract_orthogonal([pair[0] for pair in pairs], [pair[1] for pair in pairs], self.alpha)
        return lambda: None
