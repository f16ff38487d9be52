"""Parsing of numbers on the command line, with messages that name the option."""

from lifelong_lb.untrusted import quoted


def whole_number(option: str, text: str | None) -> int | None:
    """Parse a whole number, at least 1.

    Args:
        option: name of the option, for messages.
        text: its argument; None if absent.

    Returns:
        The number; None if absent.

    Raises:
        UserError: if it is not such a number.
    """
    from lifelong_lb.config import UserError

    try:
        value = None if text is None else int(text)
    except ValueError:
        raise UserError(f"{option} must be a whole number, at least 1; got {quoted(text)}") from None
    if value is not None and value < 1:
        raise UserError(f"{option} must be at least 1; got {value}")
    return value


def number(option: str, text: str) -> float:
    """Parse a number.

    Args:
        option: name of the option, for messages.
        text: its argument.

    Returns:
        The number.

    Raises:
        UserError: if it is not such a number.
    """
    from lifelong_lb.config import UserError

    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} must be a number; got {quoted(text)}") from None


def seconds_or_never(option: str, text: str) -> float | None:
    """Parse a number of seconds, or ``never``.

    Args:
        option: name of the option, for messages.
        text: its argument.

    Returns:
        The number; None for never.

    Raises:
        UserError: if it is neither.
    """
    from lifelong_lb.config import UserError

    try:
        return None if text == "never" else float(text)
    except ValueError:
        raise UserError(f"{option} must be a number of seconds >= 0, or never; got {quoted(text)}") from None
