"""Moving weights about within a step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from lifelong_lb.optim.rule import Closure


def with_gradient(params: Sequence[Tensor]) -> list[Tensor]:
    """Parameters that have a gradient now.

    Args:
        params: parameters.

    Returns:
        Those whose ``.grad`` is not None.
    """
    return [p for p in params if p.grad is not None]


def copied(params: Sequence[Tensor]) -> list[Tensor]:
    """Copies of parameters.

    Args:
        params: parameters.

    Returns:
        One detached tensor a parameter, sharing no memory with it.
    """
    return [p.detach().clone() for p in params]


@torch.no_grad()
def load(params: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into parameters.

    Args:
        params: parameters.
        values: one tensor a parameter, of its shape.
    """
    torch._foreach_copy_(list(params), list(values))


@torch.no_grad()
def perturb(params: Sequence[Tensor], steps: Sequence[Tensor]) -> None:
    """Add steps to parameters in place.

    Args:
        params: parameters.
        steps: one tensor a parameter, of its shape.
    """
    torch._foreach_add_(list(params), list(steps))


@torch.no_grad()
def moved(params: Sequence[Tensor], steps: Sequence[Tensor]) -> list[Tensor]:
    """Where steps lead from parameters, which stay where they are.

    Args:
        params: parameters.
        steps: one tensor a parameter, of its shape.

    Returns:
        One tensor a parameter, sharing no memory with it.
    """
    return list(torch._foreach_add([p.detach() for p in params], list(steps)))


@contextmanager
def holding(params: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Let parameters hold other values for a while, without copying: they change their memory, and change it back.

    Their own memory is not touched, so that nothing has to be restored when the block raises.

    Args:
        params: parameters.
        values: one tensor a parameter, of its shape; the parameters are these tensors within the block.

    Yields:
        None.
    """
    own = [p.data for p in params]
    try:
        for p, value in zip(params, values, strict=True):
            p.data = value
        yield
    finally:
        for p, data in zip(params, own, strict=True):
            p.data = data


def evaluate(closure: Closure) -> None:
    """One pass, whether or not the caller has switched gradients off.

    Args:
        closure: zeroes the gradients, runs forward and backward.
    """
    with torch.enable_grad():
        closure()
