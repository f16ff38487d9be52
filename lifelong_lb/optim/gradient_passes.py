"""The passes of one step of an update rule, each taken by the caller."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.optim.leftovers import Gradients, check_replaced, clear_gradients, clear_used, mark_used, refuse
from lifelong_lb.optim.minibatch import Finish, FurtherPasses, Minibatch, Observer, optimizer_names
from lifelong_lb.optim.passes import (
    Passes,
    RandomState,
    forget_cached_weights,
    layers_with_statistics,
    statistics_kept,
)
from lifelong_lb.optim.scaling import Scaler, unscale


@dataclass(slots=True)
class StepSettings:
    """How the passes of one step are taken.

    Attributes:
        optimizer: the base optimizer.
        params: its trainable parameters.
        passes: treatment of BatchNorm, dropout and non-finite gradients.
        model: the model; without it, normalisation layers are detected in each pass.
        observer: called after each pass.
        scaler: unscales the gradient of each pass; or None.
        repeats: whether there may be passes after the first.
        random: random state before the first pass, to repeat its draws; set there unless given.
        overflowed: whether the scaler found a gradient that is not finite.
    """

    optimizer: Optimizer
    params: list[Tensor]
    passes: Passes
    model: nn.Module | None = None
    observer: Observer | None = None
    scaler: Scaler | None = None
    repeats: bool = True
    random: RandomState | None = None
    overflowed: bool = False
    _layers: list[nn.Module] | None = None
    _grad: torch.enable_grad | None = None
    _frozen: AbstractContextManager[None] | None = None
    _others: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)

    def begin_pass(self, first: bool) -> None:
        """Set the random state, and freeze running statistics after the first pass.

        Args:
            first: whether it is the first pass.
        """
        forget_cached_weights()
        if first:
            if self.repeats and self.passes.dropout == "same":
                self.random = RandomState({p.device for p in self.params})
        elif self.random is not None:
            self.random.restore()
        self._grad = torch.enable_grad()
        self._grad.__enter__()
        if not first and self.passes.batch_norm != "all":
            self._frozen = statistics_kept(self._layers)
            self._frozen.__enter__()

    def end_pass(self) -> None:
        """Restore what :meth:`begin_pass` has set, except the random state."""
        frozen, self._frozen = self._frozen, None
        if frozen is not None:
            frozen.__exit__(None, None, None)
        assert self._grad is not None
        self._grad.__exit__(None, None, None)

    def clear(self) -> None:
        """Remove the gradients of the pass before.

        Those of the model's parameters that the optimizer does not have stay those of the first pass, see
        :meth:`restore_others`.
        """
        if self._layers is None and self.model is not None:  # once per step, and only if there is a second pass
            modules = list(self.model.modules())
            self._layers = layers_with_statistics(modules)
            others = parameters_outside(modules, self.params)
            self._others = [(p, p.grad) for p in others]
        clear_gradients(self.params)
        for p, _ in self._others:
            p.grad = None

    def restore_others(self) -> None:
        """Restore the first pass's gradients of parameters that the optimizer does not have."""
        for p, grad in self._others:
            p.grad = grad

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


def parameters_outside(modules: Sequence[nn.Module], params: Sequence[Tensor]) -> list[Tensor]:
    """Trainable parameters of modules that are not among given ones.

    Args:
        modules: all modules of a model.
        params: the given ones.

    Returns:
        The others.
    """
    known = set(map(id, params))
    return [
        p for m in modules for p in m._parameters.values() if p is not None and p.requires_grad and id(p) not in known
    ]


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
        self._earlier: Gradients = []
        self._open = self._taken = False

    loss: Tensor | float | None

    @property
    def first(self) -> bool:
        """Whether it is the first pass of the step."""
        return self.index == 0

    def __enter__(self) -> "GradientPass":
        if self._taken or self._open:
            raise ValueError(f"pass {self.index} was entered before; each pass is taken once, in its own `with` block")
        if not self.first:
            self._settings.clear()
        else:
            self._earlier = clear_used(self._settings.params)
            if self._earlier and self._settings.repeats and not self._closure:
                refuse("pass 0 would add to them")
        self._settings.begin_pass(self.first)
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        self._settings.end_pass()
        if error is None:
            if self._settings.repeats:
                check_replaced(self._earlier)
            self._earlier, self._taken = [], True
            if self._settings.scaler is not None or self._settings.observer is not None:
                self._settings.finish_pass(self.index, self.loss)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to that of the pass, scaled if the step has a scaler.

        Args:
            loss: a scalar; the losses of several calls add up.

        Raises:
            ValueError: outside the block of the pass.
        """
        if not self._open:
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
        if not any(True for p in params if p.grad is not None):
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
    try:
        while True:
            try:
                next(further)
            except StopIteration as stop:
                settings.restore_others()
                finish: Finish = stop.value
                return finish
            one = GradientPass(index := index + 1, settings)
            yield one
            one.check_taken()
    finally:
        further.close()


class OverflowedError(ArithmeticError):
    """A scaled gradient is not finite, so that the step is skipped."""


class StepRule(Protocol):
    """What the passes of a step need of a rule, see :class:`lifelong_lb.optim.UpdateRule`."""

    passes: Passes
    observer: Observer | None
    uses_names: bool

    @property
    def gradient_evaluations(self) -> float: ...  # noqa: D102

    def begin_step(self, optimizer: Optimizer) -> list[Tensor]: ...  # noqa: D102

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
        params = rule.begin_step(optimizer)
        settings = StepSettings(
            optimizer,
            params,
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
            minibatch = Minibatch(optimizer, params, passes=rule.passes, names=names)
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
    try:
        while True:
            try:
                one = next(passes)
            except StopIteration as stop:
                return stop.value
            with one:
                one.loss = closure()
    finally:
        passes.close()
