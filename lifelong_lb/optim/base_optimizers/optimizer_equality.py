"""Comparison of two optimizers, attribute by attribute."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type, torch.dtype, torch.device)

_TORCH_PREFIXES = ("_optimizer_", "_zero_grad", "_patched_for_profiling", "defaults")
"""Prefixes of attributes that torch's base class adds: hooks, and defaults of new parameter groups."""


def difference(first: Optimizer, second: Optimizer) -> str | None:
    """The first attribute in which two optimizers over the same parameters differ.

    Nested optimizers are compared in the same way; values of an unknown type count as different. Of torch's own
    optimizers only groups and state are compared, which determine the rest.

    Args:
        first: an optimizer.
        second: an optimizer built in the same way.

    Returns:
        Name of the attribute; None if there is no difference.

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
        names = [name for name in {**vars(first), **vars(second)} if not name.startswith(_TORCH_PREFIXES)]
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
