"""Rounds of trials, one per search, executed together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from statistics import fmean

import pandas as pd

from lifelong_lb.config import Study, expand
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.studies.complete import complete
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.tuning.search import CombinationSearch, Point, Trial


class TrialObserver(ProgressObserver):
    """Forward events with the trial added to the title of each run.

    Args:
        observer: receives the events.
        trial: e.g. ``"trial 3 of 20"``.
    """

    def __init__(self, observer: ProgressObserver, trial: str) -> None:
        self._observer, self._trial = observer, trial

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Forward the event."""
        self._observer.start(total, present)

    def begun(self, run: str, title: str) -> None:
        """Forward the event."""
        self._observer.begun(run, self._titled(title))

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Forward the event."""
        self._observer.learnt(run, self._titled(title), experience, experiences, accuracy)

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Forward the event."""
        self._observer.ended(self._titled(title), record, elsewhere=elsewhere)

    def given_up(self, run: str) -> None:
        """Forward the event."""
        self._observer.given_up(run)

    def waiting(self, runs: int) -> None:
        """Forward the event."""
        self._observer.waiting(runs)

    def problem(self, text: str) -> None:
        """Forward the event."""
        self._observer.problem(text)

    def stop(self) -> None:
        """Forward the event."""
        self._observer.stop()

    def _titled(self, title: str) -> str:
        return f"{self._trial}: {title}"


@dataclass
class Rounds:
    """Rounds of trials, one per search.

    Attributes:
        searches: the searches.
        out: folder of their runs.
        options: how to run them.
        tried: ids of the runs of earlier rounds, which are not retried if a point is repeated.
        failed_to_write: whether ``trials.csv`` could not be written after some round.
    """

    searches: Sequence[CombinationSearch]
    out: Path
    options: RunOptions
    tried: set[str] = field(default_factory=set)
    failed_to_write: bool = False

    def next(self, observer: ProgressObserver) -> None:
        """Execute one trial of each search together, and write ``trials.csv``.

        Args:
            observer: receives progress events.
        """
        points = [(search, *search.ask()) for search in self.searches]
        repeated = [study for _, _, study in points if self.options.retry and self.tried & _runs(study)]
        new = [study for _, _, study in points if study not in repeated]
        for studies, retry in ((new, self.options.retry), (repeated, ())):
            if studies:
                complete(studies, self.out, replace(self.options, retry=retry, observer=observer))
        folder = ResultFolder(self.out)
        for search, point, study in points:
            self.tried |= _runs(study)
            search.tell(_trial(search, point, study, folder))
        try:
            write_trials(self.out, self.searches)
        except OSError as error:  # the next round, or the next call, writes it again
            if not self.failed_to_write:
                observer.problem(f"trials.csv could not be written ({error.strerror or error}); the search continues")
            self.failed_to_write = True


def _runs(study: Study) -> set[str]:
    return {run.config.run_id for run in expand(study)}


def _trial(search: CombinationSearch, point: Point, study: Study, folder: ResultFolder) -> Trial:
    records = [folder.read_run(run.config.run_id, run.config.seed) for run in expand(study)]
    value = nan
    if all(record.status == "done" for record in records):
        value = fmean(search.metric[1].function(record.accuracy) for record in records)
    gradients = sum(r.gradient_evaluations + r.strategy_gradient_evaluations for r in records)
    return Trial(len(search.trials), point, [record.run for record in records], value, gradients)


def write_trials(folder: Path, searches: Sequence[CombinationSearch]) -> None:
    """Write ``trials.csv``, the finished trials of all searches.

    Args:
        folder: the folder of the search.
        searches: the searches.
    """
    rows = [
        {
            **dict(zip(("stream", "strategy", "rule", "base_optimizer"), search.labels, strict=True)),
            "trial": trial.number,
            "settings": "; ".join(
                f"{label}.{k}={v}" for label, settings in trial.point.items() for k, v in settings.items()
            ),
            search.metric[0]: trial.value,
            "gradient_evaluations": trial.gradient_evaluations,
            "runs": " ".join(trial.runs),
        }
        for search in searches
        for trial in search.trials
    ]
    ResultFolder(folder).write_table("trials", pd.DataFrame(rows))
