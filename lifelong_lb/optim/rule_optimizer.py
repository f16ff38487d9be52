"""An update rule and its base optimizer as one torch optimizer."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import nn
from torch.optim import Optimizer

from lifelong_lb.optim.minibatch import trainable
from lifelong_lb.optim.scaling import Scaler
from lifelong_lb.optim.wrapper import DelegatingOptimizer


class _Rule(Protocol):
    def step(self, optimizer: Optimizer, closure: Any, model: Any = None, *, scaler: Any = None) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None: ...


class _SkippedError(Exception):
    """A closure has neither a loss nor gradients."""


class RuleOptimizer(DelegatingOptimizer):
    """A ``torch.optim.Optimizer`` whose ``step(closure)`` is the step of an update rule.

    Parameter groups and state are those of the base optimizer, so that learning rate schedulers and code that replaces
    parameters act on it. Build one with :meth:`lifelong_lb.optim.UpdateRule.wrap`. Inside Avalanche use
    :class:`lifelong_lb.strategies.SharpnessAwarePlugin` instead: a strategy calls ``step()`` without a closure. The
    closure evaluates the whole minibatch: if a framework accumulates gradients and skips ``step`` for the first
    micro-batches, as Accelerate does, they belong into the closure of the last one, or into the passes of
    :meth:`lifelong_lb.optim.UpdateRule.gradient_passes`.

    Args:
        rule: the update rule.
        base: the base optimizer.
        model: as for :meth:`lifelong_lb.optim.UpdateRule.step`.
        scaler: as there.
    """

    _step_supports_amp_scaling = True  # a GradScaler sets ``grad_scale`` instead of unscaling one of several gradients

    def __init__(
        self, rule: _Rule, base: Optimizer, model: nn.Module | None = None, scaler: Scaler | None = None
    ) -> None:
        self.rule, self.model, self.scaler = rule, model, scaler
        super().__init__(base)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the rule.

        Args:
            closure: runs forward and backward, returns the loss.

        Returns:
            The loss at the weights before the step; None if the closure returns None and leaves no gradient, which
            skips the step.

        Raises:
            ValueError: without a closure, or if a gradient scaler calls the step.
        """
        name = type(self.rule).__name__
        if hasattr(self, "grad_scale"):
            raise ValueError(
                f"GradScaler.step() cannot unscale the gradients of all passes of {name}: use "
                "rule.wrap(optimizer, model, scaler=scaler), call step(closure) with a closure that calls "
                "scaler.scale(loss).backward(), then scaler.update()"
            )
        if closure is None:
            raise ValueError(
                f"{name} evaluates the loss more than once: call step(closure), with a closure that runs forward and "
                "backward and returns the loss; in a loop that calls step() without one, take the passes yourself, "
                "`for p in rule.gradient_passes(optimizer, model)`; in an Avalanche strategy, use "
                "SharpnessAwarePlugin(rule) and the base optimizer"
            )

        def loss_of() -> Any:
            loss = closure()
            if loss is None and all(p.grad is None for p in trainable(self.base)):
                raise _SkippedError
            return loss

        try:
            return self.rule.step(self.base, loss_of, self.model, scaler=self.scaler)
        except _SkippedError:
            return None

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
        return {"rule": self.rule, "base": self.base, "model": self.model, "scaler": self.scaler}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RuleOptimizer.__init__(self, state["rule"], state["base"], state["model"], state.get("scaler"))

    def __repr__(self) -> str:
        return f"{type(self.rule).__name__} over {self.base!r}"
