"""Reading result folders into frames."""

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.config.plugins.importing import import_named
from lifelong_lb.reports.merge_folders import collect_all
from lifelong_lb.reports.results import collect
from lifelong_lb.store import ResultFolder
from lifelong_lb.untrusted import printable


def load_results(
    out: str | PathLike[str] | Sequence[str | PathLike[str]],
    *more: str | PathLike[str],
    imports: str | Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read one or several result folders. Nothing that a folder names is imported.

    Args:
        out: a folder, or several.
        more: further folders, whose runs are joined to those of the first as in a report of several folders, see
            :func:`~lifelong_lb.reports.collect_all`: each run counts once, runs that cannot be compared with the rest
            are left out, and a label has one meaning. A warning says what was left out or is called otherwise.
        imports: modules, or files, that register metrics of your own, which are then computed from the accuracies
            instead of read as the runs have stored them. They are run: name only what you trust.

    Returns:
        The frames of ``results.csv`` and ``accuracy.csv``, computed anew from the runs where the folders hold them.
        A warning names runs that cannot be read, which are left out.

    Raises:
        UserError: when a folder holds no results, none is named, or a module cannot be imported.
    """
    import_named(imports)
    first = [out] if isinstance(out, (str, PathLike)) else list(out)
    folders = [ResultFolder(Path(path)) for path in (*first, *more)]
    if len(folders) == 1:
        results = collect(folders[0])
        problems = results.problems if results.left_out else ()
    elif not folders:
        raise UserError("no result folder is named")
    else:
        results = collect_all(folders)
        problems = results.problems
    for problem in problems:
        warnings.warn(printable(problem), stacklevel=2)
    return results.runs, results.accuracy
