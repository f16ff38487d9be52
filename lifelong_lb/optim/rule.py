"""What an update rule is: the passes between a gradient at w and a step of the base optimizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.wrapped import RuleOptimizer

Closure = Callable[[], Tensor]
"""Zeroes the gradients, runs forward and backward, returns the loss; leaves the gradient in ``.grad``."""

Names = Mapping[Tensor, str]
"""Parameter to its name in the model."""

Finish = Callable[[], None]
"""What is left to do after the rule's last base step."""


class UpdateRule(ABC):
    """An update rule over any torch base optimizer.

    A step is split where a training loop needs it split: the first gradient has been taken, :meth:`before_base_step`
    takes the others, then ``optimizer.step()`` is the rule's last base step, then the returned function finishes.
    :meth:`step` does all of it for a plain PyTorch loop. All that a step needs lives inside it; only rules that span
    iterations keep something between steps, never in the optimizer's state. A pass that raises leaves the weights as
    they were before the step; what the base optimizer itself does when its last step raises is left to it.

    Attributes:
        uses_names: whether the rule treats parameters by their names, so that a caller who knows them should pass them.
    """

    uses_names = False

    @property
    @abstractmethod
    def gradient_evaluations(self) -> float:
        """Forward-backward passes a step, the first one included (the mean where it varies)."""

    @abstractmethod
    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Take the further passes of a step whose first gradient g(w) stands in ``.grad``.

        Afterwards weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. When a pass
        raises, the weights are w again.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the same minibatch at the current weights.
            names: names of the parameters; needed only by rules that treat parameters by name.

        Returns:
            A function to call after ``optimizer.step()``.
        """

    def synchronise(self) -> None:  # noqa: B027  for most rules there is nothing to do
        """Finish early what spans iterations, where an epoch or experience ends."""

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

    def wrap(self, optimizer: Optimizer) -> RuleOptimizer:
        """This rule and a base optimizer as one torch optimizer, for schedulers and training loops that expect one.

        Args:
            optimizer: the base optimizer.

        Returns:
            An optimizer whose ``step(closure)`` is the rule's step.
        """
        return RuleOptimizer(self, optimizer)

    def step(self, optimizer: Optimizer, closure: Closure) -> Tensor:
        """One whole step: first pass, further passes, last base step, finish.

        Args:
            optimizer: the base optimizer. When it was built from ``named_parameters()``, rules that treat parameters
                by name read the names from it.
            closure: zeroes the gradients, runs forward and backward, returns the loss.

        Returns:
            The loss of the first pass, at w.
        """
        with torch.enable_grad():
            loss = closure()
        finish = self.before_base_step(optimizer, closure, optimizer_names(optimizer) if self.uses_names else None)
        optimizer.step()
        finish()
        return loss


class NoRule(UpdateRule):
    """The base optimizer alone: one gradient, one base step."""

    @property
    def gradient_evaluations(self) -> float:
        """One pass."""
        return 1

    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Nothing to do: the gradient at w is the gradient of the base step.

        Args:
            optimizer: the base optimizer.
            closure: not called.
            names: not used.

        Returns:
            A function that does nothing.
        """
        return lambda: None


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


def trainable(optimizer: Optimizer) -> list[Tensor]:
    """Parameters that a step may move.

    Args:
        optimizer: any torch optimizer.

    Returns:
        The parameters of all groups that are not frozen, each once.
    """
    found = {p: None for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return list(found)
