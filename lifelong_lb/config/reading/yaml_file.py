"""Read a study file: one YAML document without duplicate keys, within limits of size, depth and repetition."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lifelong_lb.config.errors import UserError
from lifelong_lb.config.source_lines import LocatedList, LocatedMapping
from lifelong_lb.untrusted import printable, quoted, read_bytes, shortened

MAX_BYTES = 4 * 2**20
"""Maximum size of a study file."""

MAX_NODES = 120_000
"""Maximum number of keys, values, mappings and lists in a document."""

MAX_VALUES = 300_000
"""Maximum number of values in a document with its aliases expanded."""

MAX_MERGED = 200_000
"""Maximum number of keys that ``<<`` copies in a document."""

MAX_LEVELS = 40
"""Maximum depth of nested lists and mappings, aliases expanded."""

MAX_NUMBER_CHARACTERS = 64
"""Maximum length of a number."""

MAX_PATH_CHARACTERS = 300
"""Maximum length of a file's path in a message."""

LARGE = 20_000
"""Length from which a document is parsed by libyaml: about ten times as fast as PyYAML, with other messages."""


class _Constructor(yaml.constructor.SafeConstructor):
    """PyYAML's safe constructor, with locations and limits.

    Duplicate keys are errors, and so are types that no study needs: sets, binary data, ordered mappings, very long
    numbers.

    Args:
        source: name of the document in messages.
        lines: whether locations include the line number.
    """

    def __init__(self, source: str, lines: bool) -> None:
        super().__init__()
        self._source, self._lines = source, lines
        self._merged, self._flattening = 0, set[int]()

    def location(self, mark: yaml.Mark | None) -> str:
        """Text for a location in the document."""
        return f"{self._source}:{mark.line + 1}" if self._lines and mark is not None else self._source

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            mark = key_node.start_mark
            if isinstance(key, str) and key in seen:
                name = shortened(key)
                raise UserError(f"{self.location(mark)}: duplicate key '{name}' (first defined on line {seen[key]})")
            if isinstance(key, str):
                seen[key] = mark.line + 1
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Copy the mappings named by ``<<`` into a mapping.

        Args:
            node: the mapping.

        Raises:
            UserError: if the document copies more than :data:`MAX_MERGED` keys in total.
        """
        if id(node) in self._flattening:
            return
        self._flattening.add(id(node))
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                continue
            for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(each, yaml.MappingNode):
                    self.flatten_mapping(each)
                    self._merged += len(each.value)
                    if self._merged > MAX_MERGED:
                        raise UserError(f"{self.location(key.start_mark)}: << copies more than {MAX_MERGED:,} keys")
        self._flattening.discard(id(node))
        super().flatten_mapping(node)

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Construct a number of limited length."""
        if len(node.value) > MAX_NUMBER_CHARACTERS:
            reason = f"a number has {len(node.value):,} characters; at most {MAX_NUMBER_CHARACTERS} are allowed"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)
        if node.tag.endswith(":int"):
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)

    def located_mapping(self, node: yaml.MappingNode) -> Iterator[LocatedMapping]:
        """Construct a mapping in two steps, as PyYAML requires for recursive values."""
        data = LocatedMapping()
        yield data
        data.update(self.construct_mapping(node))  # also adds the pairs merged by << to the node
        data.locations = {self.construct_object(key): self.location(key.start_mark) for key, _ in node.value}

    def located_list(self, node: yaml.SequenceNode) -> Iterator[LocatedList]:
        """Construct a list in two steps."""
        data = LocatedList()
        yield data
        data.extend(self.construct_sequence(node))
        data.locations = {index: self.location(item.start_mark) for index, item in enumerate(node.value)}


_CONSTRUCTORS: dict[str, Any] = {
    "map": _Constructor.located_mapping,
    "seq": _Constructor.located_list,
    "int": _Constructor.construct_number,
    "float": _Constructor.construct_number,
    **dict.fromkeys(("binary", "omap", "pairs", "set"), _Constructor.construct_undefined),
}
for _tag, _construct in _CONSTRUCTORS.items():
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct)


class _Loader(
    yaml.reader.Reader,
    yaml.scanner.Scanner,
    yaml.parser.Parser,
    yaml.composer.Composer,
    _Constructor,
    yaml.resolver.Resolver,
):
    """Pure Python loader, whose messages are better than libyaml's."""

    def __init__(self, text: str, source: str, lines: bool) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        _Constructor.__init__(self, source, lines)
        yaml.resolver.Resolver.__init__(self)


