"""The loggers of one run, whose failures are not the run's."""

import warnings
from collections.abc import Callable

from lifelong_lb.reports.results import numbers_of
from lifelong_lb.store import RunRecord
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.loggers.kinds import LOGGERS
from lifelong_lb.studies.loggers.told import About, RunLogger, Say
from lifelong_lb.studies.loggers.values import known
from lifelong_lb.studies.measured import Progress


class Loggers:
    """Tells all loggers of a run. One that fails is told no more, which the run's log says once.

    Args:
        job: the run.
        say: writes a line into its log.
    """

    def __init__(self, job: Job, say: Say) -> None:
        self._say = say
        self._loggers: dict[str, RunLogger] = {}
        self._told = 0
        if job.logged is not None:
            self._loggers = {name: LOGGERS[name].make() for name in job.logged.loggers}
            config = job.config
            about = About(config.run_id, job.title, job.logged.study, job.logged.labels, config.to_json(), job.out)
            self._each(lambda logger: logger.start(about, say))

    def learnt(self, progress: Progress) -> None:
        """Tell of the experiences that were learnt; of a run that goes on, of those before, too.

        Args:
            progress: what the run has measured so far.
        """
        for step, values in progress.logged[self._told :]:
            self._each(lambda logger, step=step, values=values: logger.experience(values, step))  # type: ignore[misc]
        self._told = len(progress.logged)

    def end(self, record: RunRecord) -> None:
        """Tell how the run has ended.

        Args:
            record: what it leaves behind.
        """
        metrics = {f"final/{name}": value for name, value in known(numbers_of(record)).items()}
        self._each(lambda logger: logger.end(metrics, record.status))

    def _each(self, tell: Callable[[RunLogger], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about their own code
                    tell(logger)
            except Exception as error:  # noqa: BLE001  of whatever kind, it is no reason to end the run
                del self._loggers[name]
                what = " ".join(f"{type(error).__name__}: {error}".split())
                self._say(f"the logger {name} has failed and is told no more; the run goes on ({what})")
