"""A rule and its base optimizer as one torch optimizer, for code that knows optimizers only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from lifelong_lb.optim.delegating import DelegatingOptimizer

if TYPE_CHECKING:
    from lifelong_lb.optim.rule import UpdateRule


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
