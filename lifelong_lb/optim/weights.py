"""Moving weights about within a step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


def with_gradient(params: Sequence[Tensor]) -> list[Tensor]:
    """Parameters that have a gradient now.

    Args:
        params: parameters.

    Returns:
        Those whose ``.grad`` is not None.
    """
    return [p for p in params if p.grad is not None]


@torch.no_grad()
def perturb(params: Sequence[Tensor], steps: Sequence[Tensor]) -> None:
    """Add steps to parameters in place.

    Args:
        params: parameters.
        steps: one tensor a parameter, of its shape.
    """
    torch._foreach_add_(list(params), list(steps))


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


@contextmanager
def restored_on_error(params: Sequence[Tensor], slow: Sequence[Tensor]) -> Iterator[None]:
    """Put weights back when the block raises, whatever it raises.

    Args:
        params: parameters.
        slow: their values before the step.

    Yields:
        None.
    """
    try:
        yield
    except BaseException:
        load(params, slow)
        raise
