"""C-Flat: zeroth-order and first-order flatness together."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.ascent import TINY, SAMAscent, global_norm, gradients
from lifelong_lb.optim.checks import non_negative
from lifelong_lb.optim.rule import Closure, Finish, Names, UpdateRule, trainable
from lifelong_lb.optim.weights import evaluate, holding, moved, perturb, with_gradient


class CFlat(UpdateRule):
    """C-Flat, the sharpness-aware rule made for continual learning: w <- base(w, g_1 + lamb (g_3 - g_2)).

    Bian et al. 2024, "Make Continual Learning Stronger via C-Flat", arXiv 2404.00986, algorithm 1, in the form of the
    authors' code. With N(v) = v / ||v||, g_0 = g(w), and g_1 = g(w + rho N(g_0)) is SAM's gradient. The gradient's norm
    grows towards u = w + rho N(g_1 - g_0); with g_2 = g(u) and g_3 = g(u + rho N(g_2)), the gradient of the first-order
    flatness is g_3 - g_2. lamb = 0 is SAM.
    Three copies of the weights' size are held.

    Args:
        rho: radius of each perturbation, >= 0.
        lamb: weight of the first-order flatness (lambda in the paper), >= 0.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.2, lamb: float = 0.2) -> None:
        self._ascent = SAMAscent(rho)
        self.rho = self._ascent.rho
        self.lamb = non_negative("lamb", lamb)

    @property
    def gradient_evaluations(self) -> float:
        """Four passes: g_0 to g_3; two for lamb = 0."""
        return 4 if self.lamb else 2

    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Take the three further gradients and leave their combination.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the minibatch at the current weights.
            names: not used.

        Returns:
            A function that does nothing.
        """
        params = with_gradient(trainable(optimizer))
        if not params:
            return lambda: None
        towards = [grad.neg() for grad in gradients(params)]  # -g_0
        with holding(params, moved(params, self._ascent(params, names))):
            evaluate(closure)
        if self.lamb:
            torch._foreach_add_(towards, _grads(params))  # g_1 - g_0
            climb = torch._foreach_mul(towards, self.rho / (global_norm(towards) + TINY))
            total = [grad.clone() for grad in _grads(params)]  # g_1
            with holding(params, moved(params, climb)):
                evaluate(closure)
                torch._foreach_add_(total, _grads(params), alpha=-self.lamb)
                graded = with_gradient(params)
                perturb(graded, self._ascent(graded, names))
                evaluate(closure)
                torch._foreach_add_(total, _grads(params), alpha=self.lamb)
            for p, grad in zip(params, total, strict=True):
                p.grad = grad
        return lambda: None


def _grads(params: list[Tensor]) -> list[Tensor]:
    """Gradients of parameters; zero where a pass left none."""
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
