"""Parse and format durations."""

import math
import re

from lifelong_lb.config import UserError
from lifelong_lb.untrusted import quoted

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(what: str, text: str) -> float:
    """Parse a duration.

    >>> seconds("--timeout", "90"), seconds("--timeout", "1.5h")
    (90.0, 5400.0)

    Args:
        what: name of the option, for the error.
        text: a number of seconds, or a number followed by ``s``, ``m``, ``h`` or ``d``.

    Returns:
        Seconds, > 0.

    Raises:
        UserError: if it is not a duration.
    """
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) *([smhd]?)", text.strip())
    value = float(matched[1]) * _SECONDS[matched[2]] if matched else 0.0
    if not 0 < value < math.inf:
        raise UserError(f"{what} must be a positive number of seconds, or e.g. 90s, 30m, 2h or 1d; got {quoted(text)}")
    return value


def readable(seconds: float) -> str:
    """Format a duration.

    >>> readable(90), readable(5400), readable(0.5)
    ('90 s', '1.5 h', '0.5 s')

    Args:
        seconds: a duration, >= 0.

    Returns:
        Seconds below two minutes, minutes below one hour, hours above.
    """
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
