"""Reading a study file: YAML, one document, no key twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lifelong_lb.config.errors import UserError
from lifelong_lb.config.places import LocatedList, LocatedMapping
from lifelong_lb.untrusted import quoted


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, except that values know where they stand, and that a repeated key is an error.

    Args:
        text: the document.
        source: what to call it.
        lines: whether places have the number of a line, too.
    """

    def __init__(self, text: str, source: str, lines: bool) -> None:
        super().__init__(text)
        self._source, self._lines = source, lines

    def place(self, mark: yaml.Mark | None) -> str:
        """What to call a place in the document."""
        return f"{self._source}:{mark.line + 1}" if self._lines and mark is not None else self._source

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            mark = key_node.start_mark
            if isinstance(key, str) and key in seen:
                raise UserError(f"{self.place(mark)}: the key {quoted(key)} stands twice (first in line {seen[key]})")
            if isinstance(key, str):
                seen[key] = mark.line + 1
        return super().construct_mapping(node, deep=deep)

    def located_mapping(self, node: yaml.MappingNode) -> Iterator[LocatedMapping]:
        """Constructor of mappings, in two steps, as PyYAML wants it for what may contain itself."""
        data = LocatedMapping()
        yield data
        data.update(self.construct_mapping(node))  # which puts what is merged in by << into the node, too
        data.places = {self.construct_object(key): self.place(key.start_mark) for key, _ in node.value}

    def located_list(self, node: yaml.SequenceNode) -> Iterator[LocatedList]:
        """Constructor of lists, likewise."""
        data = LocatedList()
        yield data
        data.extend(self.construct_sequence(node))
        data.places = {index: self.place(item.start_mark) for index, item in enumerate(node.value)}


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.located_mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.located_list)


def read_yaml(path: Path) -> LocatedMapping:
    """Read a study file into plain Python values.

    Args:
        path: a YAML file whose top level is a mapping.

    Returns:
        The mapping; it and what it holds know their lines.

    Raises:
        UserError: when the file cannot be read, is not YAML, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such study file{_siblings(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a study file ({error})") from None
    raw = parse_yaml(text, str(path))
    if not isinstance(raw, LocatedMapping):
        raise UserError(f"{path}: a study file is a mapping of keys to values; got {_kind(raw)}")
    return raw


def parse_yaml(text: str, source: str, *, lines: bool = True) -> Any:
    """Plain Python values from one YAML document.

    Args:
        text: the document.
        source: what to call it.
        lines: whether to name lines, too.

    Returns:
        Whatever it holds; mappings and lists know where their keys and items stand.

    Raises:
        UserError: when it is not YAML, or a key stands twice in a mapping.
    """
    loader = None
    try:
        loader = _Loader(text, source, lines)  # a SafeLoader
        found = loader.get_single_data()
        _check_size(found, source)
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = loader.place(mark) if loader is not None else source
        if isinstance(error, yaml.reader.ReaderError) and lines:
            where = f"{source}:{text.count(chr(10), 0, error.position) + 1}"
        raise UserError(f"{where}: not YAML: {_said(error, lines)}") from None
    return found


MOST_VALUES = 1_000_000
"""How many values a document may hold, those that an alias repeats counted each time."""


def _check_size(value: Any, source: str) -> None:
    """Refuse what aliases make endless, or too large to be told of."""
    sizes: dict[int, int | None] = {}

    def size(one: Any) -> int:
        if not isinstance(one, dict | list):
            return 1
        if id(one) not in sizes:
            sizes[id(one)] = None
            sizes[id(one)] = 1 + sum(map(size, one.values() if isinstance(one, dict) else one))
        found = sizes[id(one)]
        if found is None:
            raise UserError(f"{source}: an alias repeats a mapping or list within itself")
        return found

    if size(value) > MOST_VALUES:
        raise UserError(f"{source}: aliases make more than {MOST_VALUES:,} values of it")


def _said(error: Exception, lines: bool) -> str:
    """What is wrong, without the name of the document, which stands before it."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.context_mark
        begun = f" that begins in line {mark.line + 1}" if lines and mark is not None and error.context else ""
        said = ", ".join(filter(None, [f"{error.context}{begun}" if error.context else "", error.problem]))
    elif isinstance(error, yaml.reader.ReaderError):
        said = f"the character {ascii(chr(error.character))} cannot stand in it"
    else:
        said = str(error)
    return " ".join(said.split()) or repr(error)


def _kind(raw: Any) -> str:
    return "a list" if isinstance(raw, list) else "nothing" if raw is None else quoted(raw)


def _siblings(path: Path) -> str:
    names = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    return f" (in that folder: {', '.join(names[:8])})" if names else ""
