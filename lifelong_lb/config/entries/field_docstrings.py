"""Descriptions of settings, from the docstrings below their fields."""

import ast
import inspect
import sys
from functools import cache

from pydantic import BaseModel


def field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Read the docstrings below the fields of a class and of its base classes.

    They are read from the source files, and only when they are needed, so that they cost no time when a study is run.

    Args:
        model: the class.

    Returns:
        Field to text on one line; the nearest class counts. Fields without a docstring, and classes without a source
        file, are left out.

    Example:
        >>> from lifelong_lb.config.entries.strategies import ICaRL
        >>> list(field_docstrings(ICaRL))
        ['name', 'label', 'mem_size', 'fixed_memory']
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        found.update(_docstrings_of_module(base.__module__).get(base.__qualname__, {}))
    return {key: found[key] for key in model.model_fields if key in found}


@cache
def _docstrings_of_module(name: str) -> dict[str, dict[str, str]]:
    """Docstrings below the fields of each class of a module."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (KeyError, OSError, TypeError):
        return {}
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {node.name: _docstrings_of_class(node) for node in classes}


def _docstrings_of_class(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[field.target.id] = " ".join(below.value.value.split())
    return found
