"""Look up optimizers that need other packages or a model, without importing anything."""

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec

from lifelong_lb.config import Study, UserError
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.entries.parameter_groups import MATCH
from lifelong_lb.config.errors import listed_names
from lifelong_lb.studies.requirements import unmet_requirement
from lifelong_lb.untrusted import quoted, shortened


def check_targets(study: Study) -> None:
    """Check that the packages of external optimizers, and those that named ones require, are installed.

    Args:
        study: the study.

    Raises:
        UserError: if one is not.
    """
    for index, entry in enumerate(study.optimizers):
        if (reason := unmet_requirement(entry)) is not None:
            raise UserError(f"optimizers[{index}]: {reason}")
    for path, target in _targets(study):
        package = target.partition(".")[0]
        if not _is_installed(package):
            raise UserError(
                f"{path}: package {shortened(package)} is not installed, so {shortened(target)} cannot be imported"
            )


def about_targets(study: Study) -> Iterator[str]:
    """Describe what only a run checks: classes of external optimizers, and names of parameters in groups.

    Args:
        study: the study.

    Yields:
        A line per external optimizer, and per optimizer with groups.
    """
    for path, target in _targets(study):
        module = missing_module(target)
        missing = f"; no module {shortened(module)} was found" if module is not None else ""
        text = shortened(target)
        yield f"not checked: {text} ({path}); run imports, builds and steps it before anything else{missing}"
    for index, entry in enumerate(study.optimizers):
        if entry.groups is not None:
            patterns = listed_names([quoted(group[MATCH]) for group in entry.groups])
            yield f"not checked: the patterns {patterns} (optimizers[{index}].groups); run builds the model first"


def missing_module(target: str) -> str | None:
    """Find the first missing module of a dotted name, without importing anything.

    Args:
        target: dotted name of a class.

    Returns:
        The module's name; None if none is missing, or if the rest may be attributes.
    """
    names = target.split(".")[:-1]
    search_path = [*sys.path]
    for count in range(1, len(names) + 1):
        name = ".".join(names[:count])
        spec = PathFinder.find_spec(name, search_path)
        if spec is None:
            return None if name in sys.modules or count == 1 else name
        if spec.submodule_search_locations is None:
            return None
        search_path = list(spec.submodule_search_locations)
    return None


def _targets(study: Study) -> Iterator[tuple[str, str]]:
    for index, optimizer in enumerate(study.optimizers):
        if isinstance(optimizer, External):
            yield f"optimizers[{index}].target", optimizer.target


def _is_installed(package: str) -> bool:
    try:
        return package in sys.modules or find_spec(package) is not None
    except (ImportError, ValueError):
        return True  # the import decides
