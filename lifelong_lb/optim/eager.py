"""Functions that run outside ``torch.compile``."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def outside_compile(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function, and all that it calls, outside ``torch.compile``, also if a compiled function calls it.

    ``torch.compiler.disable`` is applied when a compiler traces the call: it is slow to import and takes time per call.

    Args:
        function: any function.

    Returns:
        The same function, never traced.
    """
    disabled: list[Callable[P, R]] = []

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.compiler.is_compiling():
            return function(*args, **kwargs)
        if not disabled:
            disabled.append(torch.compiler.disable(function))  # type: ignore[no-untyped-call]
        return disabled[0](*args, **kwargs)

    return run
