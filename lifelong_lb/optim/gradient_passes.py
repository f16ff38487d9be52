"""The passes of one step of an update rule, each taken by the caller."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.optim.leftovers import Gradients, check_replaced, clear_gradients, clear_used, mark_used, refuse
from lifelong_lb.optim.minibatch import Minibatch, Observer, optimizer_names, trainable
from lifelong_lb.optim.passes import (
    Passes,
    RandomState,
    forget_cached_weights,
    layers_with_statistics,
    statistics_kept,
)
from lifelong_lb.optim.scaling import Scaler, unscale

Finish = Callable[[], None]
"""Called after the last base step of a rule's step."""

FurtherPasses = Generator[None, None, Finish]
"""Yields where the gradient at the current weights is to be taken; returns what follows the last base step."""


@dataclass
class StepSettings:
    """How the passes of one step are taken.

    Attributes:
        optimizer: the base optimizer.
        passes: treatment of BatchNorm, dropout and non-finite gradients.
        model: the model; without it, normalisation layers are detected in each pass.
        observer: called after each pass.
        scaler: unscales the gradient of each pass; or None.
        repeats: whether there may be passes after the first.
        random: random state before the first pass, to repeat its draws; set there unless given.
        overflowed: whether the scaler found a gradient that is not finite.
    """

    optimizer: Optimizer
    passes: Passes
    model: nn.Module | None = None
    observer: Observer | None = None
    scaler: Scaler | None = None
    repeats: bool = True
    random: RandomState | None = None
    overflowed: bool = False
    params: list[Tensor] = field(init=False)
    _layers: list[nn.Module] | None = None

    def __post_init__(self) -> None:
        """Collect the parameters."""
        self.params = trainable(self.optimizer)

    @contextmanager
    def surroundings(self, first: bool) -> Iterator[None]:
        """Random state and running statistics of a pass.

        Args:
            first: whether it is the first pass.

        Yields:
            None.
        """
        forget_cached_weights()
        if not first and self.random is not None:
            self.random.restore()
        elif first and self.repeats and self.passes.dropout == "same":
            self.random = RandomState({p.device for p in self.params})
        with torch.enable_grad(), nullcontext() if first else self._statistics():
            yield

    def _statistics(self) -> AbstractContextManager[None]:
        if self.passes.batch_norm == "all":
            return nullcontext()
        if self._layers is None and self.model is not None:  # once per step, and only if there is a second pass
            self._layers = layers_with_statistics(self.model)
        return statistics_kept(self._layers)

    def finish_pass(self, index: int, loss: Tensor | float | None) -> None:
        """Unscale the gradient of a pass, and show it to the observer.

        Args:
            index: number of the pass.
            loss: its loss, if known.

        Raises:
            OverflowedError: if the scaler finds that it is not finite.
        """
        if self.scaler is not None and any(p.grad is not None for p in self.params):
            self.overflowed = not unscale(self.scaler, self.optimizer, index)
        if self.observer is not None:
            self.observer.passed(self.params, loss)

    @contextmanager
    def other_gradients_kept(self) -> Iterator[None]:
        """Keep the first pass's gradients of the model's parameters that the optimizer does not have.

        Yields:
            None.
        """
        others = [] if self.model is None else parameters_outside(self.model, self.params)
        first = [p.grad for p in others]
        clear_gradients(others)
        try:
            yield
        finally:
            for p, grad in zip(others, first, strict=True):
                p.grad = grad


def parameters_outside(model: nn.Module, params: list[Tensor]) -> list[Tensor]:
    """Trainable parameters of a model that are not among given ones.

    Args:
        model: any module.
        params: the given ones.

    Returns:
        The others.
    """
    known = set(params)
    return [p for p in model.parameters() if p.requires_grad and p not in known]


