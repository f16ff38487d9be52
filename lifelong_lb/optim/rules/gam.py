"""GAM: first-order flatness (the largest gradient norm nearby), from first derivatives only."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lifelong_lb.hyperparameters import GAM_ALPHA, GAM_BETA, GAM_GAMMA, RHO
from lifelong_lb.optim.checks import number
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import TINY, SAMAscent, climb_further
from lifelong_lb.optim.rules.orthogonal import subtract_orthogonal
from lifelong_lb.optim.weights import global_norm, gradients, gradients_or_zero, holding, moved


class GAM(UpdateRule):
    """GAM: w <- base(w, h_+ - gamma v), h_+ a mean of two SAM gradients, v the part of h_- orthogonal to h_+.

    Zhang et al. 2023, "Gradient Norm Aware Minimization Seeks First-Order Flatness and Improves Generalization",
    arXiv 2303.03108, in the accelerated form of its appendix D (algorithm 2), which takes no second derivatives and is
    the form of the authors' code. With N(v) = v / ||v||, g_0 = g(w) and g_1 = g(w + rho' N(g_0)), the gradient's
    norm grows towards u = w + rho N(g_1 - g_0); there g_2 = g(u) and g_3 = g(u + rho' N(g_2)). Then
    h_+ = alpha g_1 + (1 - alpha) g_3 and h_- = beta g_0 + (1 - beta) g_2.

    The authors' code omits beta in the first term, h_- = g_0 + (1 - beta) g_2; this equals this rule with
    1 / (2 - beta) for beta and (2 - beta) gamma for gamma. rho and rho' are constant by default; in a study both follow
    the learning rate with ``rho: {follows: lr}``, as they may there. alpha = beta = 1 is GSAM with rho' and gamma,
    alpha = 1 with gamma = 0 is SAM with rho', and g_2 and g_3 are taken only if their weight is not zero. Memory: four
    copies of the weights.

    Args:
        rho: radius within which the gradient norm is minimised, >= 0; the defaults are those of the authors' code for
            a ResNet on CIFAR-100.
        rho_prime: radius of the two SAM steps that approximate the derivatives (rho' in the paper), >= 0.
        alpha: weight of g_1 against g_3, in [0, 1].
        beta: weight of g_0 against g_2, in [0, 1].
        gamma: weight of the orthogonal part, >= 0.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self,
        *,
        rho: float = 0.2,
        rho_prime: float = 0.02,
        alpha: float = 0.6,
        beta: float = 0.5,
        gamma: float = 0.03,
        passes: Passes | None = None,
    ) -> None:
        super().__init__(passes)
        self.rho = number("rho", rho, RHO)
        self._ascent = SAMAscent(number("rho_prime", rho_prime, RHO))
        self.alpha = number("alpha", alpha, GAM_ALPHA)
        self.beta = number("beta", beta, GAM_BETA)
        self.gamma = number("gamma", gamma, GAM_GAMMA)

    @property
    def rho_prime(self) -> float:
        """Radius of the two SAM steps, >= 0; may be set between two steps."""
        return self._ascent.rho

    @rho_prime.setter
    def rho_prime(self, value: float) -> None:
        self._ascent.rho = number("rho_prime", value, RHO)

    @property
    def radii(self) -> tuple[str, ...]:
        """Both radii."""
        return ("rho", "rho_prime")

    @property
    def gradient_evaluations(self) -> float:
        """Four passes: g_0 to g_3; without g_3 for alpha = 1, and then without g_2 for beta = 1 or gamma = 0."""
        if self.alpha < 1:
            return 4
        return 3 if self.beta < 1 and self.gamma else 2

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take g_1, and g_2 and g_3 where they count, and combine them."""
        params = minibatch.params_with_grad
        towards = [grad.neg() for grad in gradients(params)]  # -g_0
        minus = list(torch._foreach_mul(gradients(params), self.beta))
        with holding(params, moved(params, *self._ascent(minibatch, params))):
            yield
            minibatch.check_gradient()
        plus = list(torch._foreach_mul(gradients_or_zero(params), self.alpha))
        if self.gradient_evaluations > 2:
            torch._foreach_add_(towards, gradients_or_zero(params))  # g_1 - g_0
            yield from self._add_distant_gradients(minibatch, params, towards, plus, minus)
        if self.gamma:
            subtract_orthogonal(plus, minus, self.gamma)
        for p, grad in zip(params, plus, strict=True):
            p.grad = grad
        return lambda: None

    def _add_distant_gradients(
        self, minibatch: Minibatch, params: list[Tensor], towards: list[Tensor], plus: list[Tensor], minus: list[Tensor]
    ) -> Iterator[None]:
        """Add (1 - beta) g_2 to h_-, and (1 - alpha) g_3 to h_+."""
        with holding(params, moved(params, towards, self.rho / (global_norm(towards) + TINY))):
            yield
            if self.alpha == 1:
                minibatch.check_gradient()
            torch._foreach_add_(minus, gradients_or_zero(params), alpha=1 - self.beta)
            if self.alpha < 1:
                climb_further(minibatch, self._ascent)
                yield
                minibatch.check_gradient()
                torch._foreach_add_(plus, gradients_or_zero(params), alpha=1 - self.alpha)
