"""Operations on lists of weights and gradients: norms, copies, moves, temporary values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


def with_gradient(params: Sequence[Tensor]) -> list[Tensor]:
    """Parameters that have a gradient.

    Args:
        params: parameters.

    Returns:
        Those whose ``.grad`` is not None.
    """
    return [p for p in params if p.grad is not None]


def gradients(params: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of parameters that all have one.

    Args:
        params: parameters.

    Returns:
        Their ``.grad``.
    """
    grads = [p.grad for p in params]
    assert all(grad is not None for grad in grads)
    return [grad for grad in grads if grad is not None]


def gradients_or_zero(params: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of parameters.

    Args:
        params: parameters.

    Returns:
        Their ``.grad``; zeros for parameters without one.
    """
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in params]


def global_norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean norm over all tensors together.

    Args:
        tensors: tensors, possibly on several devices.

    Returns:
        The norm, in the precision of the tensors.
    """
    norms = torch._foreach_norm(list(tensors))
    device = norms[0].device
    return float(torch.linalg.vector_norm(torch.stack([norm.to(device) for norm in norms])))


def dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Inner product over all tensors together.

    Args:
        first: tensors.
        second: tensors of the same shapes.

    Returns:
        The inner product, in the precision of the tensors.
    """
    device = first[0].device
    return float(torch.stack([torch.sum(a * b).to(device) for a, b in zip(first, second, strict=True)]).sum())


def copied(params: Sequence[Tensor]) -> list[Tensor]:
    """Copies of parameters.

    Args:
        params: parameters.

    Returns:
        One detached copy per parameter.
    """
    return [p.detach().clone() for p in params]


@torch.no_grad()
def load(params: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into parameters.

    Args:
        params: parameters.
        values: one tensor per parameter, of its shape.
    """
    torch._foreach_copy_(list(params), list(values))


@torch.no_grad()
def perturb(params: Sequence[Tensor], direction: Sequence[Tensor], size: float) -> None:
    """Move parameters in place by size times direction.

    Args:
        params: parameters.
        direction: one tensor per parameter, of its shape.
        size: any number.
    """
    torch._foreach_add_(list(params), list(direction), alpha=size)


@torch.no_grad()
def moved(params: Sequence[Tensor], direction: Sequence[Tensor], size: float) -> list[Tensor]:
    """Parameters plus size times direction, as new tensors.

    Args:
        params: parameters.
        direction: one tensor per parameter, of its shape.
        size: any number.

    Returns:
        One new tensor per parameter.
    """
    return list(torch._foreach_add([p.detach() for p in params], list(direction), alpha=size))


def hold(params: Sequence[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
    """Replace the memory of parameters, without copying.

    Args:
        params: parameters.
        values: one tensor per parameter, of its shape, used as the memory of the parameter.

    Returns:
        The previous memory.
    """
    previous = [p.data for p in params]
    for p, value in zip(params, values, strict=True):
        p.data = value
    return previous


@contextmanager
def holding(params: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Replace the memory of parameters within the block, without copying.

    The original memory is not changed and is put back at the end, also if the block raises.

    Args:
        params: parameters.
        values: one tensor per parameter, of its shape; used as the memory of the parameter within the block.

    Yields:
        None.
    """
    previous = hold(params, values)
    try:
        yield
    finally:
        hold(params, previous)
