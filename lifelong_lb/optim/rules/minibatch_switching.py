"""Lookbehind with minibatch switching: the k inner steps on k successive minibatches."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.minibatch import Minibatch, Observer, trainable
from lifelong_lb.optim.rules.ascent import Ascent, first_point
from lifelong_lb.optim.rules.interpolation import interpolate
from lifelong_lb.optim.weights import copied, hold, holding, load


class Switching:
    """State of Lookbehind between iterations if each inner step takes another minibatch.

    Mordido et al. 2024 (arXiv 2307.16704): from slow = fast = p = w, inner step i takes minibatch i:
    p <- p + e(g_i(p)), then fast <- base(fast, g_i(p)); after k minibatches w <- slow + alpha (fast - slow). Data
    differ from step to step, so no gradient can be used twice: an inner step takes 2 passes, and an epoch costs the
    same as with SAM.

    Between iterations the parameters hold the slow weights; p, the fast weights and, for an adaptive alpha, the first
    displacement are kept here. They are exchanged with the parameters' values.

    Args:
        ascent: the kind of ascent step.
        k: number of inner steps.
        alpha: interpolation factor, see :func:`lifelong_lb.optim.rules.interpolation.interpolate`.
    """

    def __init__(self, ascent: Ascent, k: int, alpha: float | str) -> None:
        self._ascent, self._k, self._alpha = ascent, k, alpha
        self._reset()
        self._restore_slow: Callable[[], None] | None = None  # while the parameters hold other weights

    def _reset(self) -> None:
        self._steps = 0
        self._params: list[Tensor] = []
        self._point: list[Tensor] = []
        self._fast: list[Tensor] = []
        self._first: list[Tensor] = []

    def load_point(self, params: Sequence[Tensor], observer: Observer | None) -> None:
        """Load p, where the next first gradient is taken.

        Args:
            params: the optimizer's trainable parameters; if they have changed, e.g. a head has grown, interpolate
                first.
            observer: called after an interpolation; or None.
        """
        self.load_slow()
        if self._steps and not _same(params, self._params):
            self.synchronise(observer)
        self._restore_slow = hold(self._params, self._point)

    def load_slow(self) -> None:
        """Load the slow weights, if other weights are loaded."""
        load, self._restore_slow = self._restore_slow, None
        if load is not None:
            load()

    def abandon(self) -> None:
        """Load the slow weights and reset."""
        self.load_slow()
        self._reset()

    def further_pass(
        self, minibatch: Minibatch, observer: Observer | None
    ) -> Generator[None, None, Callable[[], None]]:
        """Take the second pass of an inner step, then load the fast weights for the base step.

        Args:
            minibatch: the minibatch, with the gradient at p in ``.grad``; the parameters hold p.
            observer: called after an interpolation; or None.

        Returns:
            A function to call after the base step.
        """
        params = minibatch.params
        try:
            point = first_point(minibatch, self._ascent)
            with holding(params, point):
                yield
                minibatch.check_gradient()
        except BaseException:
            self.load_slow()
            raise
        if not self._steps:
            self._params, self._fast = params, copied(params)
        self.load_slow()
        self._restore_slow = hold(params, self._fast)

        def finish() -> None:
            self.load_slow()
            if not self._steps and isinstance(self._alpha, str):
                self._first = list(torch._foreach_sub(self._fast, [p.detach() for p in params]))
            self._point = point
            self._steps += 1
            if self._steps == self._k:
                self.synchronise(observer)

        return finish

    def synchronise(self, observer: Observer | None) -> None:
        """Interpolate now, even after fewer than k inner steps; a no-op before the first one.

        Args:
            observer: called after the interpolation; or None.
        """
        self.load_slow()
        try:
            if self._steps:
                slow = [p.detach() for p in self._params]
                alpha = 1.0 if isinstance(self._alpha, str) and self._steps == 1 else self._alpha
                used = interpolate(self._fast, slow, alpha, self._first)
                load(slow, self._fast)
                if observer is not None:
                    observer.interpolated(used)
        finally:
            self._reset()  # also if an adaptive factor cannot be computed; the parameters hold the slow weights then

    def state_dict(self) -> dict[str, Any]:
        """State that is kept between steps.

        Returns:
            ``steps`` since the last interpolation, ``point``, ``fast`` and ``first``.
        """
        kept = {"point": self._point, "fast": self._fast, "first": self._first}
        return {"steps": self._steps, **{name: copied(tensors) for name, tensors in kept.items()}}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer; its parameters hold the slow weights.

        Raises:
            ValueError: if the state does not fit the optimizer's parameters.
        """
        self.load_slow()
        self._reset()
        if not state.get("steps"):
            return
        params = trainable(optimizer)
        needed = ("point", "fast", "first") if isinstance(self._alpha, str) else ("point", "fast")
        for name in needed:
            if [p.shape for p in params] != [t.shape for t in state[name]]:
                raise ValueError(
                    f"{name} must match the optimizer's {len(params)} parameters; got {len(state[name])} tensors"
                    f"{' of other shapes' if len(state[name]) == len(params) else ''}"
                )
        self._steps, self._params = int(state["steps"]), params
        self._point, self._fast = copied(state["point"]), copied(state["fast"])
        self._first = copied(state["first"])


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))
