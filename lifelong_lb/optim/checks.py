"""Range checks of hyper-parameters, made at construction."""

import math
from collections.abc import Callable, Sequence

ADAPTIVE = ("adaptive", "adaptive-global")
"""Interpolation factors computed from the steps: per tensor, or one for all tensors."""


def non_negative(name: str, value: float) -> float:
    """Return a finite number >= 0; raise ValueError otherwise."""
    return _number(name, value, lambda number: 0 <= number < math.inf, "a finite number >= 0")


def positive(name: str, value: float) -> float:
    """Return a finite number > 0; raise ValueError otherwise."""
    return _number(name, value, lambda number: 0 < number < math.inf, "a finite number > 0")


def share(name: str, value: float) -> float:
    """Return a number in (0, 1]; raise ValueError otherwise."""
    return _number(name, value, lambda number: 0 < number <= 1, "a number in (0, 1]")


def fraction(name: str, value: float) -> float:
    """Return a number in [0, 1); raise ValueError otherwise."""
    return _number(name, value, lambda number: 0 <= number < 1, "a number in [0, 1)")


def proportion(name: str, value: float) -> float:
    """Return a number in [0, 1]; raise ValueError otherwise."""
    return _number(name, value, lambda number: 0 <= number <= 1, "a number in [0, 1]")


def at_least_one(name: str, value: int) -> int:
    """Return a whole number >= 1; raise ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1; got {value!r}")
    return value


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return one of the allowed values; raise ValueError otherwise."""
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}; got {value!r}")
    return value


def interpolation(name: str, value: float | str) -> float | str:
    """Return a number in (0, 1], ``"adaptive"`` or ``"adaptive-global"``; raise ValueError otherwise."""
    if isinstance(value, str) and value in ADAPTIVE:
        return value
    return _number(name, value, lambda number: 0 < number <= 1, "a number in (0, 1], 'adaptive' or 'adaptive-global'")


def yes_or_no(name: str, value: bool) -> bool:
    """Return a boolean; raise ValueError otherwise."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {value!r}")
    return value


def _number(name: str, value: float | str, allowed: Callable[[float], bool], what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not allowed(value):
        raise ValueError(f"{name} must be {what}; got {value!r}")
    return float(value)
