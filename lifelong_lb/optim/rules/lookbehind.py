"""Lookbehind: k ascent steps, a descent step with each of their gradients, then one interpolation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.hyperparameters import ADAPTIVE_INTERPOLATION, STEPS
from lifelong_lb.optim.checks import checked, number_or_name, yes_or_no
from lifelong_lb.optim.minibatch import Finish, FurtherPasses, Minibatch
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import UpdateRule
from lifelong_lb.optim.rules.ascent import (
    AdaptiveMixin,
    ASAMAscent,
    Ascent,
    RadiusMixin,
    SAMAscent,
    climb_further,
    first_point,
)
from lifelong_lb.optim.rules.interpolation import interpolate
from lifelong_lb.optim.rules.minibatch_switching import Switching
from lifelong_lb.optim.weights import copied, holding, load


class _Lookbehind(UpdateRule):
    """Lookbehind over any ascent step.

    From slow = fast = p = w, for i = 1..k on one minibatch: p <- p + e(g(p)), then fast <- base(fast, g(p)); at the
    end w <- slow + alpha (fast - slow). The ascent gradient of step i + 1 is the descent gradient of step i, taken at
    the same weights on the same data, so k + 1 passes do the work of 2k. (With fresh dropout masks the two
    differ; running BatchNorm statistics are updated in one pass, or k + 1, instead of 2k.)

    Memory: two copies besides the weights, which are the fast ones: the slow weights and p; for an adaptive alpha with
    k > 1 the first displacement, and with ASAM one more during an ascent. If a pass raises, the weights are restored;
    inner steps taken by then stay in the momentum of the base optimizer.

    With minibatch switching a step is one inner step, see
    :class:`lifelong_lb.optim.rules.minibatch_switching.Switching`.
    """

    def __init__(
        self, ascent: Ascent, k: int, alpha: float | str, minibatch_switching: bool, passes: Passes | None
    ) -> None:
        super().__init__(passes)
        self._ascent = ascent
        self.uses_names = ascent.uses_names
        self.k = checked("k", k, STEPS)
        self.alpha = number_or_name("alpha", alpha, ADAPTIVE_INTERPOLATION)
        self.interpolates = self.alpha != 1
        self.minibatch_switching = yes_or_no("minibatch_switching", minibatch_switching)
        self._switching = Switching(ascent, self.k, self.alpha) if minibatch_switching else None
        self._restore: Finish | None = None

    @property
    def gradient_evaluations(self) -> float:
        """Passes at w and at each of the k perturbed points, k + 1; with minibatch switching 2."""
        return 2 if self.minibatch_switching else self.k + 1

    @property
    def keeps_weights(self) -> bool:
        """True with minibatch switching and k > 1."""
        return self.minibatch_switching and self.k > 1

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the k inner steps except the last base step; with minibatch switching one inner step."""
        if self._switching is not None:
            return (yield from self._switching.further_pass(minibatch, self.observer))
        params = minibatch.params
        point, slow = first_point(minibatch, self._ascent), copied(params)
        first: list[Tensor] = []
        try:
            with holding(params, point):
                yield
                if self.k == 1:
                    minibatch.check_gradient()
            for i in range(1, self.k):
                with holding(params, point):
                    climb_further(minibatch, self._ascent)  # before the base step, which may change gradients in place
                minibatch.base_step()
                if i == 1 and isinstance(self.alpha, str):
                    first = list(torch._foreach_sub([p.detach() for p in params], slow))
                with holding(params, point):
                    yield
                    if i == self.k - 1:
                        minibatch.check_gradient()
        except BaseException:
            load(params, slow)
            raise
        self._restore = lambda: load(params, slow)

        def finish() -> None:
            alpha = self.alpha if first or not isinstance(self.alpha, str) else 1.0  # with one step the cosine is 1
            alphas = interpolate(params, slow, alpha, first)
            self._restore = None
            if self.observer is not None:
                self.observer.interpolated(alphas)

        return finish

    def load_first_point(self, params: list[Tensor]) -> None:
        """With minibatch switching: load the perturbed point p."""
        if self._switching is not None:
            self._switching.load_point(params, self.observer)

    def undo_step(self) -> None:
        """Restore the weights from before a step that failed."""
        restore, self._restore = self._restore, None
        if restore is not None:
            restore()
        if self._switching is not None:
            self._switching.load_slow()

    def abandon(self) -> None:
        """Undo an unfinished step; with minibatch switching, load the slow weights and reset."""
        self.undo_step()
        if self._switching is not None:
            self._switching.abandon()

    def skip_step(self) -> Finish:
        """End a step without gradients; with minibatch switching at the slow weights."""
        self.undo_step()
        return lambda: None

    def synchronise(self) -> None:
        """With minibatch switching: interpolate now, even after fewer than k minibatches."""
        if self._switching is not None:
            self._switching.synchronise(self.observer)

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            Empty; with minibatch switching ``steps`` since the last interpolation, the ``point`` p, the ``fast``
            weights and the ``first`` displacement, each in the order of the optimizer's parameters.
        """
        return {} if self._switching is None else self._switching.state_dict()

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer; its parameters hold the slow weights.

        Raises:
            ValueError: if the state does not fit the optimizer's parameters.
        """
        if self._switching is not None:
            self._switching.load_state_dict(state, optimizer)


