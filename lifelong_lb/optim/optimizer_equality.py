"""Whether two optimizers hold the same, whatever they are made of."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type, torch.dtype, torch.device)

_OF_TORCH = ("_optimizer_", "_zero_grad", "_patched_for_profiling", "defaults")
"""Beginnings of attributes that torch's base class adds: hooks, and what new parameter groups begin with."""


def difference(first: Optimizer, second: Optimizer) -> str | None:
    """The first attribute in which two optimizers over the same parameters differ.

    Optimizers that they hold are compared likewise, and what a value of an unknown kind holds counts as different. Of
    torch's own optimizers only groups and state are compared: the rest follows from these.

    Args:
        first: an optimizer.
        second: one that was built alike.

    Returns:
        Its name; None when they hold the same.

    Example:
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> first, second = (torch.optim.SGD([w], lr=0.1, momentum=0.9) for _ in range(2))
        >>> difference(first, second)
        >>> first.state[w]["momentum_buffer"] = torch.ones(2)
        >>> difference(first, second)
        'state'
    """
    if type(first) is not type(second):
        return "its class"
    if type(first).__module__.startswith("torch.optim."):
        names = ["param_groups", "state"]
    else:
        names = [name for name in {**vars(first), **vars(second)} if not name.startswith(_OF_TORCH)]
    seen: set[tuple[int, int]] = set()
    missing = object()
    for name in names:
        if not _same(getattr(first, name, missing), getattr(second, name, missing), seen):
            return name
    return None


def _same(first: Any, second: Any, seen: set[tuple[int, int]]) -> bool:
    if first is second or (id(first), id(second)) in seen:
        return True
    seen.add((id(first), id(second)))
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and first.device == second.device and torch.equal(first, second)
    if isinstance(first, Optimizer):
        return difference(first, second) is None
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_same(first[key], second[key], seen) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(_same(a, b, seen) for a, b in zip(first, second, strict=True))
    return isinstance(first, _PLAIN) and bool(first == second)
