"""Unscaling of each pass's gradient with a gradient scaler, which expects one gradient per step."""

from typing import Any, Protocol
from weakref import WeakKeyDictionary, ref

from torch import Tensor


class Scaler(Protocol):
    """A gradient scaler, such as ``torch.amp.GradScaler``."""

    def scale(self, outputs: Tensor) -> Tensor:
        """Multiply a loss by the scale."""

    def is_enabled(self) -> bool:
        """Whether it scales at all."""

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer by the scale, and record whether they are finite."""

    def step(self, optimizer: Any) -> Any:
        """Call the optimizer's step if its gradients are finite."""


def unscale(scaler: Scaler, optimizer: Any, index: int) -> bool:
    """Divide the gradient of a pass by the scale.

    A scaler unscales once per optimizer between two updates, and records then whether the gradient is finite. Each pass
    is therefore another optimizer to it, so that ``scaler.update()`` lowers the scale if any pass has overflowed.

    Args:
        scaler: the scaler.
        optimizer: the optimizer of the parameters.
        index: number of the pass within the step.

    Returns:
        Whether the gradient is finite.

    Raises:
        RuntimeError: if ``scaler.update()`` was not called since the last step.
    """
    if not scaler.is_enabled():
        return True
    known = _ONE_PER_PASS.setdefault(optimizer, [])
    while len(known) <= index:
        known.append(_OptimizerOfPass(optimizer))
    known[index].finite = False
    scaler.unscale_(known[index])
    scaler.step(known[index])
    return known[index].finite


class _OptimizerOfPass:
    """An optimizer in the eyes of a scaler, whose step records that the gradient is finite."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = ref(optimizer)
        self.finite = False

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        optimizer = self._optimizer()
        assert optimizer is not None
        groups: list[dict[str, Any]] = optimizer.param_groups
        return groups

    def step(self) -> None:
        self.finite = True


_ONE_PER_PASS: "WeakKeyDictionary[Any, list[_OptimizerOfPass]]" = WeakKeyDictionary()
"""Kept as long as the optimizer: a scaler recognises optimizers by their address."""