class LookbehindSAM(RadiusMixin, _Lookbehind):
    """Lookbehind-SAM: k SAM ascent steps behind, one interpolated step forward.

    Mordido et al. 2024, "Lookbehind-SAM: k steps back, 1 step forward", arXiv 2307.16704, algorithm 1. k = 1 with
    alpha = 1 is SAM.

    Args:
        rho: radius of each ascent step, >= 0.
        k: number of inner steps, >= 1.
        alpha: interpolation factor in (0, 1], ``"adaptive"`` (per tensor) or ``"adaptive-global"`` (one for all):
            see :func:`adaptive_alpha`.
        minibatch_switching: whether the k inner steps use k successive minibatches instead of one, at 2 passes each.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.

    Example:
        One step on f(w) = w^2 / 2 from w = 1 with learning rate 0.1: p_1 = 1.5, fast_1 = 1 - 0.15 = 0.85, p_2 = 2,
        fast_2 = 0.85 - 0.2 = 0.65, and half-way back to the slow weight, 0.825.

        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (w**2 / 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> loss = LookbehindSAM(rho=0.5, k=2, alpha=0.5).step(optimizer, closure)
        >>> round(loss.item(), 6), round(w.item(), 6)
        (0.5, 0.825)
    """

    def __init__(
        self,
        *,
        rho: float = 0.05,
        k: int = 5,
        alpha: float | str = 0.5,
        minibatch_switching: bool = False,
        passes: Passes | None = None,
    ) -> None:
        super().__init__(SAMAscent(rho), k, alpha, minibatch_switching, passes)


class LookbehindASAM(AdaptiveMixin, _Lookbehind):
    """Lookbehind-ASAM: :class:`LookbehindSAM` with ASAM's ascent, scaled at the weights where each gradient is taken.

    Mordido et al. 2024, arXiv 2307.16704, algorithm 1 over Kwon et al. 2021, arXiv 2102.11600.

    Args:
        rho: radius of each ascent step, >= 0.
        eta: added to the absolute weights, > 0.
        k: number of inner steps, >= 1.
        alpha: interpolation factor in (0, 1], ``"adaptive"`` (per tensor) or ``"adaptive-global"`` (one for all):
            see :func:`adaptive_alpha`.
        minibatch_switching: whether the k inner steps use k successive minibatches instead of one, at 2 passes each.
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self,
        *,
        rho: float = 0.5,
        eta: float = 0.01,
        k: int = 5,
        alpha: float | str = 0.5,
        minibatch_switching: bool = False,
        passes: Passes | None = None,
    ) -> None:
        super().__init__(ASAMAscent(rho, eta), k, alpha, minibatch_switching, passes)
