"""Tune a study: choose settings on held-out data, then run and report the study with them."""

import os
import time

from lifelong_lb.config import Study, UserError, read_study
from lifelong_lb.evaluation import ADDED_METRICS, METRICS
from lifelong_lb.reports import Results, collect
from lifelong_lb.store import ResultFolder, StudyFile
from lifelong_lb.studies.complete import complete
from lifelong_lb.studies.custom_metrics import store_custom_metrics
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.keywords import StudyLike, with_keywords
from lifelong_lb.studies.options import TuneOptions
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.study import as_study, check_columns, output_path, reported
from lifelong_lb.studies.tuning.best_settings import chosen_study, chosen_text
from lifelong_lb.studies.tuning.held_out import searched_combinations
from lifelong_lb.studies.tuning.search import CombinationSearch, imported_optuna
from lifelong_lb.studies.tuning.trials import Rounds, TrialObserver


@with_keywords(TuneOptions)
def tune_study(config: StudyLike, out: str | os.PathLike[str], options: TuneOptions) -> Results:
    """Choose settings on the data held out by the study's section ``tuning``, then run the study with them.

    Args:
        config: a study with a section ``tuning``, its plain values, or the path of a study file.
        out: folder; ``tuning`` in it holds the runs of the searches, ``chosen.yaml`` the study with the chosen
            settings, and ``report`` its runs and its report. Finished runs are not repeated.
        options: how to run it. The fields of :class:`~lifelong_lb.TuneOptions` can also be given as keywords, e.g.
            ``tune_study(study, out, trials=20, workers=2)``.

    Returns:
        The results of the runs with the chosen settings.

    Raises:
        UserError: if the study, the folder, the data or Optuna cannot be used.
    """
    imported_optuna()
    folder, study = output_path(out), as_study(config)
    check_columns(options.columns, study)
    searches = searches_of(study)
    assert study.tuning is not None, "searches_of refuses a study without tuning"
    _search(Rounds(searches, folder / "tuning", options), options.trials or study.tuning.trials)
    if ADDED_METRICS:
        trial_folder = ResultFolder(folder / "tuning")
        results = collect(trial_folder)
        store_custom_metrics(trial_folder, results.study, results.records)
    text = chosen_text(chosen_study(study, [search.chosen() for search in searches]))
    ResultFolder(folder).write_file("chosen.yaml", text)
    chosen = read_study(folder / "chosen.yaml")
    report = ResultFolder(folder / "report")
    report.check_writable()
    with report.locked():  # a longer search may have chosen other settings than an earlier one
        report.write_study(StudyFile.of(chosen))
    return reported(*complete([chosen], report.path, options), options.columns)


def _search(rounds: Rounds, trials: int) -> None:
    observer = rounds.options.observer or ProgressObserver()
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


def searches_of(study: Study) -> list[CombinationSearch]:
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
    return [CombinationSearch(one.labels, one.study, one.space, metric) for one in searched_combinations(study)]
