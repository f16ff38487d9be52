"""Reading a study file: YAML, one document, no key twice."""

from pathlib import Path
from typing import Any

import yaml

from lifelong_lb.config.errors import UserError


class _OneKeyLoader(yaml.SafeLoader):
    """YAML's safe loader, except that a repeated key is an error and not silently the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, str) and key in seen:
                raise UserError(f"line {line}: the key '{key}' stands twice (first in line {seen[key]})")
            if isinstance(key, str):
                seen[key] = line
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a study file into plain Python values.

    Args:
        path: a YAML file whose top level is a mapping.

    Returns:
        The mapping.

    Raises:
        UserError: when the file cannot be read, is not YAML, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such study file{_siblings(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a study file ({error})") from None
    try:
        raw = parse_yaml(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a study file is a mapping of keys to values; got {type(raw).__name__}")
    return raw


def parse_yaml(text: str) -> Any:
    """Plain Python values from one YAML document.

    Args:
        text: the document.

    Returns:
        Whatever it holds.

    Raises:
        UserError: when it is not YAML, or a key stands twice in a mapping.
    """
    try:
        return yaml.load(text, Loader=_OneKeyLoader)  # a SafeLoader
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"not YAML: {' '.join(str(error).split()) or repr(error)}") from None


def _siblings(path: Path) -> str:
    names = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    return f" (in that folder: {', '.join(names[:8])})" if names else ""
