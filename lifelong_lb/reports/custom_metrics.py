"""Custom metrics: those stored with runs, and those registered in this process. Nothing is imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifelong_lb.config import UserError
from lifelong_lb.config.errors import listed_names
from lifelong_lb.config.plugins.importing import is_imported
from lifelong_lb.evaluation import ADDED_METRICS, STORED_METRICS, AccuracyMatrix, Described
from lifelong_lb.evaluation.extending import is_free_name
from lifelong_lb.reports.comparability import listed
from lifelong_lb.reports.text import plural
from lifelong_lb.store import CustomMetric, ResultFolder, RunRecord, StudyFile, description, read_custom_metrics


@dataclass(frozen=True)
class CustomMetrics:
    """Custom metrics of all done runs of a folder.

    Attributes:
        values: number by run id and metric; NaN where undefined.
        reasons: reason why it is undefined, by run id and metric.
        problems: sentences about metrics whose function failed, and about metrics that are not stored.
    """

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """List the metrics of any run, in the order of the runs.

        Returns:
            Unique names.
        """
        return list(dict.fromkeys(name for own in self.values.values() for name in own))


def evaluated(record: RunRecord) -> dict[str, CustomMetric]:
    """Evaluate the metrics registered in this process for a done run.

    Args:
        record: the run's record.

    Returns:
        Metrics by name.
    """
    matrix = AccuracyMatrix.from_entries(record.accuracy, record.experiences)
    metrics = {}
    for name, metric in ADDED_METRICS.items():
        outcome = metric.outcome(matrix)
        metrics[name] = CustomMetric(
            value=None if outcome.reason else outcome.value,
            title=description(metric.title),
            formula=description(metric.formula),
            source=description(metric.source),
            higher_is_better=bool(metric.higher_is_better),
            reason=description(outcome.reason),
            failed=outcome.failed,
        )
    return metrics


def collect_custom_metrics(folder: ResultFolder, study: StudyFile, records: Mapping[str, RunRecord]) -> CustomMetrics:
    """Evaluate the metrics registered in this process, and read the other stored ones.

    Args:
        folder: the result folder.
        study: its study.
        records: the records by run id.

    Returns:
        Values, reasons and problems.
    """
    result, unstored = CustomMetrics(), []
    faults: dict[str, list[str]] = {}
    for run, record in records.items():
        if record.status != "done":
            continue
        try:
            stored = read_custom_metrics(folder.run_path(run))
        except UserError as error:
            result.problems.append(f"run {run}: its custom metrics are left out, they are damaged ({error})")
            stored = {}
        unstored += [run] if stored is None else []
        others = {name: metric for name, metric in (stored or {}).items() if is_free_name(name)}
        metrics = {**others, **evaluated(record)}
        result.values[run] = {name: metric.number for name, metric in metrics.items()}
        reasons = {name: metric.reason for name, metric in metrics.items() if metric.reason}
        result.reasons.update({run: reasons} if reasons else {})
        for name, metric in metrics.items():
            if metric.failed:
                faults.setdefault(metric.reason, []).append(run)
            if name not in ADDED_METRICS:
                STORED_METRICS[name] = described(metric)
    for reason, runs in faults.items():
        result.problems.append(f"{reason} ({len(runs)} {plural('run', len(runs))}: {listed(runs)})")
    unknown = [origin for origin in study.study.imports if not is_imported(origin)]
    if unstored and unknown:
        result.problems.append(
            f"custom metrics are not stored with {len(unstored)} {plural('run', len(unstored))}; if "
            f"{listed_names(unknown)} defines some, lifelong-lb report --imports FILE executes it and computes them"
        )
    return result


def described(metric: CustomMetric) -> Described:
    """Return the description of a stored metric.

    Args:
        metric: the stored metric.

    Returns:
        Its description.
    """
    return Described(
        title=metric.title, formula=metric.formula, source=metric.source, higher_is_better=metric.higher_is_better
    )
