"""One minibatch for a rule: its parameters, their gradients, and base steps."""

from collections.abc import Callable, Generator, Mapping
from math import isfinite
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from lifelong_lb.optim.passes import NonFiniteGradientError, Passes
from lifelong_lb.optim.weights import Number, global_norm, with_gradient

Closure = Callable[[], Tensor]
"""Runs forward and backward, returns the loss; leaves the gradient in ``.grad``."""

Finish = Callable[[], None]
"""Called after the last base step of a rule's step."""

FurtherPasses = Generator[None, None, Finish]
"""Yields where the gradient at the current weights is to be taken; returns what follows the last base step."""

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
    """One minibatch whose first gradient has been taken: its parameters, base steps and checks.

    Args:
        optimizer: the base optimizer.
        params: its trainable parameters, each once.
        passes: treatment of non-finite gradients, and the largest norm of a descent gradient.
        names: names of the parameters, if known.
        before_descent: see :meth:`base_step`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        params: list[Tensor],
        *,
        passes: Passes,
        names: Names | None = None,
        before_descent: BeforeDescent | None = None,
    ) -> None:
        self.optimizer, self.names, self.params = optimizer, names, params
        self._passes, self._before_descent = passes, before_descent
        self._unchecked: list[Tensor] = []

    @property
    def params_with_grad(self) -> list[Tensor]:
        """Parameters that have a gradient now."""
        return with_gradient(self.params)

    def base_step(self) -> None:
        """Take a base step with the gradient in ``.grad``, after ``before_descent`` has changed it and it was clipped.

        For base steps within a rule's step; the training loop takes the last one.
        """
        self.prepare_descent()
        self.optimizer.step()

    def prepare_descent(self) -> None:
        """Apply ``before_descent`` to the gradient, and clip it."""
        if self._before_descent is not None:
            self._before_descent()
        if self._passes.clip_norm is not None:
            clip_grad_norm_(self.params, self._passes.clip_norm)

    def check_gradient(self) -> None:
        """Check that the gradient is finite.

        Raises:
            NonFiniteGradientError: if it is not, unless ``passes`` ignores that.
        """
        if self._passes.non_finite == "raise" and (params := self.params_with_grad):
            self.check_norm(global_norm([p.grad for p in params if p.grad is not None]))

    def check_norm(self, norm: Number) -> Number:
        """Check that a norm over all gradients is finite: now, or on an accelerator in :meth:`check_all`.

        Args:
            norm: the norm.

        Returns:
            The norm.

        Raises:
            NonFiniteGradientError: if it is not, unless ``passes`` ignores that.
        """
        if self._passes.non_finite == "raise":
            if isinstance(norm, Tensor):
                self._unchecked.append(norm)
            elif not norm < float("inf"):
                raise NonFiniteGradientError(norm)
        return norm

    def check_all(self) -> None:
        """Check all norms of the step that are on an accelerator, whose host waits once for them.

        Raises:
            NonFiniteGradientError: if one is not finite, unless ``passes`` ignores that.
        """
        norms, self._unchecked = self._unchecked, []
        if norms:
            largest = float(torch.stack([norm.to(norms[0].device) for norm in norms]).max())
            if not largest < float("inf"):
                raise NonFiniteGradientError(largest)

    def is_finite(self, norm: Number) -> bool:
        """Whether a norm is finite, once :meth:`check_all` has been called.

        Args:
            norm: the norm, which :meth:`check_norm` was called with.

        Returns:
            True if it is; not read from the accelerator if the step would have ended otherwise.
        """
        return self._passes.non_finite == "raise" or isfinite(norm)


def trainable(optimizer: Optimizer) -> list[Tensor]:
    """Trainable parameters of an optimizer.

    Args:
        optimizer: any torch optimizer.

    Returns:
        Parameters of all groups that require a gradient, each once.
    """
    params = {p: None for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return list(params)


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
