"""Ranges of hyper-parameters, refused at construction."""

import math


def non_negative(name: str, value: float) -> float:
    """Check a finite number >= 0.

    Args:
        name: the hyper-parameter's name.
        value: what came.

    Returns:
        The value as a float.

    Raises:
        ValueError: when it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number >= 0; got {value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    """Check a finite number > 0.

    Args:
        name: the hyper-parameter's name.
        value: what came.

    Returns:
        The value as a float.

    Raises:
        ValueError: when it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a finite number > 0; got {value!r}")
    return float(value)


def at_least_one(name: str, value: int) -> int:
    """Check a whole number >= 1.

    Args:
        name: the hyper-parameter's name.
        value: what came.

    Returns:
        The value.

    Raises:
        ValueError: when it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1; got {value!r}")
    return value


def interpolation(name: str, value: float | str) -> float | str:
    """Check an interpolation factor: a number in (0, 1], or ``"adaptive"``.

    Args:
        name: the hyper-parameter's name.
        value: what came.

    Returns:
        A float, or ``"adaptive"``.

    Raises:
        ValueError: when it is neither.
    """
    if value == "adaptive":
        return "adaptive"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"{name} must be a number in (0, 1] or 'adaptive'; got {value!r}")
    return float(value)
