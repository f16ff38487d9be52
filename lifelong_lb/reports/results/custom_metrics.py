"""Custom metrics: those stored with runs, and those registered in this process. Nothing is imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifelong_lb.config import UserError
from lifelong_lb.config.errors import listed_names
from lifelong_lb.config.plugins.importing import is_imported
from lifelong_lb.evaluation import ADDED_METRICS, STORED_METRICS, Outcome
from lifelong_lb.evaluation.extending import is_free_name
from lifelong_lb.reports.results.comparability import listed
from lifelong_lb.reports.text import plural
from lifelong_lb.store import ResultFolder, StudyFile, custom_metrics_of, read_custom_metrics


@dataclass(frozen=True)
class CustomMetrics:
    """Custom metrics of all done runs of a folder.

    Attributes:
        outcomes: values, and reasons why they are undefined, by run id and metric.
        problems: sentences about metrics whose function failed, and about metrics that are not stored.
    """

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """List the metrics of any run, in the order of the runs.

        Returns:
            Unique names.
        """
        return list(dict.fromkeys(name for own in self.outcomes.values() for name in own))


def collect_custom_metrics(
    folder: ResultFolder, study: StudyFile, evaluated: Mapping[str, Mapping[str, Outcome]]
) -> CustomMetrics:
    """Take the metrics registered in this process from those of the done runs, and read the other stored ones.

    Args:
        folder: the result folder.
        study: its study.
        evaluated: outcomes of the metrics of each done run, by run id.

    Returns:
        Outcomes and problems.
    """
    result, unstored = CustomMetrics(), []
    faults: dict[str, list[str]] = {}
    for run, outcomes in evaluated.items():
        try:
            stored = read_custom_metrics(folder.run_path(run))
        except UserError as error:
            result.problems.append(f"run {run}: its custom metrics are left out, they are damaged ({error})")
            stored = {}
        unstored += [run] if stored is None else []
        others = {name: metric for name, metric in (stored or {}).items() if is_free_name(name)}
        metrics = {**others, **custom_metrics_of(outcomes)}
        result.outcomes[run] = {name: metric.outcome for name, metric in metrics.items()}
        for name, metric in metrics.items():
            if metric.failed:
                faults.setdefault(metric.reason, []).append(run)
            if name not in ADDED_METRICS:
                STORED_METRICS[name] = metric.described
    for reason, runs in faults.items():
        result.problems.append(f"{reason} ({len(runs)} {plural('run', len(runs))}: {listed(runs)})")
    unknown = [origin for origin in study.study.imports if not is_imported(origin)]
    if unstored and unknown:
        result.problems.append(
            f"custom metrics are not stored with {len(unstored)} {plural('run', len(unstored))}; if "
            f"{listed_names(unknown)} defines some, lifelong-lb report --imports FILE executes it and computes them"
        )
    return result
