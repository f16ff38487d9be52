"""Range checks of hyper-parameters, made at construction."""

from collections.abc import Sequence
from typing import TypeVar

from lifelong_lb.hyperparameters import AT_LEAST_ONE, NON_NEGATIVE, POSITIVE, Range, alternatives

V = TypeVar("V", bound=float | str)


def checked(name: str, value: V, allowed: Range) -> V:
    """Return a value within a range; raise ValueError otherwise."""
    if value not in allowed:
        raise ValueError(f"{name} must be {allowed}; got {value!r}")
    return value


def number(name: str, value: float, allowed: Range) -> float:
    """Return a number within a range as a float; raise ValueError otherwise."""
    return float(checked(name, value, allowed))


def number_or_name(name: str, value: float | str, allowed: Range) -> float | str:
    """Return a number within a range as a float, or an allowed name; raise ValueError otherwise."""
    return value if isinstance(checked(name, value, allowed), str) else float(value)


def non_negative(name: str, value: float) -> float:
    """Return a finite number >= 0; raise ValueError otherwise."""
    return number(name, value, NON_NEGATIVE)


def positive(name: str, value: float) -> float:
    """Return a finite number > 0; raise ValueError otherwise."""
    return number(name, value, POSITIVE)


def at_least_one(name: str, value: int) -> int:
    """Return a whole number >= 1; raise ValueError otherwise."""
    return checked(name, value, AT_LEAST_ONE)


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """Return one of the allowed values; raise ValueError otherwise."""
    if value not in allowed:
        raise ValueError(f"{name} must be {alternatives([*map(repr, allowed)])}; got {value!r}")
    return value


def yes_or_no(name: str, value: bool) -> bool:
    """Return a boolean; raise ValueError otherwise."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {value!r}")
    return value
