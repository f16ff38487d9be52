"""Tune a study: choose settings on held-out data, then run and report the study with them."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lifelong_lb.config import Study, UserError, read_study
from lifelong_lb.evaluation import ADDED_METRICS, METRICS
from lifelong_lb.reports import Results, collect
from lifelong_lb.store import ResultFolder, StudyFile
from lifelong_lb.studies.custom_metrics import store_custom_metrics
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.executors.cluster_options import Cluster
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.study import SECONDS_BETWEEN_CHECKPOINTS, Options, as_study, complete, reported
from lifelong_lb.studies.tuning.best_settings import chosen_study, chosen_text
from lifelong_lb.studies.tuning.held_out import searched_combinations
from lifelong_lb.studies.tuning.search import Searching, imported_optuna
from lifelong_lb.studies.tuning.trials import Rounds, TrialObserver


def tune_study(
    config: Study | Mapping[str, Any] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    trials: int | None = None,
    workers: int | None = None,
    executor: str = "local",
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
    retry: Sequence[str] = (),
    timeout: float | None = None,
    checkpoint_every: float | None = SECONDS_BETWEEN_CHECKPOINTS,
    slurm: Mapping[str, Any] | None = None,
    runs_per_job: int = 1,
    gpus_per_run: float = 0.0,
    observer: ProgressObserver | None = None,
    loggers: Sequence[str] = (),
) -> Results:
    """Choose settings on the data held out by the study's section ``tuning``, then run the study with them.

    Args:
        config: a study with a section ``tuning``, its plain values, or the path of a study file.
        out: folder; ``tuning`` in it holds the runs of the searches, ``chosen.yaml`` the study with the chosen
            settings, and ``report`` its runs and its report. Finished runs are not repeated.
        trials: number of trials per search; None for the study's setting.
        workers: see :func:`~lifelong_lb.run_study`.
        executor: see :func:`~lifelong_lb.run_study`.
        device: see :func:`~lifelong_lb.run_study`.
        data: see :func:`~lifelong_lb.run_study`.
        download: see :func:`~lifelong_lb.run_study`.
        retry: see :func:`~lifelong_lb.run_study`; each run is retried once per call, and the new result is used.
        timeout: see :func:`~lifelong_lb.run_study`; a trial with a run that exceeds it counts as the worst.
        checkpoint_every: see :func:`~lifelong_lb.run_study`.
        slurm: see :func:`~lifelong_lb.run_study`.
        runs_per_job: see :func:`~lifelong_lb.run_study`.
        gpus_per_run: see :func:`~lifelong_lb.run_study`.
        observer: receives the progress events of each round of trials, then those of the study.
        loggers: see :func:`~lifelong_lb.run_study`; runs of trials are logged in ``tuning``.

    Returns:
        The results of the runs with the chosen settings.

    Raises:
        UserError: if the study, the folder, the data or Optuna cannot be used.
    """
    imported_optuna()
    study, data_folder = as_study(config), None if data is None else Path(data)
    statuses, logger_names = ((one,) if isinstance(one, str) else tuple(dict.fromkeys(one)) for one in (retry, loggers))
    cluster = Cluster(slurm or {}, runs_per_job, gpus_per_run)
    options = Options(
        workers, executor, device, data_folder, download, statuses, timeout, checkpoint_every, logger_names, cluster
    )
    folder, progress = Path(out).absolute(), observer or ProgressObserver()
    searches = searches_of(study)
    _search(Rounds(searches, folder / "tuning", options), _trials(study, trials), progress)
    if ADDED_METRICS:
        store_custom_metrics(ResultFolder(folder / "tuning"), collect(ResultFolder(folder / "tuning")))
    text = chosen_text(chosen_study(study, [search.chosen() for search in searches]))
    ResultFolder(folder).write_file("chosen.yaml", text)
    chosen = read_study(folder / "chosen.yaml")
    report = ResultFolder(folder / "report")
    report.check_writable()
    with report.locked():  # a longer search may have chosen other settings than an earlier one
        report.write_study(StudyFile.of(chosen))
    complete([chosen], report.path, options, progress)
    return reported(report)


def _search(rounds: Rounds, trials: int, observer: ProgressObserver) -> None:
    started, searches = time.monotonic(), len(rounds.searches)
    each = f" of {'each of ' if searches > 1 else ''}{searches} search{'es' * (searches > 1)}"
    for trial in range(1, trials + 1):
        seconds = time.monotonic() - started
        so_far = f"; {readable(round(seconds))} so far" if trial > 1 else ""
        numbers = {"trial": trial, "trials": trials, "searches": searches, "seconds": seconds}
        observer.phase("trial", f"trial {trial} of {trials}{each}{so_far}", numbers)
        rounds.next(TrialObserver(observer, f"trial {trial} of {trials}"))
    seconds = time.monotonic() - started
    text = (
        f"{trials} trial{'s' * (trials > 1)}{each} took {readable(round(seconds))}; running the study with the chosen "
        "settings"
    )
    observer.phase("chosen", text, {"trials": trials, "searches": searches, "seconds": seconds})


def searches_of(study: Study) -> list[Searching]:
    """Create the searches of a study, one per combination with hyper-parameters to search.

    Args:
        study: a study with a section ``tuning``.

    Returns:
        The searches, in the order of the study.

    Raises:
        UserError: if there is no such section, or the held-out study is invalid.
    """
    if study.tuning is None:
        raise UserError(f"{study.name}: needs a section tuning, which defines the search space and the held-out data")
    name = study.tuning.metric
    metric = name, {**METRICS, **ADDED_METRICS}[name]  # parse_study has checked the name
    return [Searching(one.at, one.study, one.space, metric) for one in searched_combinations(study)]


def _trials(study: Study, trials: int | None) -> int:
    assert study.tuning is not None
    if trials is not None and trials < 1:
        raise UserError(f"trials must be at least 1; got {trials}")
    return trials or study.tuning.trials
