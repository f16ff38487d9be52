"""Base class of update rules: the passes between a gradient at w and a step of the base optimizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.averaging import slow_weights_conflict
from lifelong_lb.optim.minibatch import BeforeDescent, Closure, Minibatch, Names, Observer, trainable
from lifelong_lb.optim.modes import maximising
from lifelong_lb.optim.passes import Passes, RandomState
from lifelong_lb.optim.wrapper import DelegatingOptimizer

Finish = Callable[[], None]
"""Called after the last base step of a rule's step."""


class UpdateRule(ABC):
    """An update rule over any torch base optimizer.

    A training loop calls :meth:`before_first_pass`, takes the first gradient, calls :meth:`before_base_step` for the
    other passes, then ``optimizer.step()`` for the last base step, then the returned function. :meth:`step` does all of
    it for a plain PyTorch loop. Only rules that span iterations keep state between steps, never in the optimizer's
    state. If a pass raises, the weights from before the step are restored; if the last base step raises, they are left
    to the base optimizer.

    Args:
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step; None for the
            defaults of :class:`lifelong_lb.optim.Passes`.

    Attributes:
        uses_names: whether the rule depends on the names of the parameters; a caller that has them should pass them.
        ascends: whether the rule takes ascent steps, which need an optimizer that minimises.
        interpolates: whether the rule itself moves the weights, besides the base optimizer.
        observer: called after every pass unless None, see :class:`lifelong_lb.optim.Diagnostics`.
    """

    uses_names = False
    ascends = True
    interpolates = False

    def __init__(self, passes: Passes | None = None) -> None:
        self.passes = Passes() if passes is None else passes
        self.observer: Observer | None = None
        self._random: RandomState | None = None

    @property
    @abstractmethod
    def gradient_evaluations(self) -> float:
        """Forward-backward passes per step, including the first one (the mean if it varies)."""

    @property
    def keeps_weights(self) -> bool:
        """Whether fast and slow weights are kept over several minibatches."""
        return False

    @abstractmethod
    def further_passes(self, minibatch: Minibatch) -> Finish:
        """Take the passes after the first; the method that a new rule implements.

        On return, weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. If a pass
        raises, the weights must be w again.

        Args:
            minibatch: the minibatch, with the first pass's gradient in ``.grad`` (finite, or None).

        Returns:
            A function that is called after ``optimizer.step()``.
        """

    def load_first_point(self, params: list[Tensor]) -> None:  # noqa: B027  most rules take it at the current weights
        """Load the weights at which the first gradient of a step is taken.

        Args:
            params: the optimizer's trainable parameters.
        """

    def before_first_pass(self, optimizer: Optimizer) -> None:
        """Prepare the first gradient of a step; to be called before the forward pass.

        Args:
            optimizer: the base optimizer.

        Raises:
            ValueError: if it maximises and the rule takes ascent steps.
        """
        if self.ascends and (where := maximising(optimizer)) is not None:
            raise ValueError(
                f"{type(self).__name__} ascends before it descends, and {where}, so that both would go uphill: negate "
                "the loss and minimise it"
            )
        params = trainable(optimizer)
        self.load_first_point(params)
        if self.passes.dropout == "same" and self.gradient_evaluations > 1:
            self._random = RandomState({p.device for p in params})
        if self.observer is not None:
            self.observer.begin(params)

    def before_base_step(
        self,
        optimizer: Optimizer,
        closure: Closure,
        names: Names | None = None,
        loss: Tensor | float | None = None,
        model: nn.Module | None = None,
        before_descent: BeforeDescent | None = None,
    ) -> Finish:
        """Take the further passes of a step whose first gradient g(w) is in ``.grad``.

        On return, weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. If a pass
        raises, the weights are w again.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the same minibatch at the current weights.
            names: names of the parameters, for rules with ``uses_names``.
            loss: loss of the first pass, for an observer.
            model: the model; without it, normalisation layers are detected in each pass.
            before_descent: changes the gradient of each base step in place, including the last one; ascent steps use
                unchanged gradients.

        Returns:
            A function to call after ``optimizer.step()``.

        Raises:
            NonFiniteGradientError: if a gradient is not finite, unless ``passes`` ignores that.
        """
        random, self._random = self._random, None
        minibatch = Minibatch(
            optimizer,
            closure,
            passes=self.passes,
            names=names,
            model=model,
            random=random,
            observer=self.observer,
            before_descent=before_descent,
        )
        if self.observer is not None:
            self.observer.passed(minibatch.params, loss)
        if not minibatch.params_with_grad:
            return self.skip_step()
        finish = self.further_passes(minibatch)
        try:
            minibatch.prepare_descent()
        except BaseException:
            self.undo_step()
            raise
        return finish

    def skip_step(self) -> Finish:
        """End a step in which no parameter has a gradient, so that the base optimizer moves nothing.

        Returns:
            A function that is called after ``optimizer.step()``.
        """
        return lambda: None

    def synchronise(self) -> None:  # noqa: B027  most rules do not span iterations
        """Finish early what spans iterations, at the end of an epoch or experience."""

    def abandon(self) -> None:
        """Undo an unfinished step after training ended with an exception.

        The weights from before the step are restored; a rule that spans iterations restores its slow weights and
        resets.
        """
        self.undo_step()

    def show_slow(self) -> Finish:
        """Load the weights to evaluate temporarily, if the rule keeps other ones between steps.

        Returns:
            A function that restores the previous weights.
        """
        return lambda: None

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            Plain values and tensors; empty for most rules.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:  # noqa: B027  most rules have no state
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer; its parameters hold the weights at the time of saving.
        """

    def wrap(self, optimizer: Optimizer, model: nn.Module | None = None) -> "RuleOptimizer":
        """Wrap this rule and a base optimizer as one torch optimizer, for code that expects one.

        Args:
            optimizer: the base optimizer.
            model: as for :meth:`step`.

        Returns:
            An optimizer whose ``step(closure)`` is the rule's step.
        """
        return RuleOptimizer(self, optimizer, model)

    def step(self, optimizer: Optimizer, closure: Closure, model: nn.Module | None = None) -> Tensor:
        """Take one step: first pass, further passes, last base step.

        Args:
            optimizer: the base optimizer; rules with ``uses_names`` read the names from it if it was built from
                ``named_parameters()``.
            closure: zeroes the gradients, runs forward and backward, returns the loss.
            model: the model; without it, normalisation layers are detected in each pass.

        Returns:
            The loss of the first pass.

        Raises:
            ValueError: if the closure returns no loss or leaves no gradient.
            NonFiniteGradientError: if a gradient is not finite, unless ``passes`` ignores that.
        """
        self.before_first_pass(optimizer)
        try:
            with torch.enable_grad():
                loss = closure()
            _check_first_pass(optimizer, loss)
            names = optimizer_names(optimizer) if self.uses_names else None
            finish = self.before_base_step(optimizer, closure, names, loss, model)
            optimizer.step()
        except BaseException:
            self.undo_step()
            raise
        finish()
        return loss

    def undo_step(self) -> None:  # noqa: B027  most rules hold no other weights by then
        """Restore the weights from before a step that failed."""


class NoRule(UpdateRule):
    """The base optimizer alone: one gradient, one base step.

    Args:
        passes: treatment of non-finite gradients; the other settings have no effect with a single pass.
    """

    ascends = False

    def __init__(self, *, passes: Passes | None = None) -> None:
        super().__init__(passes)

    @property
    def gradient_evaluations(self) -> float:
        """One pass."""
        return 1

    def further_passes(self, minibatch: Minibatch) -> Finish:
        """Take none: the gradient at w is the gradient of the base step."""
        minibatch.check_gradient()
        return lambda: None


def averaging_conflict(rule: UpdateRule, optimizer: str) -> str | None:
    """Reason why a rule cannot be applied to an optimizer that evaluates other weights than it trains.

    Args:
        rule: the rule.
        optimizer: name of the optimizer.

    Returns:
        A sentence; None if there is no conflict.
    """
    if not (rule.interpolates or rule.keeps_weights):
        return None
    return slow_weights_conflict(type(rule).__name__, optimizer)


def optimizer_names(optimizer: Optimizer) -> Names | None:
    """Parameter names that an optimizer was built with.

    Args:
        optimizer: any torch optimizer.

    Returns:
        Parameter to name; None unless every group was built from ``named_parameters()``.
    """
    groups = optimizer.param_groups
    if not all("param_names" in group for group in groups):
        return None
    return {p: name for g in groups for p, name in zip(g["params"], g["param_names"], strict=True)}


def _check_first_pass(optimizer: Optimizer, loss: Tensor | float | None) -> None:
    if loss is None:
        raise ValueError("the closure must return the loss; it returned None")
    params = trainable(optimizer)
    if not any(p.grad is not None for p in params):
        raise ValueError(
            f"the closure must leave gradients: after it, none of the optimizer's {len(params)} trainable parameters "
            "has one; it has to call backward() on a loss that depends on them"
        )


class RuleOptimizer(DelegatingOptimizer):
    """A ``torch.optim.Optimizer`` whose ``step(closure)`` is the step of an update rule.

    Parameter groups and state are those of the base optimizer, so that learning rate schedulers, gradient scalers and
    code that replaces parameters act on it. Build one with :meth:`lifelong_lb.optim.UpdateRule.wrap`. Inside Avalanche
    use :class:`lifelong_lb.strategies.SharpnessAwarePlugin` instead: a strategy calls ``step()`` without a closure.

    Args:
        rule: the update rule.
        base: the base optimizer.
        model: as for :meth:`lifelong_lb.optim.UpdateRule.step`.
    """

    def __init__(self, rule: "UpdateRule", base: Optimizer, model: nn.Module | None = None) -> None:
        self.rule, self.model = rule, model
        super().__init__(base)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the rule.

        Args:
            closure: zeroes the gradients, runs forward and backward, returns the loss.

        Returns:
            The loss at the weights before the step.

        Raises:
            ValueError: without a closure.
        """
        if closure is None:
            raise ValueError(
                f"{type(self.rule).__name__} evaluates the loss more than once: call step(closure), with a closure "
                "that zeroes the gradients, runs forward and backward and returns the loss"
            )
        return self.rule.step(self.base, closure, self.model)

    def state_dict(self) -> dict[str, Any]:
        """State of the base optimizer, with the state of the rule under ``rule``.

        Returns:
            Plain values and tensors.
        """
        return {**self.base.state_dict(), "rule": self.rule.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state from :meth:`state_dict`.

        Args:
            state_dict: from :meth:`state_dict`, or the state of a bare base optimizer.
        """
        self.base.load_state_dict({key: value for key, value in state_dict.items() if key != "rule"})
        self.rule.load_state_dict(state_dict.get("rule", {}), self.base)

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "base": self.base, "model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RuleOptimizer.__init__(self, state["rule"], state["base"], state["model"])

    def __repr__(self) -> str:
        return f"{type(self.rule).__name__} over {self.base!r}"
