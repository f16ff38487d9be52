"""C-Flat++: C-Flat where the gradient is larger than it has been of late, the base step elsewhere."""

from collections.abc import Mapping
from math import isfinite, tanh
from typing import Any

from torch.optim import Optimizer

from lifelong_lb.optim.c_flat import CFlat
from lifelong_lb.optim.checks import non_negative, proportion
from lifelong_lb.optim.minibatch import Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import Finish
from lifelong_lb.optim.weights import global_norm, gradients


class CFlatPlus(CFlat):
    """C-Flat++: a C-Flat step where ||g(w)|| has reached a moving threshold, the base optimizer's own step elsewhere.

    Li et al. 2025, "C-Flat++: Towards a More Efficient and Powerful Framework for Continual Learning", arXiv
    2508.18860, as the authors' toolbox has it (INFTY, ``c_flat_plus``). At step t = 1, 2, ... the threshold is A s with
    s = 1 / (1 + exp(-steepness (t - midpoint))); after it A <- A + rate (||g(w)|| - A s). While s is small nearly every
    step is a C-Flat step; once s is near 1, A is the running mean of the gradient's norm, and those steps are C-Flat
    steps whose gradient is at least as large.

    A and t are kept between steps. :meth:`synchronise` leaves them alone, since it comes at the end of every epoch; the
    toolbox starts them anew with each experience, which here takes a new rule.

    Args:
        rho: radius of each perturbation, >= 0.
        lamb: weight of the first-order flatness (lambda in the paper), >= 0.
        level: A at the start, >= 0 (``A`` in the toolbox, from whose settings the defaults are).
        steepness: how quickly the threshold comes into force, >= 0 (``k``).
        midpoint: the step at which half of it is in force, >= 0 (``t0``).
        rate: how quickly A follows the norm, in [0, 1] (``cof``).
        passes: how the passes of a step treat BatchNorm, dropout and gradients that are not finite.

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
        self.level = non_negative("level", level)
        self.steepness = non_negative("steepness", steepness)
        self.midpoint = non_negative("midpoint", midpoint)
        self.rate = proportion("rate", rate)
        self._level, self._steps = self.level, 0

    @property
    def gradient_evaluations(self) -> float:
        """Midway between C-Flat's passes and one, as in the long run if norms lie above their mean as often as below.

        It depends on the data, and up to about the midpoint nearly every step takes all of C-Flat's. Where passes are
        counted, as the Avalanche plugin does, they are counted as they are taken.
        """
        return (super().gradient_evaluations + 1) / 2

    def state_dict(self) -> dict[str, Any]:
        """What the rule keeps between steps.

        Returns:
            ``steps`` since the start, and the ``level`` A.
        """
        return {"steps": self._steps, "level": self._level}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Go on where another rule stopped.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer.
        """
        self._steps, self._level = int(state.get("steps", 0)), float(state.get("level", self.level))

    def further_passes(self, minibatch: Minibatch) -> Finish:
        """Take C-Flat's passes if the gradient reaches the threshold, and update the threshold."""
        norm = minibatch.check_norm(global_norm(gradients(minibatch.params_with_grad)))
        in_force = (1 + tanh(self.steepness * (self._steps + 1 - self.midpoint) / 2)) / 2  # the logistic function
        excess = norm - self._level * in_force
        if excess >= 0:
            super().further_passes(minibatch)

        def follow() -> None:
            self._steps += 1
            if isfinite(norm):  # one infinity would stay in the level for ever
                self._level += self.rate * excess

        return follow
