"""Optimizers whose ``step`` evaluates a closure: L-BFGS, and sharpness-aware optimizers of other packages."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lifelong_lb.optim.base_optimizers.rebuilding import Build, RebuiltOptimizer
from lifelong_lb.optim.minibatch import Closure, trainable
from lifelong_lb.optim.modes import check_downhill
from lifelong_lb.optim.passes import Passes, RandomState, drawn_again, forget_cached_weights, statistics_kept
from lifelong_lb.optim.weights import copied, load


class ClosureOptimizer(RebuiltOptimizer):
    """An optimizer whose ``step`` takes a closure, for training loops that call ``step()`` without one.

    The loop takes its ordinary pass between :meth:`before_first_pass` and :meth:`after_first_pass`; the evaluations
    during the following ``step()`` are further passes over the same minibatch. The ordinary pass counts as the
    optimizer's first evaluation if weights and gradients are unchanged since (L-BFGS starts this way). An optimizer
    that uses the existing gradients and evaluates at other weights (SAM) gets a new pass. If a pass raises, the weights
    from before the step are restored. Inside Avalanche, :class:`lifelong_lb.strategies.SharpnessAwarePlugin` with
    :class:`lifelong_lb.optim.NoRule` makes these calls.

    Args:
        build: builds the optimizer over a list of parameters.
        params: the initial parameters, or groups of them.
        restart: whether to reset the state when parameters change. L-BFGS needs it: its history holds vectors over
            all parameters.

    Raises:
        ValueError: for an optimizer that maximises.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([3.0]))
        >>> optimizer = ClosureOptimizer(lambda params: torch.optim.LBFGS(params, max_iter=1), [w], restart=True)
        >>> w.grad = torch.tensor([0.5])
        >>> optimizer.after_first_pass(lambda: torch.tensor(2.0), torch.tensor(1.0))
        >>> optimizer.step().item(), w.item()  # the first pass's loss, and w - 0.5: no new evaluation
        (1.0, 2.5)
    """

    def __init__(self, build: Build, params: Iterable[Any], *, restart: bool = False) -> None:
        super().__init__(build, params, restart=restart)
        check_downhill(self.base)
        self._begin()

    def _begin(self) -> None:
        self._passes = Passes()
        self._random: RandomState | None = None
        self._again: _FurtherPasses | None = None

    def before_first_pass(self, passes: Passes | None = None) -> None:
        """Prepare a step; to be called before its ordinary pass.

        Args:
            passes: treatment of BatchNorm and dropout in the passes of the step; None for the defaults.
        """
        self.adapt()
        self._passes = Passes() if passes is None else passes
        devices = {p.device for p in trainable(self)}
        self._random = RandomState(devices) if self._passes.dropout == "same" else None

    def after_first_pass(self, closure: Closure, loss: Tensor) -> None:
        """Register the ordinary pass, whose gradient is in ``.grad``, and the closure for further passes.

        Args:
            closure: zeroes the gradients, runs forward and backward, returns the loss.
            loss: loss of the ordinary pass.
        """
        self._again = _FurtherPasses(trainable(self), closure, loss, self._passes, self._random)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the optimizer.

        Args:
            closure: for a loop that has one; the ordinary pass is ignored then.

        Returns:
            What the optimizer returns.

        Raises:
            ValueError: if there is neither a closure nor an ordinary pass.
        """
        again, self._again = self._again, None
        if closure is not None:
            return super().step(closure)
        if again is None:
            raise ValueError(
                f"{type(self.base).__name__} evaluates the loss itself: call step(closure), or after_first_pass() "
                "before each step(); inside Avalanche SharpnessAwarePlugin(NoRule()) does that"
            )
        try:
            return super().step(again)
        except BaseException:
            load(again.params, again.weights)
            raise

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._begin()


@dataclass
class _FurtherPasses:
    """Closure that is passed to the optimizer.

    Attributes:
        params: parameters that the step may move.
        closure: evaluates the minibatch.
        loss: loss of the first pass.
        passes: treatment of BatchNorm and dropout.
        random: random state before the first pass, to repeat its draws.
        weights: the parameters' values at the first pass.
        gradients: gradients of the first pass.
        fresh: whether nothing has been evaluated since the first pass.
    """

    params: list[Tensor]
    closure: Closure
    loss: Tensor
    passes: Passes
    random: RandomState | None
    weights: list[Tensor] = field(init=False)
    gradients: list[Tensor | None] = field(init=False)
    fresh: bool = True

    def __post_init__(self) -> None:
        self.weights = copied(self.params)
        self.gradients = [None if p.grad is None else p.grad.clone() for p in self.params]

    def __call__(self) -> Tensor:
        fresh, self.fresh = self.fresh, False
        if fresh and self._untouched():
            return self.loss.detach()  # detached: torch warns if a loss with a graph is converted to a number
        forget_cached_weights()
        statistics = nullcontext() if self.passes.batch_norm == "all" else statistics_kept()
        with torch.enable_grad(), statistics, nullcontext() if self.random is None else drawn_again(self.random):
            return self.closure().detach()

    def _untouched(self) -> bool:
        """Whether weights and gradients are those of the first pass, value for value."""
        return all(
            torch.equal(p, w) and _same(p.grad, g)
            for p, w, g in zip(self.params, self.weights, self.gradients, strict=True)
        )


def _same(first: Tensor | None, second: Tensor | None) -> bool:
    if first is None or second is None:
        return first is second
    return torch.equal(first, second)
