"""External optimizers: any importable torch optimizer class, with its keyword arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.optim.modes import check_downhill, check_held, expect_training, modes_of

TINY_RATE = 1e-9
"""Learning rate for testing whether an optimizer uses the rate in its parameter groups."""


@dataclass(frozen=True)
class ExternalOptimizer:
    """Builds an optimizer of any importable class; a :data:`~lifelong_lb.optim.base_optimizers.rebuilding.Build`.

    Args:
        target: dotted name of the class, such as ``"torch.optim.Adagrad"``.
        settings: keywords and their plain values.
        classes: keywords whose value is a class, given by its dotted name.

    Example:
        >>> build = ExternalOptimizer("torch.optim.Adagrad", {"lr": 0.1})
        >>> type(build([nn.Parameter(torch.zeros(2))])).__name__
        'Adagrad'
    """

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    def kind(self) -> type[Optimizer]:
        """Import the class.

        Returns:
            The optimizer's class.

        Raises:
            ValueError: if it cannot be imported or is not a torch optimizer.
        """
        kind = import_class(self.target)
        if not issubclass(kind, Optimizer):
            raise ValueError(f"{self.target} must be a torch optimizer (a subclass of torch.optim.Optimizer)")
        return kind

    def __call__(self, params: list[Any]) -> Optimizer:
        """Build the optimizer.

        Args:
            params: its parameters, or groups of them.

        Returns:
            The optimizer.

        Raises:
            ValueError: if the class cannot be imported or rejects the keywords, or a nested optimizer evaluates other
                weights than it trains.
        """
        optimizer = self._built(params)
        check_held(optimizer)
        expect_training(optimizer)
        return optimizer

    def _built(self, params: list[Any]) -> Optimizer:
        kind = self.kind()
        classes: dict[str, Any] = {key: import_class(name) for key, name in self.classes.items()}
        try:
            optimizer = kind(params, **self.settings, **classes)
        except Exception as error:  # noqa: BLE001  an external class may raise anything
            shown = ", ".join(f"{key}={value!r}" for key, value in self.settings.items())
            shown = ", ".join(filter(None, [shown, *(f"{key}={name}" for key, name in self.classes.items())]))
            raise ValueError(f"{self.target} cannot be built with ({shown}): {_one_line(error)}") from None
        keys = {key for group in params if isinstance(group, dict) for key in group if key != "params"}
        if ignored := sorted(keys - optimizer.defaults.keys()):
            raise ValueError(f"{self.target} has no option {ignored[0]!r} per parameter group")
        return optimizer

    def try_out(
        self, *, closure: bool, scheduled: bool = False, group: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Build the optimizer over a small layer's weights and take one step.

        Args:
            closure: whether ``step`` gets a closure.
            scheduled: whether a schedule will change its learning rate; a second step with a tiny rate tests this.
            group: keywords of a parameter group with one of the weights; empty for no groups.

        Raises:
            ValueError: if a step fails, or the second step moves the weights.
        """
        params = [nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4)), nn.Parameter(torch.linspace(-1, 1, 3))]
        optimizer = self([{"params": params[:1], **group}, {"params": params[1:]}] if group else list(params))
        if closure:
            check_downhill(optimizer)

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = sum((p.square().sum() for p in params), torch.zeros(()))
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        evaluate()
        try:
            optimizer.step(evaluate) if closure else optimizer.step()  # type: ignore[arg-type]  # returns a tensor
        except Exception as error:  # noqa: BLE001  an external class may raise anything
            if closure:
                raise ValueError(f"a trial step of {self.target} with a closure failed: {_one_line(error)}") from None
            raise ValueError(
                f"a trial step of {self.target} without a closure failed: {_one_line(error)}; {_remedy(error)}"
            ) from None
        self._check_modes(optimizer)
        if scheduled:
            self._check_rate(optimizer, params, evaluate if closure else None)

    def _check_modes(self, optimizer: Optimizer) -> None:
        """Load the weights to evaluate and those to train, if the two differ."""
        modes = modes_of(optimizer)
        try:
            for load in reversed(modes or ()):
                load()
        except Exception as error:  # noqa: BLE001  an external class may raise anything
            raise ValueError(f"{self.target} cannot load the weights to evaluate: {_one_line(error)}") from None

    def _check_rate(self, optimizer: Optimizer, params: list[nn.Parameter], evaluate: Any) -> None:
        before = [p.detach().clone() for p in params]
        for group in optimizer.param_groups:
            group["lr"] = TINY_RATE
        optimizer.step() if evaluate is None else optimizer.step(evaluate)
        if not all(torch.allclose(p, w, rtol=0, atol=1e-4) for p, w in zip(params, before, strict=True)):
            raise ValueError(
                f"{self.target} cannot have a schedule: a step with the learning rate {TINY_RATE:g} in its parameter "
                "groups moves the weights as before"
            )


def import_class(target: str) -> type:
    """Import a class by its dotted name.

    Args:
        target: module and class, such as ``"torch.optim.SGD"``.

    Returns:
        The class.

    Raises:
        ValueError: if the module cannot be imported, or has no such class.
    """
    module_name, _, name = target.rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:  # noqa: BLE001  an import may raise anything
        raise ValueError(f"{target} cannot be imported: {_one_line(error)}") from None
    value = getattr(module, name, None)
    if not isinstance(value, type):
        classes = [key for key, other in vars(module).items() if isinstance(other, type)]
        near = get_close_matches(name, classes, n=1, cutoff=0.5)
        hint = f"; did you mean '{module_name}.{near[0]}'?" if near else ""
        raise ValueError(f"{module_name} has no class {name!r}{hint}")
    return value


def _remedy(error: Exception) -> str:
    if "create_graph" in str(error):
        return "optimizers that need second derivatives cannot be used"
    return "an optimizer that evaluates the loss itself needs closure: true"


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