class GradientPass:
    """One pass of a step; the parameters hold the weights at which its gradient is to be taken.

    Within ``with p:``, random numbers and running statistics are treated as the rule's
    :class:`~lifelong_lb.optim.Passes` say, and gradients start from zero. :meth:`backward` is called once per
    micro-batch, and gradients add up. A framework's own one, such as ``accelerator.backward(loss)``, may replace it.

    Args:
        index: number of the pass, from 0.
        settings: how the passes of the step are taken.
        closure: whether a closure takes the pass, which may zero the gradients itself.

    Attributes:
        index: number of the pass, from 0.
        loss: sum of the losses so far; None before the first.
    """

    def __init__(self, index: int, settings: StepSettings, *, closure: bool = False) -> None:
        self.index, self.loss = index, None
        self._settings, self._closure = settings, closure
        self._block: AbstractContextManager[None] | None = None
        self._earlier: Gradients = []
        self._taken = False

    loss: Tensor | float | None

    @property
    def first(self) -> bool:
        """Whether it is the first pass of the step."""
        return self.index == 0

    def __enter__(self) -> "GradientPass":
        if self._taken or self._block is not None:
            raise ValueError(f"pass {self.index} was entered before; each pass is taken once, in its own `with` block")
        if not self.first:
            clear_gradients(self._settings.params)
        else:
            self._earlier = clear_used(self._settings.params)
            if self._earlier and self._settings.repeats and not self._closure:
                refuse("pass 0 would add to them")
        self._block = self._settings.surroundings(self.first)
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block, self._block = self._block, None
        assert block is not None
        block.__exit__(kind, error, traceback)
        if error is None:
            if self._settings.repeats:
                check_replaced(self._earlier)
            self._earlier, self._taken = [], True
            self._settings.finish_pass(self.index, self.loss)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to that of the pass, scaled if the step has a scaler.

        Args:
            loss: a scalar; the losses of several calls add up.

        Raises:
            ValueError: outside the block of the pass.
        """
        if self._block is None:
            raise ValueError(f"backward() of pass {self.index} must be called within `with p:`")
        self.loss = loss.detach() if self.loss is None else self.loss + loss.detach()
        scaler = self._settings.scaler
        (loss if scaler is None else scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def mark_used(self) -> None:
        """Mark the gradients in ``.grad`` as used by this step, unless they are earlier ones."""
        if not self._earlier:
            mark_used(self._settings.params)

    def check_taken(self) -> None:
        """Check that the pass was taken.

        Raises:
            ValueError: if not, or if the first pass has left no gradient or a closure no loss.
            OverflowedError: if the scaled gradient is not finite.
        """
        if not self._taken:
            raise ValueError(
                f"pass {self.index} was not taken: evaluate the loss within `with p:` and call p.backward(loss), or "
                "break out of the loop to skip the step"
            )
        if self._settings.overflowed:
            raise OverflowedError
        if not self.first:
            return
        who, call = ("closure", "backward()") if self._closure else ("first pass", "p.backward(loss)")
        if self._closure and self.loss is None:
            raise ValueError("the closure must return the loss; it returned None")
        params = self._settings.params
        if all(p.grad is None for p in params):
            raise ValueError(
                f"the {who} must leave gradients: after it, none of the optimizer's {len(params)} trainable parameters "
                f"has one; it has to call {call} on a loss that depends on them"
            )


def further_passes(further: FurtherPasses, settings: StepSettings) -> Generator[GradientPass, None, Finish]:
    """Passes of a step after the first, as a rule requests them.

    Args:
        further: the rule's passes.
        settings: how they are taken.

    Yields:
        Each pass, to be taken before the next one is requested.

    Returns:
        A function to call after the last base step.
    """
    index = 0
    with closing(further), settings.other_gradients_kept():
        while True:
            try:
                next(further)
            except StopIteration as stop:
                finish: Finish = stop.value
                return finish
            one = GradientPass(index := index + 1, settings)
            yield one
            one.check_taken()


class OverflowedError(ArithmeticError):
    """A scaled gradient is not finite, so that the step is skipped."""


class StepRule(Protocol):
    """What the passes of a step need of a rule, see :class:`lifelong_lb.optim.UpdateRule`."""

    passes: Passes
    observer: Observer | None
    uses_names: bool

    @property
    def gradient_evaluations(self) -> float: ...  # noqa: D102

    def begin_step(self, optimizer: Optimizer) -> None: ...  # noqa: D102

    def request_passes(self, minibatch: Minibatch) -> FurtherPasses: ...  # noqa: D102

    def undo_step(self) -> None: ...  # noqa: D102


class GradientPasses:
    """The passes of one step, to iterate over; see :meth:`lifelong_lb.optim.UpdateRule.gradient_passes`.

    Args:
        rule: the update rule.
        optimizer: the base optimizer.
        model: the model; without it, normalisation layers are detected in each pass.
        scaler: a gradient scaler, or None.
        closure: whether a closure takes the passes.

    Attributes:
        skipped: whether the step was skipped because a scaled gradient was not finite.
    """

    def __init__(
        self,
        rule: StepRule,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        *,
        scaler: Scaler | None = None,
        closure: bool = False,
    ) -> None:
        self._rule, self._optimizer, self._model, self._scaler = rule, optimizer, model, scaler
        self._closure = closure
        self.skipped = False

    def __iter__(self) -> Generator[GradientPass, None, Tensor | float | None]:
        rule, optimizer = self._rule, self._optimizer
        rule.begin_step(optimizer)
        settings = StepSettings(
            optimizer,
            rule.passes,
            self._model,
            rule.observer,
            self._scaler,
            repeats=rule.gradient_evaluations > 1,
        )
        first = GradientPass(0, settings, closure=self._closure)
        try:
            yield first
            first.check_taken()
            names = optimizer_names(optimizer) if rule.uses_names else None
            minibatch = Minibatch(optimizer, passes=rule.passes, names=names)
            finish = yield from further_passes(rule.request_passes(minibatch), settings)
            optimizer.step()
            finish()
        except OverflowedError:
            rule.undo_step()
            self.skipped = True
        except BaseException:
            rule.undo_step()
            raise
        finally:
            forget_cached_weights()
            first.mark_used()
        return first.loss


def take_all(passes: Generator[GradientPass, None, Any], closure: Callable[[], Any]) -> Any:
    """Take passes with a closure.

    Args:
        passes: the passes.
        closure: evaluates the minibatch, and returns the loss.

    Returns:
        What the generator of the passes returns.
    """
    with closing(passes):
        while True:
            try:
                one = next(passes)
            except StopIteration as stop:
                return stop.value
            with one:
                one.loss = closure()
