"""One minibatch as a rule sees it: a way to take the gradient of its loss wherever the parameters are."""

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
"""Changes, in place, the gradient that a base step is about to see (a projection, say); ascents see it as it was."""

Names = Mapping[Tensor, str]
"""Parameter to its name in the model."""


class Observer(Protocol):
    """Whoever looks on at the passes of a step, see :class:`lifelong_lb.optim.Diagnostics`.

    Attributes:
        place: where training is, set by the owner of the loop.
    """

    place: dict[str, float]

    def begin(self, params: list[Tensor]) -> None:
        """A step begins; the parameters hold the weights of its first pass.

        Args:
            params: trainable parameters.
        """

    def passed(self, params: list[Tensor], loss: Tensor | float | None) -> None:
        """A pass has been taken; the gradient is in ``.grad``.

        Args:
            params: trainable parameters, at the weights of the pass.
            loss: the loss there, where known.
        """

    def interpolated(self, alphas: list[Tensor | float]) -> None:
        """Slow and fast weights have been interpolated.

        Args:
            alphas: factors that were used, one for all or one a tensor.
        """


class Minibatch:
    """One minibatch, its first gradient taken.

    Args:
        optimizer: the base optimizer.
        closure: evaluates the minibatch at the current weights.
        passes: how the passes treat running statistics, random numbers and gradients that are not finite.
        names: names of the parameters, where known.
        model: whose normalisation layers are meant by ``passes``; without it they are found as they are called.
        random: where the random numbers of the first pass begin, to draw them again.
        observer: is told of each pass.
        before_descent: see :meth:`base_step`.

    Attributes:
        params: parameters that a step may move, each once.
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
        """Take the gradient at the weights that the parameters hold now, whether or not gradients are switched off.

        Args:
            last: whether the base optimizer is going to see it as it is, without an ascent that would look at it first.

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
        if self._layers is None and self._model is not None:  # found once a step, and only where there is a second pass
            self._layers = layers_with_statistics(self._model)
        return statistics_kept(self._layers)

    def base_step(self) -> None:
        """Let the base optimizer step with the gradient in ``.grad``, changed by ``before_descent`` where there is one.

        For base steps within a rule's step; the last one belongs to whoever owns the training loop.
        """
        self.prepare_descent()
        self.optimizer.step()

    def prepare_descent(self) -> None:
        """Change the gradient for a base step."""
        if self._before_descent is not None:
            self._before_descent()

    def check_gradient(self) -> None:
        """See that the gradient is finite.

        Raises:
            NonFiniteGradientError: when it is not, and that is not to be ignored.
        """
        if self._passes.non_finite == "raise" and (params := self.params_with_grad):
            self.check_norm(global_norm([p.grad for p in params if p.grad is not None]))

    def check_norm(self, norm: float) -> float:
        """See that a norm over all gradients is finite.

        Args:
            norm: the norm.

        Returns:
            The norm.

        Raises:
            NonFiniteGradientError: when it is not, and that is not to be ignored.
        """
        if self._passes.non_finite == "raise" and not norm < float("inf"):
            raise NonFiniteGradientError(norm)
        return norm


def trainable(optimizer: Optimizer) -> list[Tensor]:
    """Parameters that a step may move.

    Args:
        optimizer: any torch optimizer.

    Returns:
        The parameters of all groups that are not frozen, each once.
    """
    found = {p: None for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return list(found)
