"""C-Flat: zeroth-order and first-order flatness combined."""

import torch

from lifelong_lb.hyperparameters import LAMB
from lifelong_lb.optim.checks import number
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import TINY, RadiusMixin, SAMAscent, climb_further
from lifelong_lb.optim.weights import global_norm, gradients, gradients_or_zero, holding, moved


class CFlat(RadiusMixin, UpdateRule):
    """C-Flat, the sharpness-aware rule made for continual learning: w <- base(w, g_1 + lamb (g_3 - g_2)).

    Bian et al. 2024, "Make Continual Learning Stronger via C-Flat", arXiv 2404.00986, algorithm 1, in the form of the
    authors' code. With N(v) = v / ||v||, g_0 = g(w), and g_1 = g(w + rho N(g_0)) is SAM's gradient. The gradient's norm
    grows towards u = w + rho N(g_1 - g_0); with g_2 = g(u) and g_3 = g(u + rho N(g_2)), the gradient of the first-order
    flatness is g_3 - g_2. lamb = 0 is SAM.
    Memory: three copies of the weights.

    Args:
        rho: radius of each perturbation, >= 0.
        lamb: weight of the first-order flatness (lambda in the paper), >= 0.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.2, lamb: float = 0.2, passes: Passes | None = None) -> None:
        super().__init__(passes)
        self._ascent = SAMAscent(rho)
        self.lamb = number("lamb", lamb, LAMB)

    @property
    def gradient_evaluations(self) -> float:
        """Four passes: g_0 to g_3; two for lamb = 0."""
        return 4 if self.lamb else 2

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take g_1 and, unless lamb = 0, g_2 and g_3, and combine them."""
        params = minibatch.params_with_grad
        towards = [grad.neg() for grad in gradients(params)]  # -g_0
        with holding(params, moved(params, *self._ascent(minibatch, params))):
            yield
            minibatch.check_gradient()
        if self.lamb:
            torch._foreach_add_(towards, gradients_or_zero(params))  # g_1 - g_0
            total = [grad.clone() for grad in gradients_or_zero(params)]  # g_1
            with holding(params, moved(params, towards, self.rho / (global_norm(towards) + TINY))):
                yield
                torch._foreach_add_(total, gradients_or_zero(params), alpha=-self.lamb)
                climb_further(minibatch, self._ascent)
                yield
                minibatch.check_gradient()
                torch._foreach_add_(total, gradients_or_zero(params), alpha=self.lamb)
            for p, grad in zip(params, total, strict=True):
                p.grad = grad
        return lambda: None
