"""One minibatch for a rule: gradients of its loss at the current weights, and base steps."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.optim.passes import (
    NonFiniteGradientError,
    Passes,
    RandomState,
    layers_with_statistics,
    statistics_kept,
)
from lifelong_lb.optim.weights import global_norm, with_gradient

Closure = Callable[[], Tensor]
"""Zeroes the gradients, runs forward and backward, returns the loss; leaves the gradient in ``.grad``."""

BeforeDescent = Callable[[], None]
"""Changes the gradient of a base step in place, e.g. projects it; ascents use the unchanged gradient."""

Names = Mapping[Tensor, str]
"""Parameter to its name in the model."""


class Observer(Protocol):
    """Observer of the passes of a step, see :class:`lifelong_lb.optim.Diagnostics`.

    Attributes:
        place: position in training, set by the training loop.
    """

    place: dict[str, float]

    def begin(self, params: list[Tensor]) -> None:
        """Start a step; the parameters hold the weights of its first pass.

        Args:
            params: trainable parameters.
        """

    def passed(self, params: list[Tensor], loss: Tensor | float | None) -> None:
        """Record a pass, whose gradient is in ``.grad``.

        Args:
            params: trainable parameters, at the weights of the pass.
            loss: the loss there, if known.
        """

    def interpolated(self, alphas: list[Tensor | float]) -> None:
        """Record an interpolation between slow and fast weights.

        Args:
            alphas: interpolation factors, one for all tensors or one per tensor.
        """


class Minibatch:
    """One minibatch whose first gradient has been taken.

    Args:
        optimizer: the base optimizer.
        closure: evaluates the minibatch at the current weights.
        passes: treatment of running statistics, random numbers and non-finite gradients.
        names: names of the parameters, if known.
        model: the model; without it, normalisation layers are detected when they are called.
        random: random state before the first pass, to repeat its draws.
        observer: called after each pass.
        before_descent: see :meth:`base_step`.

    Attributes:
        params: trainable parameters, each once.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        closure: Closure,
        *,
        passes: Passes,
        names: Names | None = None,
        model: nn.Module | None = None,
        random: RandomState | None = None,
        observer: Observer | None = None,
        before_descent: BeforeDescent | None = None,
    ) -> None:
        self.optimizer, self.names, self.params = optimizer, names, trainable(optimizer)
        self._model = model
        self._layers: list[nn.Module] | None = None
        self._before_descent = before_descent
        self._closure, self._passes, self._random, self._observer = closure, passes, random, observer

    @property
    def params_with_grad(self) -> list[Tensor]:
        """Parameters that have a gradient now."""
        return with_gradient(self.params)

    def gradient(self, *, last: bool = False) -> None:
        """Take the gradient at the current weights, also inside ``torch.no_grad()``.

        Args:
            last: whether the base optimizer uses it directly, so that no ascent step checks it first.

        Raises:
            NonFiniteGradientError: for the last gradient, when it is not finite and that is not to be ignored.
        """
        if self._random is not None:
            self._random.restore()
        with torch.enable_grad(), self._statistics():
            loss = self._closure()
        if self._observer is not None:
            self._observer.passed(self.params, loss)
        if last:
            self.check_gradient()

    def _statistics(self) -> AbstractContextManager[None]:
        if self._passes.batch_norm == "all":
            return nullcontext()
        if self._layers is None and self._model is not None:  # once per step, and only if there is a second pass
            self._layers = layers_with_statistics(self._model)
        return statistics_kept(self._layers)

    def base_step(self) -> None:
        """Take a base step with the gradient in ``.grad``, after ``before_descent`` has changed it.

        For base steps within a rule's step; the training loop takes the last one.
        """
        self.prepare_descent()
        self.optimizer.step()

    def prepare_descent(self) -> None:
        """Apply ``before_descent`` to the gradient."""
        if self._before_descent is not None:
            self._before_descent()

    def check_gradient(self) -> None:
        """Check that the gradient is finite.

        Raises:
            NonFiniteGradientError: if it is not, unless ``passes`` ignores that.
        """
        if self._passes.non_finite == "raise" and (params := self.params_with_grad):
            self.check_norm(global_norm([p.grad for p in params if p.grad is not None]))

    def check_norm(self, norm: float) -> float:
        """Check that a norm over all gradients is finite.

        Args:
            norm: the norm.

        Returns:
            The norm.

        Raises:
            NonFiniteGradientError: if it is not, unless ``passes`` ignores that.
        """
        if self._passes.non_finite == "raise" and not norm < float("inf"):
            raise NonFiniteGradientError(norm)
        return norm


def trainable(optimizer: Optimizer) -> list[Tensor]:
    """Trainable parameters of an optimizer.

    Args:
        optimizer: any torch optimizer.

    Returns:
        Parameters of all groups that require a gradient, each once.
    """
    params = {p: None for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return list(params)
