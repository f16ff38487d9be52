"""What an update rule is: the passes between a gradient at w and a step of the base optimizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.optim.minibatch import BeforeDescent, Closure, Minibatch, Names, Observer, trainable
from lifelong_lb.optim.modes import maximising
from lifelong_lb.optim.passes import Passes, RandomState
from lifelong_lb.optim.wrapper import DelegatingOptimizer

Finish = Callable[[], None]
"""What is left to do after the rule's last base step."""


class UpdateRule(ABC):
    """An update rule over any torch base optimizer.

    A step is split where a training loop needs it split: :meth:`before_first_pass`, then the loop takes the first
    gradient, :meth:`before_base_step` takes the others, then ``optimizer.step()`` is the rule's last base step, then
    the returned function finishes. :meth:`step` does all of it for a plain PyTorch loop. All that a step needs lives
    inside it; only rules that span iterations keep something between steps, never in the optimizer's state. A pass that
    raises leaves the weights as they were before the step; what the base optimizer itself does when its last step
    raises is left to it.

    Args:
        passes: how the passes of a step treat BatchNorm, dropout and gradients that are not finite; None for the
            defaults of :class:`lifelong_lb.optim.Passes`.

    Attributes:
        uses_names: whether the rule treats parameters by their names, so that a caller who knows them should pass them.
        ascends: whether the rule follows gradients uphill, which an optimizer that maximises would go, too.
        interpolates: whether the rule itself moves weights from one step to the next, beside the base optimizer.
        observer: is told of every pass when it is not None, see :class:`lifelong_lb.optim.Diagnostics`.
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
        """Forward-backward passes a step, the first one included (the mean where it varies)."""

    @property
    def keeps_weights(self) -> bool:
        """Whether the weights before and after a step lie on no one path: fast and slow ones outlive a minibatch."""
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
        """What comes before the first gradient of a step: to be called before the forward pass.

        Args:
            optimizer: the base optimizer.

        Raises:
            ValueError: when it maximises and the rule's ascents would go the same way.
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
        """Take the further passes of a step whose first gradient g(w) stands in ``.grad``.

        Afterwards weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. When a pass
        raises, the weights are w again.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the same minibatch at the current weights.
            names: names of the parameters; needed only by rules that treat parameters by name.
            loss: the first pass's, for an observer.
            model: the model; saves looking for its normalisation layers in each pass.
            before_descent: changes, in place, each gradient that a base step is about to see, the last one included;
                ascent steps see gradients as they were taken.

        Returns:
            A function to call after ``optimizer.step()``.

        Raises:
            NonFiniteGradientError: when a gradient is not finite, unless ``passes`` says to ignore that.
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

    def synchronise(self) -> None:  # noqa: B027  for most rules there is nothing to do
        """Finish early what spans iterations, where an epoch or experience ends."""

    def abandon(self) -> None:
        """Training has ended with an exception, in whatever pass: undo a step under way.

        Afterwards the parameters hold the weights from before it. What spans iterations ends here, at the slow weights.
        """
        self.undo_step()

    def show_slow(self) -> Finish:
        """Let the parameters hold the weights that are to be judged, where a rule keeps them apart between steps.

        Returns:
            A function that puts things back.
        """
        return lambda: None

    def state_dict(self) -> dict[str, Any]:
        """What the rule keeps between steps.

        Returns:
            Plain values and tensors; empty for most rules.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:  # noqa: B027  likewise
        """Go on where another rule stopped.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer, its parameters holding the weights of that moment.
        """

    def wrap(self, optimizer: Optimizer, model: nn.Module | None = None) -> "RuleOptimizer":
        """This rule and a base optimizer as one torch optimizer, for schedulers and training loops that expect one.

        Args:
            optimizer: the base optimizer.
            model: as for :meth:`step`.

        Returns:
            An optimizer whose ``step(closure)`` is the rule's step.
        """
        return RuleOptimizer(self, optimizer, model)

    def step(self, optimizer: Optimizer, closure: Closure, model: nn.Module | None = None) -> Tensor:
        """One whole step: first pass, further passes, last base step, finish.

        Args:
            optimizer: the base optimizer. When it was built from ``named_parameters()``, rules that treat parameters
                by name read the names from it.
            closure: zeroes the gradients, runs forward and backward, returns the loss.
            model: the model, when it has BatchNorm layers or may have: naming it saves looking for them in each pass.

        Returns:
            The loss of the first pass.

        Raises:
            ValueError: when the closure returns no loss or leaves no gradient.
            NonFiniteGradientError: when a gradient is not finite, unless ``passes`` says to ignore that.
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
        passes: what to do with a gradient that is not finite; the rest does not matter with a single pass.
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
    """Why a rule cannot be applied to an optimizer that keeps the weights to evaluate apart from those to train.

    Args:
        rule: the rule.
        optimizer: name of the optimizer.

    Returns:
        A sentence; None for a rule that leaves all steps to the optimizer.
    """
    if not (rule.interpolates or rule.keeps_weights):
        return None
    return (
        f"{type(rule).__name__} interpolates between weights, and cannot be applied to {optimizer}, which keeps an "
        "average of the weights that would not follow; use a rule without slow weights, such as SAM"
    )


def optimizer_names(optimizer: Optimizer) -> Names | None:
    """Names an optimizer was built with.

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
    """A true ``torch.optim.Optimizer`` whose ``step(closure)`` is the step of an update rule.

    Parameter groups and state are those of the base optimizer, so that learning rate schedulers, gradient scalers and
    whoever exchanges parameters act on it. Build one with :meth:`lifelong_lb.optim.UpdateRule.wrap`. Inside Avalanche
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
        """One step of the rule.

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
        """State of the base optimizer, and under ``rule`` what the rule keeps between steps.

        Returns:
            Plain values and tensors.
        """
        return {**self.base.state_dict(), "rule": self.rule.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another one stopped.

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
