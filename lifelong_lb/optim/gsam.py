"""Surrogate-gap-guided SAM: SAM's gradient, less the part of the plain gradient that it does not agree with."""

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.ascent import TINY, SAMAscent, gradients
from lifelong_lb.optim.checks import non_negative
from lifelong_lb.optim.rule import Closure, Finish, Names, UpdateRule, trainable
from lifelong_lb.optim.weights import evaluate, holding, moved, with_gradient


class GSAM(UpdateRule):
    """GSAM: w <- base(w, g_p - alpha v), g_p the gradient at w + rho g / ||g||, v the part of g orthogonal to g_p.

    Zhuang et al. 2022, "Surrogate Gap Minimization Improves Sharpness-Aware Training", arXiv 2203.08065, algorithm 1:
    descending along g_p lowers the perturbed loss, ascending along v lowers the gap to the plain loss without touching
    the perturbed loss to first order. rho is constant here; in the paper it may follow the learning rate. alpha = 0 is
    SAM. Two copies of the weights' size are held: the perturbed weights and g.

    Args:
        rho: radius of the perturbation, >= 0; by default SAM's.
        alpha: weight of the gap, >= 0; by default that of the authors' example.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.05, alpha: float = 0.4) -> None:
        self._ascent = SAMAscent(rho)
        self.alpha = non_negative("alpha", alpha)

    @property
    def gradient_evaluations(self) -> float:
        """Two passes: at w and at the perturbed point."""
        return 2

    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Take the gradient at the perturbed point and correct it.

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
        plain = [grad.clone() for grad in gradients(params)]
        with holding(params, moved(params, self._ascent(params, names))):
            evaluate(closure)
        if self.alpha:
            self._correct(params, plain)
        return lambda: None

    @torch.no_grad()
    def _correct(self, params: list[Tensor], plain: list[Tensor]) -> None:
        """From g_p, which ``.grad`` holds, to g_p - alpha (g - (g . g_p / ||g_p||^2) g_p)."""
        pairs = [(p.grad, g) for p, g in zip(params, plain, strict=True) if p.grad is not None]
        perturbed, plain = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        device = perturbed[0].device
        dot = torch.stack([torch.sum(a * b).to(device) for a, b in pairs]).sum()
        square = torch.stack([torch.sum(a * a).to(device) for a in perturbed]).sum()
        share = dot / (square + TINY)
        for a, b in pairs:
            a.mul_(1 + self.alpha * share.to(a.device)).sub_(b, alpha=self.alpha)
