"""Lookahead: k steps on k minibatches with fast weights, then an interpolation with the slow weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.hyperparameters import INTERPOLATION, STEPS
from lifelong_lb.optim.checks import checked, number
from lifelong_lb.optim.minibatch import Finish, FurtherPasses, Minibatch, trainable
from lifelong_lb.optim.passes import Passes
from lifelong_lb.optim.rule import NoRule, UpdateRule
from lifelong_lb.optim.rules.ascent import AdaptiveMixin, RadiusMixin
from lifelong_lb.optim.rules.sam import ASAM, SAM
from lifelong_lb.optim.weights import copied, load


class Lookahead(UpdateRule):
    """Lookahead over the base optimizer: after every k steps, slow <- slow + alpha (fast - slow) and fast <- slow.

    Zhang et al. 2019, "Lookahead Optimizer: k steps forward, 1 step back", arXiv 1907.08610, algorithm 1; the base
    optimizer's momentum is kept across the interpolation. Between steps the parameters hold the fast weights and the
    rule the slow ones: call :meth:`synchronise` at the end of an epoch, and :meth:`show_slow` around an evaluation.
    alpha = 1 is the base optimizer.

    Args:
        k: number of steps, >= 1.
        alpha: interpolation factor, in (0, 1].
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, k: int = 5, alpha: float = 0.5, passes: Passes | None = None) -> None:
        super().__init__(passes)
        self._use(NoRule())
        self.k = checked("k", k, STEPS)
        self.alpha = number("alpha", alpha, INTERPOLATION)
        self.interpolates = self.alpha != 1
        self._steps = 0
        self._params: list[Tensor] = []
        self._slow: list[Tensor] = []

    def _use(self, inner: UpdateRule) -> None:
        self._inner = inner
        self.uses_names, self.ascends = inner.uses_names, inner.ascends

    @property
    def gradient_evaluations(self) -> float:
        """Passes of the inner rule per step."""
        return self._inner.gradient_evaluations

    @property
    def keeps_weights(self) -> bool:
        """True unless k = 1."""
        return self.k > 1

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take the inner rule's passes, and count the step."""
        self._track(minibatch.params)
        finish_inner = yield from self._inner.further_passes(minibatch)

        def finish() -> None:
            finish_inner()
            self._steps += 1
            if self._steps == self.k:
                self.synchronise()

        return finish

    @torch.no_grad()
    def synchronise(self) -> None:
        """Interpolate now, even after fewer than k steps; a no-op before the first one."""
        if self._steps:
            if self.alpha != 1:
                torch._foreach_lerp_(self._params, self._slow, 1 - self.alpha)
            if self.observer is not None:
                self.observer.interpolated([self.alpha])
        self._steps = 0
        self._params, self._slow = [], []

    def abandon(self) -> None:
        """Load the slow weights and reset, after training ended with an exception."""
        if self._params:
            load(self._params, self._slow)
        self._steps = 0
        self._params, self._slow = [], []

    def show_slow(self) -> Finish:
        """Load the slow weights temporarily.

        Returns:
            A function that restores the fast weights.
        """
        if not self._steps:
            return lambda: None
        params, fast = self._params, copied(self._params)
        load(params, self._slow)
        return lambda: load(params, fast)

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            ``steps`` since the last interpolation, and the ``slow`` weights in the order of the optimizer's parameters.
        """
        return {"steps": self._steps, "slow": copied(self._slow)}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer; its parameters hold the fast weights.

        Raises:
            ValueError: if the slow weights do not fit the optimizer's parameters.
        """
        steps = int(state.get("steps", 0))
        params, slow = trainable(optimizer), [tensor.clone() for tensor in state.get("slow", [])]
        if steps and [p.shape for p in params] != [s.shape for s in slow]:
            raise ValueError(
                f"the slow weights must match the optimizer's parameters; got {len(slow)} tensors of shapes "
                f"{_shapes(slow)} for {len(params)} of shapes {_shapes(params)}"
            )
        self._steps = steps
        self._params, self._slow = (params, slow) if self._steps else ([], [])

    def _track(self, params: Sequence[Tensor]) -> None:
        """Keep slow weights for all current parameters; those of new ones start at their values."""
        if self._steps and len(params) == len(self._params) and all(map(_same, params, self._params)):
            return
        known = dict(zip(self._params, self._slow, strict=True)) if self._steps else {}
        self._slow = [known[p] if p in known else p.detach().clone() for p in params]
        self._params = list(params)


class LookaheadSAM(RadiusMixin, Lookahead):
    """Lookahead whose steps are SAM steps.

    Zhang et al. 2019 (arXiv 1907.08610) over Foret et al. 2021 (arXiv 2010.01412), as compared in Mordido et al. 2024
    (arXiv 2307.16704). alpha = 1 is SAM.

    Args:
        rho: radius of the perturbation, >= 0.
        k: number of steps, >= 1.
        alpha: interpolation factor, in (0, 1].
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.05, k: int = 5, alpha: float = 0.5, passes: Passes | None = None) -> None:
        super().__init__(k=k, alpha=alpha, passes=passes)
        self._use(inner := SAM(rho=rho))
        self._ascent = inner._ascent


class LookaheadASAM(AdaptiveMixin, Lookahead):
    """Lookahead whose steps are ASAM steps.

    Zhang et al. 2019 (arXiv 1907.08610) over Kwon et al. 2021 (arXiv 2102.11600), as compared in Mordido et al. 2024
    (arXiv 2307.16704). alpha = 1 is ASAM.

    Args:
        rho: radius of the perturbation, >= 0.
        eta: added to the absolute weights, > 0.
        k: number of steps, >= 1.
        alpha: interpolation factor, in (0, 1].
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(
        self, *, rho: float = 0.5, eta: float = 0.01, k: int = 5, alpha: float = 0.5, passes: Passes | None = None
    ) -> None:
        super().__init__(k=k, alpha=alpha, passes=passes)
        self._use(inner := ASAM(rho=rho, eta=eta))
        self._ascent = inner._ascent


def _same(first: Tensor, second: Tensor) -> bool:
    return first is second


def _shapes(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str(tuple(t.shape)) for t in tensors[:4]) + (", ..." if len(tensors) > 4 else "")
