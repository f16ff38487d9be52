"""Load result folders as frames."""

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.config.plugins.importing import import_named
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.results.merge_folders import collect_all
from lifelong_lb.store import ResultFolder
from lifelong_lb.untrusted import printable


def load_results(
    out: str | PathLike[str] | Sequence[str | PathLike[str]],
    *more: str | PathLike[str],
    imports: str | Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load the runs and accuracies of one or several result folders.

    Modules named in a folder's study are not imported.

    Args:
        out: a folder, or several.
        more: further folders. Runs are merged as in a report of several folders, see
            :func:`~lifelong_lb.reports.collect_all`: each run counts once, incomparable runs are left out, and each
            label stands for one setting. Warnings report what was left out or relabelled.
        imports: modules, or files, that register custom metrics. These metrics are then computed from the accuracies
            instead of read from the runs. The modules are executed: name only trusted ones.

    Returns:
        The frames of ``results.csv`` and ``accuracy.csv``, recomputed from the runs if the folders contain them. A
        warning names runs that cannot be read, which are left out.

    Raises:
        UserError: if no folder is given, a folder contains no results, or a module cannot be imported.
    """
    import_named(imports)
    first = [out] if isinstance(out, (str, PathLike)) else list(out)
    folders = [ResultFolder(Path(path)) for path in (*first, *more)]
    if len(folders) == 1:
        results = collect(folders[0])
        problems = results.problems if results.left_out else ()
    elif not folders:
        raise UserError("no result folder given")
    else:
        results = collect_all(folders)
        problems = results.problems
    for problem in problems:
        warnings.warn(printable(problem), stacklevel=2)
    return results.runs, results.accuracy