def _loader(text: str, source: str, lines: bool) -> Any:
    """Loader for a document: libyaml's if the document is large and libyaml is available."""
    if len(text) < LARGE or not yaml.__with_libyaml__:
        return _Loader(text, source, lines)

    parser: Any = yaml.cyaml.CParser  # type: ignore[attr-defined]

    class FastLoader(parser, _Constructor, yaml.resolver.Resolver):  # type: ignore[misc]
        def __init__(self) -> None:
            parser.__init__(self, text)
            _Constructor.__init__(self, source, lines)
            yaml.resolver.Resolver.__init__(self)

    return FastLoader()


def read_yaml(path: Path) -> LocatedMapping:
    """Read a study file into plain Python values.

    Args:
        path: a YAML file whose top level is a mapping.

    Returns:
        The mapping, with locations.

    Raises:
        UserError: if the file cannot be read, is not YAML, or is not a mapping.
    """
    name = shortened(printable(str(path), lines=False), MAX_PATH_CHARACTERS)
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise UserError(f"{name}: no such study file{_siblings(path)}") from None
    except (OSError, ValueError) as error:  # not UTF-8, too large, or not a regular file
        reason = error.strerror if isinstance(error, OSError) else shortened(str(error), MAX_PATH_CHARACTERS)
        raise UserError(f"{name}: cannot be read as a study file ({reason})") from None
    raw = parse_yaml(text, name)
    if not isinstance(raw, LocatedMapping):
        raise UserError(f"{name}: a study file is a mapping of keys to values; got {_kind(raw)}")
    return raw


def parse_yaml(text: str, source: str, *, lines: bool = True) -> Any:
    """Parse one YAML document into plain Python values.

    Args:
        text: the document.
        source: name of the document in messages.
        lines: whether messages include line numbers.

    Returns:
        The value; mappings and lists have locations.

    Raises:
        UserError: if the text is not YAML, has duplicate keys, or exceeds a limit.
    """
    loader = None
    try:
        _check_events(_loader(text, source, lines))
        loader = _loader(text, source, lines)
        value = loader.get_single_data()
        check_values(value, source)
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f"{source}:{mark.line + 1}" if lines and mark is not None else source
        if isinstance(error, yaml.reader.ReaderError) and lines:
            where = f"{source}:{text.count(chr(10), 0, error.position) + 1}"
        raise UserError(f"{where}: not YAML: {shortened(_reason(error, lines), 400)}") from None
    return value


def _check_events(parser: Any) -> None:
    """Refuse documents that are too deep or too large, before values are constructed."""
    depth = count = 0
    try:
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_LEVELS:
                    raise UserError(f"{parser.location(event.start_mark)}: nested deeper than {MAX_LEVELS} levels")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            count += isinstance(event, yaml.NodeEvent)
            if count > MAX_NODES:
                raise UserError(f"{parser.location(event.start_mark)}: more than {MAX_NODES:,} keys and values")
    finally:
        parser.dispose()


def check_values(value: Any, source: str) -> None:
    """Refuse plain values that contain themselves, are nested too deep, or are too many.

    Args:
        value: content of a study file.
        source: name of the study in messages.

    Raises:
        UserError: if a limit is exceeded, e.g. through aliases.
    """
    sizes: dict[int, tuple[int, int] | None] = {}

    def measured(one: Any) -> tuple[int, int]:
        """Number of values and depth."""
        if not isinstance(one, dict | list | tuple):
            return 1, 0
        if id(one) not in sizes:
            sizes[id(one)] = None
            inner = [measured(each) for each in (one.values() if isinstance(one, dict) else one)]
            sizes[id(one)] = 1 + sum(count for count, _ in inner), 1 + max((deep for _, deep in inner), default=0)
        size = sizes[id(one)]
        if size is None:
            raise UserError(f"{source}: an alias makes a mapping or list contain itself")
        return size

    try:
        values, levels = measured(value)
    except RecursionError:
        values, levels = 0, MAX_LEVELS + 1
    if levels > MAX_LEVELS:
        raise UserError(f"{source}: nested deeper than {MAX_LEVELS} levels through aliases")
    if values > MAX_VALUES:
        raise UserError(f"{source}: more than {MAX_VALUES:,} values through aliases")


def _reason(error: Exception, lines: bool) -> str:
    """Reason of an error, without the name of the document."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.context_mark
        begun = f" that begins on line {mark.line + 1}" if lines and mark is not None and error.context else ""
        reason = ", ".join(filter(None, [f"{error.context}{begun}" if error.context else "", error.problem]))
    elif isinstance(error, yaml.reader.ReaderError):
        reason = f"the character {ascii(chr(error.character))} is not allowed"
    else:
        reason = "merged or nested too deeply" if isinstance(error, RecursionError) else str(error)
    return " ".join(reason.split()) or repr(error)


def _kind(raw: Any) -> str:
    return "a list" if isinstance(raw, list) else "nothing" if raw is None else quoted(raw)


def _siblings(path: Path) -> str:
    names = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    return f" (in that folder: {', '.join(names[:8])})" if names else ""
