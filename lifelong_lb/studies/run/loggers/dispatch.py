"""Dispatch values of a run to its loggers; failing loggers are dropped."""

import math
import warnings
from collections.abc import Callable, Mapping

from lifelong_lb.evaluation import average_accuracy, forgetting
from lifelong_lb.store import RunRecord
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.run.loggers.base import LogFn, RunInfo, RunLogger
from lifelong_lb.studies.run.loggers.registry import LOGGERS
from lifelong_lb.studies.run.state import RunState


def values_of(progress: RunState) -> tuple[int, dict[str, float]]:
    """Collect the values to log after the last experience.

    Args:
        progress: measurements of the run, including the accuracies after that experience.

    Returns:
        The experience i, and defined values by name: ``accuracy/experience_j``, entry R[i, j] of the accuracy matrix;
        average accuracy and forgetting of a stream that ends with i; the learning rate at the end of i; and the
        cumulative gradients, images, forward passes and seconds of training.
    """
    R, i = progress.accuracy.values, progress.accuracy.measured_after[-1]
    return i, known({
        **{f"accuracy/experience_{j}": float(accuracy) for j, accuracy in enumerate(R[i])},
        "average_accuracy": average_accuracy(R[: i + 1, : i + 1]),
        "forgetting": forgetting(R[: i + 1, : i + 1]),
        "learning_rate": progress.learning_rate,
        "gradient_evaluations": progress.gradient_evaluations,
        "strategy_gradient_evaluations": progress.strategy_gradient_evaluations,
        "samples_seen": progress.samples_seen,
        "forward_passes": progress.forward_passes,
        "train_seconds": progress.train_seconds,
    })


def known(values: Mapping[str, float]) -> dict[str, float]:
    """Select finite numbers.

    Args:
        values: numbers by name.

    Returns:
        The finite numbers.
    """
    return {name: value for name, value in values.items() if math.isfinite(value)}


class Loggers:
    """Call all loggers of a run. A logger that raises is dropped, with a line in the run's log.

    Args:
        job: the run.
        log: writes a line into its log.
    """

    def __init__(self, job: Job, log: LogFn) -> None:
        self._log = log
        self._loggers: dict[str, RunLogger] = {}
        self._reported = 0
        if job.logged is not None:
            self._loggers = {name: LOGGERS[name].make() for name in job.logged.loggers}
            config = job.config
            info = RunInfo(config.run_id, job.title, job.logged.study, job.logged.labels, config.to_json(), job.out)
            self._for_each(lambda logger: logger.start(info, log))

    def learnt(self, progress: RunState) -> None:
        """Log finished experiences; for a resumed run, including those before the interruption.

        Args:
            progress: measurements of the run.
        """
        for step, values in progress.logged[self._reported :]:
            self._for_each(lambda logger, step=step, values=values: logger.experience(values, step))  # type: ignore[misc]
        self._reported = len(progress.logged)

    def end(self, record: RunRecord) -> None:
        """Log the end of the run.

        Args:
            record: its record.
        """
        values = {name: outcome.value for name, outcome in record.outcomes().items()}
        metrics = {f"final/{name}": value for name, value in known({**values, **record.costs()}).items()}
        self._for_each(lambda logger: logger.end(metrics, record.status))

    def _for_each(self, call: Callable[[RunLogger], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # from the loggers' packages
                    call(logger)
            except Exception as error:  # noqa: BLE001  no failure of a logger may end the run
                del self._loggers[name]
                what = " ".join(f"{type(error).__name__}: {error}".split())
                self._log(f"logger {name} failed and is disabled; the run continues ({what})")
