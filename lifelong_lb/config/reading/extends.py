"""Study files that extend others."""

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
"""Maximum number of files of a study, those extended indirectly included."""


def read_extended(path: Path) -> LocatedMapping:
    """Read a study file and the files it extends into one mapping without ``extends``.

    ``extends`` names a file, or a list of files; later files override earlier ones, and the file itself overrides them
    all. Paths are relative to the file that names them; ``preset:NAME`` is a study file of the package. Mappings are
    merged key by key; lists and other values are replaced, and so is a mapping with a different ``name``.

    Args:
        path: the YAML file, or ``preset:NAME``.

    Returns:
        The mapping, with the file and line of each value.

    Raises:
        UserError: if a file cannot be read or extends itself.
    """
    return _read(path, (), {})


def _read(path: Path, chain: tuple[Path, ...], known: dict[Path, LocatedMapping]) -> LocatedMapping:
    """Read a study file: ``chain`` holds the files that extend it, ``known`` those already read."""
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
    """Make paths of files to import absolute; they are relative to the file that names them."""
    if "imports" in content:
        names = as_list(content["imports"])
        content["imports"] = [realpath(folder / name) if _is_file(name) else name for name in names]


def _locate_sources(content: LocatedMapping, folder: Path) -> None:
    """Record the folder that paths of images and weights are relative to; the paths are stored as written."""
    streams = [entry for entry in as_list(content.get("streams", ())) if isinstance(entry, LocatedMapping)]
    models = [entry.get("model") for entry in (content, *streams)]
    for entries, key in ((streams, "source"), (streams, "sources"), (models, "weights")):
        for entry in entries:
            if isinstance(entry, LocatedMapping) and key in entry.locations:
                entry.locations[key] = FileLocation(entry.locations[key], folder.absolute())


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
    """Merge two mappings; at the top, ``name`` is only the study's title and does not prevent merging."""
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
