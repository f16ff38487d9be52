"""Catalogue of the metrics of accuracies measured during training.

Names are columns of ``results.csv``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lifelong_lb.config.entries.metrics import Described
from lifelong_lb.evaluation.continual import (
    anytime_average_accuracy,
    minimum_accuracy,
    stability_gap_area,
    stability_gap_depth,
    stability_gap_recovery,
    windowed_forgetting,
    windowed_plasticity,
    worst_case_accuracy,
)
from lifelong_lb.evaluation.continual_accuracy import ContinualAccuracy


@dataclass(frozen=True, kw_only=True)
class ContinualMetric(Described):
    """A metric of accuracies measured during training.

    Attributes:
        function: maps accuracies to a number.
        within_experiences: whether the metric needs measurements within experiences, not only at their ends.
    """

    function: Callable[[ContinualAccuracy], float]
    within_experiences: bool = False


CONTINUAL_METRICS: dict[str, ContinualMetric] = {
    "anytime_average_accuracy": ContinualMetric(
        function=anytime_average_accuracy,
        title="anytime average accuracy",
        formula="mean over measurements n of the mean over j <= k(n) of A[n, j]",
        source="Caccia et al. 2022",
        arxiv="2104.05025",
        higher_is_better=True,
    ),
    "minimum_accuracy": ContinualMetric(
        function=minimum_accuracy,
        title="minimum accuracy",
        formula="mean over j < T-1 of the min of A[n, j] over measurements n after j was learnt (min-ACC)",
        source="De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=True,
        least_experiences=2,
    ),
    "worst_case_accuracy": ContinualMetric(
        function=worst_case_accuracy,
        title="worst-case accuracy",
        formula="A[end, T-1] / T + (1 - 1/T) min-ACC",
        source="De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=True,
        least_experiences=2,
    ),
    "windowed_forgetting": ContinualMetric(
        function=windowed_forgetting,
        title="windowed forgetting",
        formula="mean over j of the largest drop of A[., j] within 10 consecutive measurements (WF10)",
        source="De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
    ),
    "windowed_plasticity": ContinualMetric(
        function=windowed_plasticity,
        title="windowed plasticity",
        formula="mean over j of the largest rise of A[., j] within 10 consecutive measurements (WP10)",
        source="De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=True,
    ),
    "stability_gap_depth": ContinualMetric(
        function=stability_gap_depth,
        title="stability gap, depth",
        formula="mean over i >= 1, j < i of L - min of A[., j] while i is learnt, L the lower of its two ends",
        source="after De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
        least_experiences=2,
        within_experiences=True,
    ),
    "stability_gap_area": ContinualMetric(
        function=stability_gap_area,
        title="stability gap, area",
        formula="mean over i >= 1, j < i of the time average of max(0, L - A[., j]) while i is learnt",
        source="after De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
        least_experiences=2,
        within_experiences=True,
    ),
    "stability_gap_recovery": ContinualMetric(
        function=stability_gap_recovery,
        title="stability gap, recovery",
        formula="mean over i >= 1, j < i of the share of i's iterations until A[., j] is back at L from its min",
        source="after De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
        least_experiences=2,
        within_experiences=True,
    ),
}
"""Metrics of accuracies measured during training, by name. A[n, j] is the accuracy on experience j at measurement n,
k(n) the experience being learnt."""


def explain_continual(name: str, C: ContinualAccuracy) -> str:
    """Explain why a metric of accuracies measured during training is undefined (NaN).

    Args:
        name: a key of :data:`CONTINUAL_METRICS`.
        C: accuracies measured during training.

    Returns:
        One sentence; empty if the metric is defined.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> explain_continual("minimum_accuracy", ContinualAccuracy([1], [[0.5]], [1]))
        'minimum accuracy needs at least 2 experiences; got 1'
    """
    if name not in CONTINUAL_METRICS:
        raise ValueError(f"unknown metric {name!r} (known: {', '.join(CONTINUAL_METRICS)})")
    metric = CONTINUAL_METRICS[name]
    if metric.least_experiences > C.experiences:
        return f"{metric.title} needs at least {metric.least_experiences} experiences; got {C.experiences}"
    if not np.isnan(metric.function(C)):
        return ""
    unmeasured = C.measured_only_at_end
    if metric.within_experiences and unmeasured:
        return f"{metric.title} needs a measurement during experience {unmeasured[0]}, not only at its end"
    seen = np.arange(C.experiences) <= C.learning[:, None]
    n, j = map(int, np.argwhere(seen & np.isnan(C.accuracy))[0])
    return f"{metric.title} needs the accuracy on experience {j} at iteration {C.iterations[n]}, not evaluated"
