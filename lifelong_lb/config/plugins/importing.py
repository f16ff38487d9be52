"""Import of modules that register extensions: named by a study, or installed with an entry point."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from os.path import realpath
from pathlib import Path
from typing import Any

from lifelong_lb.config.entries.fields import is_plain_text
from lifelong_lb.config.errors import UserError
from lifelong_lb.config.parse import as_list
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import printable, quoted, shortened

GROUP = "lifelong_lb"
"""Group of entry points; each names a module that registers extensions on import."""

MAIN = "__main__"
_MAX_REASON_CHARACTERS = 500
"""Maximum length of the reason of a failed import."""
_loading: list[str] = []
"""Files being imported, innermost last."""


def load_origin(origin: str) -> None:
    """Import a module or file that registers extensions.

    Args:
        origin: dotted name of a module, or path of a file that ends in ``.py``.

    Raises:
        UserError: if it cannot be imported.
    """
    with _import_errors(origin):
        if origin == MAIN:
            raise UserError("defined in a script or notebook, which other processes cannot import")
        if origin.endswith(".py"):
            _load_file(Path(origin).absolute())
        else:
            importlib.import_module(origin)


@cache
def load_installed() -> None:
    """Import the modules of installed entry points, once.

    Raises:
        UserError: if a module cannot be imported.
    """
    for point in sorted(entry_points(group=GROUP)):
        with _import_errors(f"{point.value} (entry point {point.name} of {GROUP})"):
            point.load()


def origin_of(factory: Callable[..., Any]) -> str:
    """Origin of a factory.

    Args:
        factory: a function or class.

    Returns:
        The file being imported, else the module's name.
    """
    return _loading[-1] if _loading else factory.__module__


def digest_of(origin: str) -> str | None:
    """Hash of a module's source, to distinguish its versions.

    Args:
        origin: as for :func:`load_origin`.

    Returns:
        Sixteen hexadecimal digits; None if there is no readable file.
    """
    path = _source_of(origin)
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if path else None
    except OSError:
        return None


def same_source(first: str, second: str) -> bool:
    """Whether two origins are the same file, e.g. a file of ``imports`` that a test imports as a module.

    Args:
        first: an origin, as for :func:`load_origin`.
        second: another.

    Returns:
        True if they are equal, or their files are.
    """
    files = _source_of(first), _source_of(second)
    return first == second or (
        files[0] is not None and files[1] is not None and realpath(files[0]) == realpath(files[1])
    )


def _source_of(origin: str) -> str | None:
    """File of an origin; None if it has none or is not imported."""
    return origin if origin.endswith(".py") else getattr(sys.modules.get(origin), "__file__", None)


def origin_named(name: str) -> str:
    """Convert a name given by the user to an origin: paths of files become absolute.

    Args:
        name: dotted name of a module, or path of a file that ends in ``.py``.

    Returns:
        As for :func:`load_origin`.
    """
    return realpath(name) if name.endswith(".py") else name


def import_named(names: str | Sequence[str]) -> None:
    """Import modules and files given outside a study, e.g. by ``--imports``.

    Args:
        names: one or more, as for :func:`origin_named`.

    Raises:
        UserError: if one of them cannot be imported.
    """
    for name in [names] if isinstance(names, str) else names:
        load_origin(origin_named(name))


def is_imported(origin: str) -> bool:
    """Whether a module or file has been imported in this process.

    Args:
        origin: as for :func:`load_origin`.

    Returns:
        True if it has.
    """
    return (_module_name(Path(origin)) if origin.endswith(".py") else origin) in sys.modules


def _module_name(path: Path) -> str:
    return f"lifelong_lb_extension_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _load_file(path: Path) -> None:
    name = _module_name(path)
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError("no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loading.append(str(path))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        _loading.pop()


@contextmanager
def _import_errors(origin: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        if isinstance(error, SystemExit):
            reason = f"it exits when it is imported ({reason})"
        reason = shortened(printable(reason, lines=False), _MAX_REASON_CHARACTERS)
        raise UserError(f"imports: {shortened(origin, _MAX_REASON_CHARACTERS)} cannot be imported: {reason}") from error


def load_extensions(value: Any, problems: Problems) -> tuple[str, ...]:
    """Import the modules named by a study and those of installed plugins.

    Args:
        value: ``imports`` of the study.
        problems: receives the problems.

    Returns:
        Origins of the modules, without duplicates.
    """
    load_installed()
    names = as_list(value)
    if not all(isinstance(name, str) and is_plain_text(name) for name in names):
        problems.add(
            "imports", f"must be a module, e.g. my_package.rules, a file, or a list of them; got {quoted(value)}"
        )
        return ()
    origins = []
    for index, name in enumerate(names):
        origin = origin_named(name)
        try:
            load_origin(origin)
        except UserError as error:
            problems.add(f"imports[{index}]", str(error).removeprefix("imports: "))
        origins.append(origin)
    return tuple(dict.fromkeys(origins))
