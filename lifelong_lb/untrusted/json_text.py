"""Guarded parsing of JSON."""

import json
from typing import Any

from lifelong_lb.untrusted.text import encodable

MAX_DEPTH = 40
"""Most levels of nested lists and mappings in a JSON document."""


def parse_json(text: str, *, deepest: int = MAX_DEPTH) -> Any:
    r"""Parse JSON whose nesting is limited and whose texts can be written as UTF-8.

    Args:
        text: the document.
        deepest: most levels of lists and mappings.

    Returns:
        Its value; lone surrogates in its texts have become ``\udxxx``.

    Raises:
        ValueError: if it is not JSON, or nested too deep.

    Example:
        >>> parse_json('{"a": [1, 2]}')
        {'a': [1, 2]}
        >>> parse_json("[" * 100_000)
        Traceback (most recent call last):
        ValueError: nested deeper than 40 levels
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {deepest} levels") from None
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, list | dict)]:
        depth += 1
        if depth > deepest:
            raise ValueError(f"nested deeper than {deepest} levels")
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return _encodable(value) if "\\ud" in text.lower() else value


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): _encodable(item) for key, item in value.items()}
    return value
