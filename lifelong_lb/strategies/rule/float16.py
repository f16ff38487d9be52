"""Training passes of a strategy in float16: autocast, scaled losses, and steps that are skipped after an overflow."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lifelong_lb.optim import ClosureOptimizer
from lifelong_lb.optim.minibatch import trainable
from lifelong_lb.optim.scaling import unscale
from lifelong_lb.strategies.methods.mir import Retrieval

_METHODS = ("forward", "backward", "optimizer_step")


class Float16Passes:
    """Overrides the methods of a strategy that make up its passes, during a training epoch.

    ``forward`` runs under autocast, ``backward`` scales the loss and leaves the unscaled gradient in ``.grad``, so that
    projections, clipping and rules use that one, and ``optimizer_step`` does nothing if the gradient of a pass has
    overflowed. Any other computation with the model stays in float32, because its gradients would not be scaled:
    importances, reference gradients, images that a strategy replays apart from its minibatch, evaluations.

    Args:
        scaler: the gradient scaler; it is updated once per step.

    Attributes:
        skipped_steps: number of skipped steps so far.
        overflowed: whether the gradient of a pass of the current step was not finite; ``.grad`` is zero then.
    """

    def __init__(self, scaler: torch.amp.GradScaler) -> None:
        self.scaler, self.skipped_steps, self.overflowed = scaler, 0, False
        self._passes = 0
        self._replaced: dict[str, Any] = {}

    def check(self, strategy: Any) -> None:
        """Refuse what takes gradients that are not scaled.

        Args:
            strategy: the Avalanche strategy.

        Raises:
            TypeError: for an optimizer that takes passes, or a plugin that differentiates the loss of a pass itself.
        """
        if isinstance(strategy.optimizer, ClosureOptimizer):
            raise TypeError(
                f"{type(strategy.optimizer.base).__name__} takes its own steps, which cannot be skipped if a float16 "
                "gradient overflows; train in float32 or bfloat16"
            )
        if any(isinstance(plugin, Retrieval) for plugin in strategy.plugins):
            raise TypeError(
                "MIR differentiates the loss of a pass itself, without the scale that float16 needs; train in float32 "
                "or bfloat16"
            )

    def attach(self, strategy: Any) -> None:
        """Override the methods on the instance.

        Args:
            strategy: the Avalanche strategy, before its epoch.
        """
        self._replaced = {name: vars(strategy)[name] for name in _METHODS if name in vars(strategy)}
        for name in _METHODS:
            setattr(strategy, name, partial(getattr(self, f"_{name}"), strategy, getattr(strategy, name)))

    def detach(self, strategy: Any) -> None:
        """Restore the methods, also within a step that has failed.

        Args:
            strategy: the Avalanche strategy.
        """
        for name in _METHODS:
            vars(strategy).pop(name, None)
        vars(strategy).update(self._replaced)
        self._replaced = {}
        self._end_step()

    @property
    def exhausted(self) -> bool:
        """Whether a gradient has overflowed although the loss was scaled down."""
        return self.overflowed and self.scaler.get_scale() < 1

    def _forward(self, strategy: Any, forward: Callable[[], Any]) -> Any:
        if not strategy.is_training:
            return forward()
        with torch.autocast(strategy.device.type, torch.float16):
            output = forward()
        return output.float() if isinstance(output, Tensor) else output

    def _backward(self, strategy: Any, backward: Callable[[], None]) -> None:
        loss = strategy.loss
        strategy.loss = self.scaler.scale(loss)
        try:
            backward()
        finally:
            strategy.loss = loss
        gradients = [p.grad for p in trainable(strategy.optimizer) if p.grad is not None]
        if not gradients:
            return
        finite = unscale(self.scaler, strategy.optimizer, self._passes)
        self._passes += 1
        if not finite:
            self.overflowed = True
            torch._foreach_zero_(gradients)  # plugins accumulate it, and NaN would stay

    def _optimizer_step(self, strategy: Any, optimizer_step: Callable[[], None]) -> None:
        if self.overflowed:
            self.skipped_steps += 1
        else:
            optimizer_step()
        self._end_step()

    def _end_step(self) -> None:
        if self._passes:
            self.scaler.update()
        self._passes, self.overflowed = 0, False
