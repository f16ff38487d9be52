"""Numbers on the command line: a user's mistake is told in our words."""

from lifelong_lb.untrusted import quoted


def whole_number(option: str, text: str | None) -> int | None:
    """A whole number, at least 1.

    Args:
        option: where it stood, for messages.
        text: what the user wrote; None for nothing.

    Returns:
        The number; None for nothing.

    Raises:
        UserError: when it is none.
    """
    from lifelong_lb.config import UserError

    try:
        found = None if text is None else int(text)
    except ValueError:
        raise UserError(f"{option} must be a whole number, at least 1; got {quoted(text)}") from None
    if found is not None and found < 1:
        raise UserError(f"{option} must be at least 1; got {found}")
    return found


def number(option: str, text: str) -> float:
    """A number.

    Args:
        option: where it stood, for messages.
        text: what the user wrote.

    Returns:
        The number.

    Raises:
        UserError: when it is none.
    """
    from lifelong_lb.config import UserError

    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} must be a number; got {quoted(text)}") from None


def seconds_or_never(option: str, text: str) -> float | None:
    """A number of seconds, or ``never``.

    Args:
        option: where it stood, for messages.
        text: what the user wrote.

    Returns:
        The number; None for never.

    Raises:
        UserError: when it is neither.
    """
    from lifelong_lb.config import UserError

    try:
        return None if text == "never" else float(text)
    except ValueError:
        raise UserError(f"{option} must be a number of seconds >= 0, or never; got {quoted(text)}") from None
