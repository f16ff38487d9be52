"""Checks of values from stored JSON files."""

import re
from typing import Any

from lifelong_lb.untrusted import quoted

MAX_NUMBER = 2**53
"""Largest accepted count: floats represent every whole number up to it exactly."""
MAX_EXPERIENCES = 1000
"""Most experiences of a stored run; its accuracy matrix has a million entries."""
MAX_NAME_CHARACTERS = 1000
"""Most characters of a name, e.g. of a host."""
_RUN_ID = re.compile(r"[0-9a-f]{12}")


def is_run_id(value: Any) -> bool:
    """Whether a value has the form of a run id, so that it can be used in a path.

    Args:
        value: anything.

    Returns:
        True for twelve hexadecimal digits.

    Example:
        >>> is_run_id("0123456789ab"), is_run_id("../../secret"), is_run_id(3)
        (True, False, False)
    """
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def whole_number(value: Any, name: str, most: int = MAX_NUMBER) -> int:
    """Check a count, an index or a seed.

    Args:
        value: from a JSON file.
        name: what it is, for the message.
        most: largest accepted value.

    Returns:
        The number.

    Raises:
        ValueError: if it is not a whole number from 0 to ``most``.

    Example:
        >>> whole_number(3.0, "seed")
        3
        >>> whole_number(float("inf"), "seed", 10)
        Traceback (most recent call last):
        ValueError: seed cannot be inf: it must be a whole number from 0 to 10
    """
    if not _is_number(value) or not 0 <= value <= most or value != int(value):
        raise ValueError(f"{name} cannot be {quoted(value)}: it must be a whole number from 0 to {most}")
    return int(value)


def real_number(value: Any, name: str, most: float = MAX_NUMBER) -> float:
    """Check a time or a fraction.

    Args:
        value: from a JSON file.
        name: what it is, for the message.
        most: largest accepted value.

    Returns:
        The number.

    Raises:
        ValueError: if it is not a number from 0 to ``most``.
    """
    if not _is_number(value) or not 0 <= value <= most:
        raise ValueError(f"{name} cannot be {quoted(value)}: it must be a number from 0 to {most:g}")
    return float(value)


def short_text(value: Any, name: str) -> str:
    """Check a short text.

    Args:
        value: from a JSON file.
        name: what it is, for the message.

    Returns:
        The text.

    Raises:
        ValueError: if it is not a text, or is too long.
    """
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARACTERS:
        raise ValueError(
            f"{name} cannot be {quoted(value)}: it must be a text of at most {MAX_NAME_CHARACTERS} characters"
        )
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
