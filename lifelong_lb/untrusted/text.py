"""Escaping and shortening of texts of unknown origin."""

import reprlib
import sys
from itertools import islice
from os import PathLike
from typing import Any

QUOTED_CHARACTERS = 80
"""Most characters that a message quotes of anything."""

_LAYOUT = {"\n", "\t"}
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def encodable(text: str) -> str:
    r"""Replace lone surrogates by ``\udxxx``, so that the text can be written as UTF-8.

    Args:
        text: any text.

    Returns:
        The text, unchanged if it has none.

    Example:
        >>> encodable("caf\udce9")
        'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def error_message(error: BaseException) -> str:
    r"""Describe an error in text that can be written as UTF-8, even if the error cannot describe itself.

    Args:
        error: any error.

    Returns:
        Its type and message.

    Example:
        >>> error_message(RuntimeError("caf\udce9"))
        'RuntimeError: caf\\udce9'
    """
    try:
        message = str(error)
    except Exception as another:  # noqa: BLE001  raised by its own __str__
        message = f"its message cannot be shown ({type(another).__name__})"
    return encodable(f"{type(error).__name__}: {message}" if message else type(error).__name__)


def printable(text: str, *, lines: bool = True) -> str:
    r"""Escape what a terminal would act on instead of showing: control characters, surrogates, text direction.

    Args:
        text: any text.
        lines: whether line breaks and tabs stay as they are.

    Returns:
        The text with such characters as ``\x1b`` or ``\u202e``.

    Example:
        >>> printable("\x1b[2Jdone")
        '\\x1b[2Jdone'
        >>> printable("naïve α, 日本 🙂")
        'naïve α, 日本 🙂'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c.isspace() and _harmless(c, lines) else _escaped(c) for c in text)


def begins_like_a_formula(text: str) -> bool:
    r"""Whether a spreadsheet would take a text for a formula when it opens a table.

    Args:
        text: content of a cell.

    Returns:
        True if its first character other than white space is one of ``= + - @`` (or their full-width forms), or it
        begins with a tab or line break.

    Example:
        >>> [begins_like_a_formula(text) for text in ("=1+1", " -x", "\tx", "sam", "a=b")]
        [True, True, True, False, False]
    """
    return text.lstrip()[:1] in _FORMULA or text[:1] in ("\t", "\r", "\n")


def path_text(path: "PathLike[str] | str") -> str:
    r"""Format a path for a message: one line, control characters escaped.

    Args:
        path: any path.

    Returns:
        Its text, with such characters as ``\x1b``, and ``\udcxx`` for bytes that are not UTF-8.

    Example:
        >>> path_text("a\x1b[2J\nb")
        'a\\x1b[2J\\nb'
    """
    return printable(str(path), lines=False)


def reason_text(reason: object, limit: int = 300) -> str:
    r"""Reduce a library's error about a file, which may repeat its content, to one line.

    Args:
        reason: an error or a text.
        limit: most characters of the result.

    Returns:
        One line.

    Example:
        >>> reason_text(ValueError("bad header:\n\x1b[2J"))
        'bad header: \\x1b[2J'
    """
    text = str(reason)[: 4 * limit] or type(reason).__name__
    return shortened(printable(" ".join(text.split()), lines=False), limit)


def quoted(value: Any, limit: int = QUOTED_CHARACTERS) -> str:
    """Quote a value in a message: its ``repr``, cut to a limited length.

    Args:
        value: anything; only the beginning of long values is read.
        limit: most characters of the result.

    Returns:
        One line.

    Example:
        >>> quoted("sam")
        "'sam'"
        >>> len(quoted("x" * 10_000_000))
        80
        >>> quoted(10**5000)
        'a whole number of 5001 digits'
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 512:
        return f"a whole number of {_digits(value)} digits"
    text = repr(value[: limit + 1]) if isinstance(value, str | bytes) else _SHORT.repr(value)
    return shortened(printable(text, lines=False), limit)


def shortened(text: str, limit: int = QUOTED_CHARACTERS) -> str:
    """Cut a text to a limited length, with ``...`` where something was cut off.

    Args:
        text: any text.
        limit: most characters of the result.

    Returns:
        The text.
    """
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _harmless(char: str, lines: bool) -> bool:
    """Whether a character that is white space, but not printable by Python's definition, may stay."""
    return lines and char in _LAYOUT or char not in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _digits(value: int) -> int:
    """Decimal digits of a large number, without writing it out."""
    size = abs(value)
    digits = int((size.bit_length() - 1) * 0.30102999566398120)
    while digits < 10_000 and 10**digits <= size:
        digits += 1
    return digits if digits < 10_000 else digits + 1


class _Short(reprlib.Repr):
    """``repr`` that reads a limited number of items, characters and levels."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 40
        self.maxstring = self.maxlong = self.maxother = 4 * QUOTED_CHARACTERS

    def repr_int(self, x: int, level: int) -> str:
        return quoted(x) if x.bit_length() > 512 else sys.intern(repr(x))

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        items = islice(x.items(), self.maxdict)
        pairs = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in items]
        return "{" + ", ".join(pairs + ["..."] * (len(x) > self.maxdict)) + "}"


_SHORT = _Short()
