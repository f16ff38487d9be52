"""Every message that docs/how-to/troubleshooting.md quotes is still one of the code."""

import ast
import re

import pytest
from helpers.documentation import ROOT

PAGE = (ROOT / "docs/how-to/troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)
HOLE = "\0"
"""Stands for a formatted value."""


def template(node: ast.expr) -> str | None:
    """Text of a string, f-string or sum of strings, with a hole for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"{template(node.left) or HOLE}{template(node.right) or HOLE}"
    return None


@pytest.fixture(scope="module")
def templates():
    nodes = (node for path in (ROOT / "lifelong_lb").rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    return {" ".join(text.split()) for node in nodes if isinstance(node, ast.expr) and (text := template(node))}


def test_there_are_messages():
    assert len(QUOTED) == len(set(QUOTED)) >= 25


@pytest.mark.parametrize("message", QUOTED)
def test_a_message_is_in_the_code(message, templates):
    parts = [re.escape(part) for part in message.split("…")]
    assert sum(len(part) for part in parts) >= 12
    pattern, longest = re.compile(".*?".join(parts)), max(message.split("…"), key=len)
    assert any(longest in text and pattern.search(text) for text in templates), message
