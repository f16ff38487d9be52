"""Operations on lists of weights and gradients: norms, copies, moves, temporary values."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


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


Number = float | Tensor
"""A number; on an accelerator a tensor without dimensions, because the host would have to wait for its value."""


def global_norm(tensors: Sequence[Tensor]) -> Number:
    """Euclidean norm over all tensors together.

    Args:
        tensors: tensors, possibly on several devices.

    Returns:
        The norm, in the precision of the tensors.
    """
    norms = torch._foreach_norm(list(tensors))
    device = norms[0].device
    return _number(torch.linalg.vector_norm(torch.stack([norm.to(device) for norm in norms])))


def _number(value: Tensor) -> Number:
    if hasattr(value, "full_tensor"):  # of shards: over all processes
        return float(value.full_tensor())
    if value.device.type == "cpu":
        return float(value)
    return value.to(torch.promote_types(value.dtype, torch.float32))  # which holds the tiny numbers added to norms


def dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Number:
    """Inner product over all tensors together.

    Args:
        first: tensors.
        second: tensors of the same shapes.

    Returns:
        The inner product, in the precision of the tensors.
    """
    device = first[0].device
    return _number(torch.stack([torch.sum(a * b).to(device) for a, b in zip(first, second, strict=True)]).sum())


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
    torch._foreach_copy_(_in_this_process(params), _in_this_process(values))


@torch.no_grad()
def perturb(params: Sequence[Tensor], direction: Sequence[Tensor], size: Number) -> None:
    """Move parameters in place by size times direction.

    Args:
        params: parameters.
        direction: one tensor per parameter, of its shape.
        size: any number.
    """
    if isinstance(size, Tensor):
        torch._foreach_add_(list(params), torch._foreach_mul(list(direction), size))
    else:
        torch._foreach_add_(list(params), list(direction), alpha=size)


@torch.no_grad()
def moved(params: Sequence[Tensor], direction: Sequence[Tensor], size: Number) -> list[Tensor]:
    """Parameters plus size times direction, as new tensors.

    Args:
        params: parameters.
        direction: one tensor per parameter, of its shape.
        size: any number.

    Returns:
        One new tensor per parameter.
    """
    if isinstance(size, Tensor):
        result = list(torch._foreach_mul(list(direction), size))
        torch._foreach_add_(result, [p.detach() for p in params])
        return result
    return list(torch._foreach_add([p.detach() for p in params], list(direction), alpha=size))


def hold(params: Sequence[Tensor], values: Sequence[Tensor]) -> Callable[[], None]:
    """Give parameters other values: exchange both, by reference where nothing else refers to a parameter's memory.

    Copying costs another sweep over the weights, but views of a parameter, sharded tensors and captured graphs of an
    accelerator, which read fixed addresses, follow it.

    Args:
        params: parameters.
        values: one tensor per parameter, of its shape; changes of the parameters reach them, at the latest when the
            values are exchanged back.

    Returns:
        A function that restores the previous values.
    """
    owned, previous, copies = [], [], []
    for p, value in zip(params, values, strict=True):
        if _owns_memory(p):
            owned.append(p)
            previous.append(p.data)
            p.data = value
        else:
            copies.append((p, value))
    _exchange_by_copying(copies)

    def restore() -> None:
        for p, value in zip(owned, previous, strict=True):
            p.data = value
        _exchange_by_copying(copies)

    return restore


@contextmanager
def holding(params: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Give parameters other values within the block.

    The previous values are restored at the end, also if the block raises.

    Args:
        params: parameters.
        values: one tensor per parameter, of its shape; afterwards what the parameters held at the end of the block.

    Yields:
        None.
    """
    restore = hold(params, values)
    try:
        yield
    finally:
        restore()


def _in_this_process(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The memory of tensors; of sharded ones the part of this process, because DTensor has no copy of lists."""
    return [t.to_local() if type(t) not in _PLAIN and hasattr(t, "to_local") else t for t in tensors]


_PLAIN = (nn.Parameter, Tensor)
_OWN_REFERENCES = 2
"""References to the memory of a tensor without views: the tensor's, and that of the storage object in the query."""


def _owns_memory(param: Tensor) -> bool:
    """Whether a parameter is a plain tensor in main memory that nothing else refers to."""
    if type(param) not in _PLAIN or not param.is_cpu:
        return False
    references: int = torch._C._storage_Use_Count(param.untyped_storage()._cdata)
    return references <= _OWN_REFERENCES


def _exchange_by_copying(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    if pairs:
        params, values = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        previous = copied(params)
        load(params, values)
        load(values, previous)
