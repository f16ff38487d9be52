"""Catalogue of the metrics of an accuracy matrix; names are columns of ``results.csv``."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation.accuracy_matrix import as_matrix
from lifelong_lb.evaluation.metrics import (
    Matrix,
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forgetting_first_minus_last,
    forgetting_last_row_included,
    forward_transfer,
    intransigence,
    learning_accuracy,
    relative_forgetting,
    stability,
    stability_plasticity,
)

Needs = Callable[[int], NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class Described:
    """Description of a metric for tables.

    Attributes:
        title: heading.
        formula: one-line definition.
        source: authors and year.
        arxiv: arXiv number of the paper; empty if there is none.
        higher_is_better: whether larger values are better.
        least_experiences: smallest T for which the metric is defined.
    """

    title: str
    formula: str
    source: str
    arxiv: str = ""
    higher_is_better: bool
    least_experiences: int = 1

    @property
    def paper(self) -> str:
        """Authors, year and arXiv number."""
        return f"{self.source}, arXiv {self.arxiv}" if self.arxiv else self.source


@dataclass(frozen=True, kw_only=True)
class Metric(Described):
    """A metric of the accuracy matrix.

    Attributes:
        function: maps an accuracy matrix to a number.
        needs: maps T to a ``(T, T)`` boolean mask of the required entries; the metric is undefined if one is missing.
    """

    function: Callable[[Matrix], float]
    needs: Needs


@dataclass(frozen=True)
class Outcome:
    """Value of a custom metric for one accuracy matrix.

    Attributes:
        value: the value; NaN if undefined.
        reason: why the value is undefined, one sentence; empty if it is defined.
        failed: whether the metric's function failed: it raised an error or returned an invalid value.
    """

    value: float
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class AddedMetric(Metric):
    """A custom metric.

    Attributes:
        outcome: maps an accuracy matrix to a value, or to the reason why it is undefined. Never raises.
    """

    outcome: Callable[[Matrix], Outcome]


def _lower_triangle(T: int) -> NDArray[np.bool_]:
    return np.tri(T, dtype=bool)


def _diagonal(T: int) -> NDArray[np.bool_]:
    return np.eye(T, dtype=bool)


def _above_diagonal(T: int) -> NDArray[np.bool_]:
    return np.eye(T, k=1, dtype=bool)


def _last_row(T: int) -> NDArray[np.bool_]:
    needed = np.zeros((T, T), dtype=bool)
    needed[-1] = True
    return needed


def _last_row_without_corner(T: int) -> NDArray[np.bool_]:
    needed = _last_row(T)
    needed[-1, -1] = False
    return needed


def _diagonal_and_last_row(T: int) -> NDArray[np.bool_]:
    return _diagonal(T) | _last_row(T)


def _diagonal_and_last_row_without_corner(T: int) -> NDArray[np.bool_]:
    needed = _diagonal_and_last_row(T)
    needed[-1, -1] = False
    return needed


METRICS: dict[str, Metric] = {
    "average_accuracy": Metric(
        function=average_accuracy,
        title="average accuracy",
        formula="mean over j of R[T-1, j]",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
        needs=_last_row,
    ),
    "learning_accuracy": Metric(
        function=learning_accuracy,
        title="learning accuracy",
        formula="mean over j of R[j, j]",
        source="Riemer et al. 2019",
        arxiv="1810.11910",
        higher_is_better=True,
        needs=_diagonal,
    ),
    "forgetting": Metric(
        function=forgetting,
        title="forgetting",
        formula="mean over j < T-1 of max over l < T-1 of R[l, j], minus R[T-1, j]; may be negative",
        source="Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        needs=_last_row_without_corner,
        least_experiences=2,
    ),
    "backward_transfer": Metric(
        function=backward_transfer,
        title="backward transfer",
        formula="mean over j < T-1 of R[T-1, j] - R[j, j]",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
        needs=_diagonal_and_last_row_without_corner,
        least_experiences=2,
    ),
    "forgetting_last_row_included": Metric(
        function=forgetting_last_row_included,
        title="forgetting, last row included",
        formula="mean over j < T-1 of max over l <= T-1 of R[l, j], minus R[T-1, j]; never negative",
        source="several published codes",
        higher_is_better=False,
        needs=_last_row_without_corner,
        least_experiences=2,
    ),
    "average_incremental_accuracy": Metric(
        function=average_incremental_accuracy,
        title="average incremental accuracy",
        formula="mean over i of the mean over j <= i of R[i, j]",
        source="Rebuffi et al. 2017",
        arxiv="1611.07725",
        higher_is_better=True,
        needs=_lower_triangle,
    ),
    "forgetting_first_minus_last": Metric(
        function=forgetting_first_minus_last,
        title="forgetting, first minus last",
        formula="mean over j < T-1 of R[j, j] - R[T-1, j]; minus the backward transfer",
        source="Carta et al. 2023",
        arxiv="2302.01766",
        higher_is_better=False,
        needs=_diagonal_and_last_row_without_corner,
        least_experiences=2,
    ),
    "relative_forgetting": Metric(
        function=relative_forgetting,
        title="relative forgetting",
        formula="mean over j < T-1 of (m_j - R[T-1, j]) / m_j, m_j the max over l < T-1 of R[l, j]",
        source="after Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        needs=_last_row_without_corner,
        least_experiences=2,
    ),
    "stability": Metric(
        function=stability,
        title="stability",
        formula="mean over j < T-1 of R[T-1, j]",
        source="Sarfraz et al. 2022",
        arxiv="2206.04016",
        higher_is_better=True,
        needs=_last_row_without_corner,
        least_experiences=2,
    ),
    "stability_plasticity": Metric(
        function=stability_plasticity,
        title="stability and plasticity",
        formula="2 S P / (S + P), S the stability, P the learning accuracy",
        source="Sarfraz et al. 2022",
        arxiv="2206.04016",
        higher_is_better=True,
        needs=_diagonal_and_last_row,
        least_experiences=2,
    ),
}
"""Metrics of the matrix alone, by name."""

REFERENCED: dict[str, Metric] = {
    "forward_transfer": Metric(
        function=lambda R: forward_transfer(R, np.zeros(len(as_matrix(R)))),
        title="forward transfer",
        formula="mean over j >= 1 of R[j-1, j] - b_j, b the accuracy at initialisation",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
        needs=_above_diagonal,
        least_experiences=2,
    ),
    "intransigence": Metric(
        function=lambda R: intransigence(R, np.zeros(len(as_matrix(R)))),
        title="intransigence",
        formula="mean over j of R*_j - R[j, j], R*_j the accuracy of a model trained jointly",
        source="Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        needs=_diagonal,
    ),
}
"""Metrics that need a reference in addition to the matrix, by name. Their ``function`` uses a reference of zeros; it is
defined if and only if the metric is."""


ADDED_METRICS: dict[str, AddedMetric] = {}
"""Custom metrics registered in this process with :func:`lifelong_lb.extend.metric`, by name."""

STORED_METRICS: dict[str, Described] = {}
"""Descriptions of custom metrics whose values were read from result folders, by name."""


def custom_metrics() -> list[str]:
    """List the names of all custom metrics, those registered in this process first.

    Returns:
        Keys of :data:`ADDED_METRICS` and :data:`STORED_METRICS`, each once.
    """
    return list(dict.fromkeys([*ADDED_METRICS, *STORED_METRICS]))


def unmet_requirement(metric: Metric, values: NDArray[np.float64]) -> str:
    """Describe the first entry that a metric requires and an accuracy matrix lacks.

    Args:
        metric: the metric.
        values: ``(T, T)``.

    Returns:
        One sentence; empty if all required entries were evaluated.
    """
    T = len(values)
    if metric.least_experiences > T:
        return f"{metric.title} needs at least {metric.least_experiences} experiences; got {T}"
    missing = np.argwhere(metric.needs(T) & np.isnan(values))
    if not len(missing):
        return ""
    i, j = map(int, missing[0])
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"{metric.title} needs the accuracy on experience {j} after experience {i}, not evaluated{more}"


def explain(name: str, R: Matrix) -> str:
    """Explain why a metric is undefined (NaN) for a matrix.

    Args:
        name: a key of :data:`METRICS`, :data:`REFERENCED` or :data:`ADDED_METRICS`.
        R: accuracy matrix, ``(T, T)``.

    Returns:
        One sentence; empty if the metric is defined.

    Raises:
        ValueError: for an unknown name, or if R is not an accuracy matrix.

    Example:
        >>> explain("forgetting", [[0.9]])
        'forgetting needs at least 2 experiences; got 1'
    """
    known = {**METRICS, **REFERENCED, **ADDED_METRICS}
    if name not in known:
        raise ValueError(f"unknown metric {name!r} (known: {', '.join(known)})")
    values, metric = as_matrix(R), known[name]
    if isinstance(metric, AddedMetric):
        return metric.outcome(values).reason
    missing = unmet_requirement(metric, values)
    if missing or not np.isnan(metric.function(values)):
        return missing
    unevaluated = [j for j in range(len(values) - 1) if np.isnan(values[:-1, j]).all()]
    if unevaluated:
        return f"{metric.title} needs an accuracy on experience {unevaluated[0]} before the end; none was evaluated"
    return f"{metric.title} divides by an accuracy that is 0"
