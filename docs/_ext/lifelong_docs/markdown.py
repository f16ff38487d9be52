"""Text of the package as Markdown."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):`[~!]?([^`]+)`")
_OPTION = re.compile(r"(?<![\w`-])(--[a-z][\w-]*)")
_LITERAL = re.compile(r"``([^`]+)``")
_ARXIV = re.compile(r"(?<![\w/\[])arXiv (\d{4}\.\d{4,5})\b")


def inline(text: str) -> str:
    r"""Convert a sentence of a docstring to Markdown.

    Args:
        text: reStructuredText with roles, literals and arXiv numbers.

    Returns:
        Markdown on one line; arXiv numbers are links, and characters of formulas are escaped.

    Example:
        >>> inline("SAM, see :class:`lifelong_lb.optim.SAM` (arXiv 2010.01412); ``rho`` <= p*")
        'SAM, see `lifelong_lb.optim.SAM` ([arXiv 2010.01412](https://arxiv.org/abs/2010.01412)); `rho` &lt;= p\\*'
    """
    text = _OPTION.sub(r"``\1``", _ROLE.sub(r"``\1``", " ".join(text.split())))
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(_LITERAL.sub(r"`\1`", part) if part.startswith("`") else _plain(part) for part in parts)


def _plain(text: str) -> str:
    text = re.sub(r"([*_$\\])", r"\\\1", text).replace("<", "&lt;")
    return _ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def paragraphs(docstring: str | None) -> list[str]:
    r"""Paragraphs of a docstring up to its sections.

    Args:
        docstring: a docstring in Google's style, or None.

    Returns:
        Markdown, one text per paragraph; those about class attributes are left out.

    Example:
        >>> paragraphs("One.\n\nTwo,\nthree.\n\nArgs:\n    x: a number.")
        ['One.', 'Two, three.']
    """
    text = re.split(r"\n(?:Args|Attributes|Returns|Raises|Example|Yields):\n", inspect.cleandoc(docstring or ""))[0]
    found = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    return [inline(part) for part in found if not part.startswith("Class attributes:")]


def arguments(docstring: str | None) -> dict[str, str]:
    r"""The section ``Args`` of a docstring.

    Args:
        docstring: a docstring in Google's style, or None.

    Returns:
        Argument to its description, as Markdown.

    Example:
        >>> arguments("Sum.\n\nArgs:\n    a: a number,\n        finite.\n    b: another.\n\nRaises:\n    E: no.")
        {'a': 'a number, finite.', 'b': 'another.'}
    """
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", inspect.cleandoc(docstring or ""), re.MULTILINE)
    items = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section.group(1) if section else "", re.MULTILINE)
    return {name: inline(text) for name, text in items}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Args:
        head: headings.
        rows: cells, as Markdown on one line.

    Returns:
        A Markdown table; bars in cells are escaped.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def yaml_value(value: object) -> str:
    """Write a plain value as in a study file.

    Args:
        value: null, a boolean, number or string, or lists and mappings of them.

    Returns:
        YAML on one line.

    Example:
        >>> yaml_value({"lr": 0.1, "groups": None, "betas": (0.9, 1e-8)}), yaml_value(True)
        ('{lr: 0.1, groups: null, betas: [0.9, 1.0e-8]}', 'true')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml_value, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return re.sub(r"^(\d+)e", r"\1.0e", text).replace("e-0", "e-") if isinstance(value, float) else text
