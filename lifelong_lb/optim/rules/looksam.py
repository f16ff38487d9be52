"""LookSAM: a SAM step every k steps, its direction reused in between."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from lifelong_lb.hyperparameters import LOOKSAM_ALPHA, STEPS
from lifelong_lb.optim.checks import checked, number
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import TINY, RadiusMixin, SAMAscent
from lifelong_lb.optim.rules.parameter_state import ParameterState
from lifelong_lb.optim.weights import dot, global_norm, gradients, holding, moved, perturb


class LookSAM(RadiusMixin, UpdateRule):
    """LookSAM: every k-th step is a SAM step; the others add its orthogonal part to the plain gradient.

    Liu et al. 2022, "Towards Efficient and Scalable Sharpness-Aware Minimization", arXiv 2203.02714, algorithm 1. At
    steps 0, k, 2k, ... the base step takes g_s = g(w + rho g / ||g||), and v, the part of g_s orthogonal to g, is kept;
    at the others it takes g + alpha ||g|| / ||v|| v. Norms are over all parameters together. k = 1 is SAM.

    The rule keeps v between steps. :meth:`synchronise` makes the next step a SAM step: a direction from one
    experience is not used in the next.

    Args:
        rho: radius of the perturbation, >= 0.
        k: steps per ascent, >= 1.
        alpha: weight of the kept direction, > 0.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.05, k: int = 5, alpha: float = 0.7, passes: Passes | None = None) -> None:
        super().__init__(passes)
        self._ascent = SAMAscent(rho)
        self.k = checked("k", k, STEPS)
        self.alpha = number("alpha", alpha, LOOKSAM_ALPHA)
        self._steps = 0
        self._kept = ParameterState()

    @property
    def gradient_evaluations(self) -> float:
        """Mean over k steps: two passes in one of them, one in the others."""
        return (self.k + 1) / self.k

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take a SAM gradient at every k-th step; reuse its direction at the others."""
        if self._steps % self.k == 0:
            yield from self._ascend(minibatch)
        else:
            self._reuse(minibatch)
        return self._count

    def synchronise(self) -> None:
        """Make the next step a SAM step."""
        self._steps, self._kept = 0, ParameterState()

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            ``steps`` since the start, and the ``direction`` kept, a tensor or None for each parameter of the optimizer.
        """
        return {"steps": self._steps, "direction": self._kept.saved()}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer.

        Raises:
            ValueError: if the direction does not match the optimizer's parameters.
        """
        self._kept.load("direction", state.get("direction", []), optimizer)
        self._steps = int(state.get("steps", 0))

    def _count(self) -> None:
        self._steps += 1

    def _ascend(self, minibatch: Minibatch) -> Iterator[None]:
        params = minibatch.params_with_grad
        plain = [grad.clone() for grad in gradients(params)]
        with holding(params, moved(params, *self._ascent(minibatch, params))):
            yield
            minibatch.check_gradient()
        triples = [(p, p.grad, g) for p, g in zip(params, plain, strict=True) if p.grad is not None]
        perturbed, plain = [triple[1] for triple in triples], [triple[2] for triple in triples]
        share = dot(perturbed, plain) / (global_norm(plain) ** 2 + TINY)
        with torch.no_grad():
            kept = moved(perturbed, plain, -share)
        self._kept.keep(minibatch.params, {triple[0]: v for triple, v in zip(triples, kept, strict=True)})

    @torch.no_grad()
    def _reuse(self, minibatch: Minibatch) -> None:
        norm = minibatch.check_norm(global_norm(gradients(minibatch.params_with_grad)))
        known, kept = self._kept.among(minibatch.params_with_grad)
        if known:
            perturb(gradients(known), kept, self.alpha * norm / (global_norm(kept) + TINY))
