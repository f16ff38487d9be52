"""Docstrings for autodoc: plain formulas are protected from reStructuredText, and references are checked."""

import re
import sys
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_COLON = "\x00"
_CODE = re.compile(r"(:[a-z:]+:`[^`]+`|``[^`]+``|`[^`]+`_?)")


def protected(lines: list[str], *, value: bool) -> list[str]:
    """Escape what is meant literally in a docstring.

    Args:
        lines: the docstring.
        value: whether it describes an attribute or a property, whose text napoleon would split at a colon.

    Returns:
        Lines in which ``*``, ``|`` and underscores outside of code are escaped; colons in ``Returns``, which napoleon
        takes for the end of a type, are replaced until :func:`restored`.
    """
    found, section, code = [], "", False
    for line in lines:
        heading = re.match(r"^(Args|Attributes|Returns|Yields|Raises|Example):\s*$", line)
        if heading:
            section = heading.group(1)
        elif line and not line.startswith(" "):
            section = ""
        code = line.lstrip().startswith((">>>", "...")) or (code and bool(line.strip()))
        if not code:
            line = _escaped(line)
        if (value and not section) or section in ("Returns", "Yields") and not heading:
            line = re.sub(r":(?= |$)", _COLON, line)
        found.append(line)
    return found


def _escaped(line: str) -> str:
    argument = re.match(r"^( *\*{0,2}\w+:)(.*)$", line)
    head, rest = argument.groups() if argument else ("", line)
    parts = _CODE.split(rest)
    return head + "".join(p if _CODE.fullmatch(p) else re.sub(r"(?<!\\)([*|]|_(?!\w))", r"\\\1", p) for p in parts)


def restored(lines: list[str]) -> list[str]:
    """Put the colons back.

    Args:
        lines: lines of :func:`protected` after napoleon.

    Returns:
        Lines of reStructuredText.
    """
    return [line.replace(_COLON, ":") for line in lines]


def exists(target: str, module: str = "", cls: str = "") -> bool:
    """Whether a reference of a docstring names an importable object.

    Args:
        target: dotted name; a short one is looked for in the modules of the package.
        module: module of the docstring.
        cls: class of the docstring, relative to its module.

    Returns:
        False for a misspelt or outdated reference.
    """
    if _found(target) or (cls and _found(f"{module}.{cls}.{target}")):
        return True
    packages = [name for name in list(sys.modules) if name.startswith("lifelong_lb")]
    return any(_found(f"{name}.{target}") for name in packages)


def _found(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        try:
            value: Any = sys.modules.get(name) or import_module(name)
        except (ImportError, ValueError):
            continue
        for part in parts[length:]:
            fields = getattr(value, "__dataclass_fields__", {}) | getattr(value, "__annotations__", {})
            value = getattr(value, part, fields.get(part))
        return value is not None
    return False


def _protect(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = protected(lines, value=what in ("attribute", "data", "property"))


def _restore(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = restored(lines)


def _missing(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.TextElement | None:
    """Show an internal or a foreign name that exists without a link; a name that does not exist fails the build."""
    if node.get("refdomain") != "py":
        return None
    known = exists(node["reftarget"], node.get("py:module") or "", node.get("py:class") or "")
    return contnode if known else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, before and after napoleon."""
    app.connect("autodoc-process-docstring", _protect, priority=100)
    app.connect("autodoc-process-docstring", _restore, priority=900)
    app.connect("missing-reference", _missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
