"""C-Flat++: a C-Flat step if the gradient norm exceeds its running mean, a plain base step otherwise."""

from collections.abc import Mapping
from math import isfinite, tanh
from typing import Any

from torch.optim import Optimizer

from lifelong_lb.hyperparameters import LEVEL, MIDPOINT, RATE, STEEPNESS
from lifelong_lb.optim.checks import number
from lifelong_lb.optim.minibatch import FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rules.c_flat import CFlat
from lifelong_lb.optim.weights import global_norm, gradients


class CFlatPlus(CFlat):
    """C-Flat++: a C-Flat step if ||g(w)|| reaches a moving threshold, a plain base step otherwise.

    Li et al. 2025, "C-Flat++: Towards a More Efficient and Powerful Framework for Continual Learning", arXiv
    2508.18860, as in the authors' toolbox (INFTY, ``c_flat_plus``). At step t = 1, 2, ... the threshold is A s with
    s = 1 / (1 + exp(-steepness (t - midpoint))); after it A <- A + rate (||g(w)|| - A s). While s is small nearly every
    step is a C-Flat step; once s is near 1, A is the running mean of the gradient's norm, and those steps are C-Flat
    steps whose gradient is at least as large.

    A and t are kept between steps. :meth:`synchronise`, called after every epoch, does not change them; the toolbox
    resets them for each experience, which here takes a new rule.

    Args:
        rho: radius of each perturbation, >= 0.
        lamb: weight of the first-order flatness (lambda in the paper), >= 0.
        level: initial A, >= 0 (``A`` in the toolbox, whose defaults are used).
        steepness: slope of the logistic function s, >= 0 (``k``).
        midpoint: step at which s = 1/2, >= 0 (``t0``).
        rate: weight of the newest norm in A, in [0, 1] (``cof``).
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self,
        *,
        rho: float = 0.2,
        lamb: float = 0.2,
        level: float = 5.0,
        steepness: float = 0.1,
        midpoint: float = 80.0,
        rate: float = 0.8,
        passes: Passes | None = None,
    ) -> None:
        super().__init__(rho=rho, lamb=lamb, passes=passes)
        self.level = number("level", level, LEVEL)
        self.steepness = number("steepness", steepness, STEEPNESS)
        self.midpoint = number("midpoint", midpoint, MIDPOINT)
        self.rate = number("rate", rate, RATE)
        self._level, self._steps = self.level, 0

    @property
    def gradient_evaluations(self) -> float:
        """Mean of C-Flat's passes and one: the long-run value if half of the norms exceed their mean.

        The true value depends on the data; before the midpoint nearly every step takes all of C-Flat's passes. The
        Avalanche plugin counts the passes that are taken.
        """
        return (super().gradient_evaluations + 1) / 2

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            ``steps`` since the start, and the ``level`` A.
        """
        return {"steps": self._steps, "level": self._level}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer.
        """
        self._steps, self._level = int(state.get("steps", 0)), float(state.get("level", self.level))

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take C-Flat's passes if the gradient reaches the threshold, and update the threshold."""
        norm = float(global_norm(gradients(minibatch.params_with_grad)))  # decides about the passes, on the host
        minibatch.check_norm(norm)
        active = (1 + tanh(self.steepness * (self._steps + 1 - self.midpoint) / 2)) / 2  # the logistic function
        excess = norm - self._level * active
        if excess >= 0:
            yield from super().further_passes(minibatch)

        def update() -> None:
            self._steps += 1
            if isfinite(norm):  # an infinity would never leave the level
                self._level += self.rate * excess

        return update
