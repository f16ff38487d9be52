"""Run a study: execute missing runs, keep finished ones, and write tables and report."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lifelong_lb.config import Study, UserError, parse_study, read_study, unknown_name
from lifelong_lb.reports import Results, collect, column_names, write_report
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies.complete import complete
from lifelong_lb.studies.custom_metrics import store_custom_metrics
from lifelong_lb.studies.keywords import StudyLike, with_keywords
from lifelong_lb.studies.options import RunOptions


@with_keywords(RunOptions)
def run_study(config: StudyLike, out: str | os.PathLike[str], options: RunOptions) -> Results:
    """Execute the missing runs of a study, and write its tables and report.

    Several calls may share a folder at the same time, on one machine or on several with a shared file system: each run
    is executed by one of them. Each call returns when all runs of its study have ended, and takes over runs that others
    abandoned.

    Args:
        config: a study, its plain values, or the path of a study file.
        out: result folder. Existing runs are kept; a study with other shared settings is refused.
        options: how to run it. The fields of :class:`~lifelong_lb.RunOptions` can also be given as keywords, e.g.
            ``run_study(study, out, workers=2)``.

    Returns:
        The results of all runs in the folder.

    Raises:
        UserError: if the study, the folder, the data, an external optimizer or a timm model cannot be used; nothing has
            been run or written then.
    """
    folder, study = output_path(out), as_study(config)
    if study.tuning is not None:
        raise UserError(
            f"{study.name}: has a section tuning, whose settings are not chosen yet: lifelong-lb tune chooses them and "
            "runs the study with them; --set tuning=null runs it with the settings given in the file"
        )
    check_columns(options.columns, study)
    return reported(*complete([study], folder, options), options.columns)


def check_columns(columns: Sequence[str] | None, study: Study) -> None:
    """Check the columns chosen for the tables of a report.

    Args:
        columns: names; None for the default ones.
        study: the study, whose imports have been loaded.

    Raises:
        UserError: for an unknown name, or a metric that the study does not measure.
    """
    known = column_names(during=study.evaluation.every is not None)
    for column in columns or ():
        if column not in known:
            raise UserError(unknown_name("column", column, known))


def output_path(out: str | os.PathLike[str]) -> Path:
    """Absolute path of an output folder.

    Args:
        out: its path.

    Returns:
        The path.

    Raises:
        UserError: if the text is empty, e.g. of an unset variable.
    """
    if not os.fspath(out):
        raise UserError("out must name a folder, e.g. . for the current one; got an empty text")
    return Path(out).absolute()


def reported(folder: ResultFolder, problems: Sequence[str], columns: Sequence[str] | None) -> Results:
    """Store custom metrics with the runs of a folder, and write its report.

    Args:
        folder: the result folder.
        problems: sentences about problems that the report mentions.
        columns: metrics and costs in the summary's tables; None for the default ones.

    Returns:
        Its results.
    """
    with folder.locked():  # with several launchers, the last report covers every run
        results = collect(folder)
        store_custom_metrics(folder, results.study, results.records)
        results = replace(results, problems=[*results.problems, *problems])
        return write_report(folder, results, columns=columns)


def as_study(config: StudyLike) -> Study:
    """Validate a study given in any form.

    Args:
        config: a study, its plain values, or the path of a study file.

    Returns:
        The study.

    Raises:
        UserError: if it is invalid.
    """
    if isinstance(config, Study):
        return config
    if isinstance(config, Mapping):
        return parse_study(config)
    return read_study(Path(config))
