"""Study files that say only what is other than in another one."""

from collections.abc import Mapping
from os.path import realpath
from pathlib import Path
from typing import Any

from lifelong_lb.config.entries.fields import is_plain_text
from lifelong_lb.config.errors import UserError
from lifelong_lb.config.parse import as_list
from lifelong_lb.config.reading.presets import PREFIX, preset_path
from lifelong_lb.config.reading.yaml_file import read_yaml
from lifelong_lb.config.source_lines import FileLocation, LocatedMapping
from lifelong_lb.untrusted import quoted, shortened

EXTENDS = "extends"

MAX_FILES = 100
"""Most study files that one may extend, those that it extends in their turn included."""


def read_extended(path: Path) -> LocatedMapping:
    """Read a study file and those that it extends, into one mapping without ``extends``.

    ``extends`` names a file, or a list of files of which a later one goes before an earlier one; paths are relative to
    the file that names them, and ``preset:NAME`` is a study file that comes with the package. What the file itself says
    goes before them all. Mappings are merged key by key, lists and other values replaced. A mapping with another
    ``name`` is another thing, and replaces the one before it, too.

    Args:
        path: the YAML file, or ``preset:NAME``.

    Returns:
        The mapping; it and what it holds know their files and lines.

    Raises:
        UserError: when a file cannot be read, or extends itself.
    """
    return _read(path, (), {})


def _read(path: Path, chain: tuple[Path, ...], known: dict[Path, LocatedMapping]) -> LocatedMapping:
    """Read a study file, those that it extends once each: ``chain`` led to it, ``known`` are those read before."""
    if str(path).startswith(PREFIX):
        path = preset_path(str(path).removeprefix(PREFIX))
    if path in known:
        return known[path]
    chain = (*chain, path)
    if len(known) + len(chain) > MAX_FILES:
        raise UserError(f"{chain[0]}: {EXTENDS} more than {MAX_FILES - 1} study files")
    try:
        content = read_yaml(path)
    except UserError as error:
        way = f" ({EXTENDS}: {_chain_text(chain)})" if len(chain) > 1 else ""
        raise UserError(f"{error}{way}") from None
    _resolve_imports(content, path.parent)
    _locate_sources(content, path.parent)
    location = content.locations.get(EXTENDS, str(path))
    names = as_list(content.pop(EXTENDS)) if EXTENDS in content else []
    content.locations.pop(EXTENDS, None)
    bases = LocatedMapping()
    for name in names:
        if not isinstance(name, str) or not is_plain_text(name):
            raise UserError(
                f"{location}: {EXTENDS}: must be the path of a study file, or a list of them; got {quoted(name)}"
            )
        base = _base_path(path, name, location)
        if realpath(base) in map(realpath, chain):
            raise UserError(f"{location}: {EXTENDS}: a study file cannot extend itself ({_chain_text((*chain, base))})")
        bases = _merged(bases, _read(base, chain, known), top=True)
    known[path] = _merged(bases, content, top=True)
    return known[path]


def _chain_text(chain: tuple[Path, ...]) -> str:
    return shortened(" -> ".join(map(str, chain)), 400)


def _resolve_imports(content: LocatedMapping, folder: Path) -> None:
    """Paths of files to import are relative to the file that names them, whatever file extends that one."""
    if "imports" in content:
        names = as_list(content["imports"])
        content["imports"] = [realpath(folder / name) if _is_file(name) else name for name in names]


def _locate_sources(content: LocatedMapping, folder: Path) -> None:
    """Paths of images are relative to the file that names them, too; they are stored as they are written."""
    for entry in as_list(content.get("streams", ())):
        if isinstance(entry, LocatedMapping) and "source" in entry.locations:
            entry.locations["source"] = FileLocation(entry.locations["source"], folder.absolute())


def _is_file(name: Any) -> bool:
    return isinstance(name, str) and is_plain_text(name) and name.endswith(".py")


def _base_path(path: Path, name: str, location: str) -> Path:
    if not name.startswith(PREFIX):
        return path.parent / name
    try:
        return preset_path(name.removeprefix(PREFIX))
    except UserError as error:
        raise UserError(f"{location}: {EXTENDS}: {error}") from None


def _merged(base: LocatedMapping, override: LocatedMapping, *, top: bool = False) -> LocatedMapping:
    """Both of them, ``override`` first; at the top the name is the study's, and says nothing about what it is."""
    if not top and override.get("name", base.get("name")) != base.get("name"):
        return override
    merged = base.copied()
    for key, value in override.items():
        before = merged.get(key)
        if isinstance(before, str) and isinstance(value, Mapping) and "name" not in value:
            before = LocatedMapping({"name": before}, {"name": merged.locations[key]})  # a bare name
        merged[key] = _merged_value(before, value)
        merged.locations[key] = override.locations[key]
    return merged


def _merged_value(before: Any, value: Any) -> Any:
    if isinstance(before, LocatedMapping) and isinstance(value, LocatedMapping):
        return _merged(before, value)
    return value
