"""Catalogue of the metrics of an accuracy matrix; names are columns of ``results.csv``."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.config.entries.metrics import METRIC_ENTRIES, Described
from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix, as_matrix
from lifelong_lb.evaluation.metrics import (
    Matrix,
    average_accuracy,
    average_accuracy_by_images,
    average_incremental_accuracy,
    average_incremental_accuracy_by_images,
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
class Metric(Described):
    """A metric of the accuracy matrix.

    Attributes:
        function: maps an accuracy matrix to a number.
        needs: maps T to a ``(T, T)`` boolean mask of the required entries; the metric is undefined if one is missing.
    """

    function: Callable[[Matrix], float]
    needs: Needs


@dataclass(frozen=True, kw_only=True)
class ReferencedMetric(Metric):
    """A metric of the accuracy matrix and reference accuracies, or numbers of images.

    Attributes:
        function: the metric for one reference; it is defined if and only if the metric is for any reference.
        against: maps an accuracy matrix and a reference, ``(T,)``, to a number.
        reference: what is needed for a reference, the end of a sentence.
    """

    against: Callable[[Matrix, ArrayLike], float]
    reference: str


@dataclass(frozen=True)
class Outcome:
    """Value of a metric for one accuracy matrix.

    Attributes:
        value: the value; NaN if undefined.
        reason: why the value is undefined, one sentence; empty if it is defined.
        failed: whether the function of a custom metric failed: it raised an error or returned an invalid value.
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


_FUNCTIONS: dict[str, tuple[Callable[[Matrix], float], Needs]] = {
    "average_accuracy": (average_accuracy, _last_row),
    "learning_accuracy": (learning_accuracy, _diagonal),
    "forgetting": (forgetting, _last_row_without_corner),
    "backward_transfer": (backward_transfer, _diagonal_and_last_row_without_corner),
    "forgetting_last_row_included": (forgetting_last_row_included, _last_row_without_corner),
    "average_incremental_accuracy": (average_incremental_accuracy, _lower_triangle),
    "forgetting_first_minus_last": (forgetting_first_minus_last, _diagonal_and_last_row_without_corner),
    "relative_forgetting": (relative_forgetting, _last_row_without_corner),
    "stability": (stability, _last_row_without_corner),
    "stability_plasticity": (stability_plasticity, _diagonal_and_last_row),
}
METRICS: dict[str, Metric] = {
    name: Metric(**vars(entry), function=_FUNCTIONS[name][0], needs=_FUNCTIONS[name][1])
    for name, entry in METRIC_ENTRIES.items()
}
"""Metrics of the matrix alone, by name: the entries of study files, with their functions."""

_NEEDS_IMAGES = "needs the number of test images of each experience, which earlier versions did not record"

REFERENCED: dict[str, ReferencedMetric] = {
    "forward_transfer": ReferencedMetric(
        function=lambda R: forward_transfer(R, np.zeros(len(as_matrix(R)))),
        against=forward_transfer,
        title="forward transfer",
        formula="mean over j >= 1 of R[j-1, j] - b_j, b the accuracy at initialisation",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
        needs=_above_diagonal,
        least_experiences=2,
        reference="needs the accuracies at initialisation, which a study measures with evaluation: {experiences: all}",
    ),
    "intransigence": ReferencedMetric(
        function=lambda R: intransigence(R, np.zeros(len(as_matrix(R)))),
        against=intransigence,
        title="intransigence",
        formula="mean over j of R*_j - R[j, j], R*_j the accuracy of a model trained jointly",
        source="Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        needs=_diagonal,
        reference="needs done runs of the strategy joint on the same stream, with the same rule, base optimizer and "
        "seed",
    ),
    "average_accuracy_by_images": ReferencedMetric(
        function=average_accuracy,
        against=average_accuracy_by_images,
        title="average accuracy by images",
        formula="sum over j of n_j R[T-1, j] / sum over j of n_j, n_j the number of test images",
        source="e.g. Zhou et al. 2023",
        arxiv="2112.12533",
        higher_is_better=True,
        needs=_last_row,
        reference=_NEEDS_IMAGES,
    ),
    "average_incremental_accuracy_by_images": ReferencedMetric(
        function=average_incremental_accuracy,
        against=average_incremental_accuracy_by_images,
        title="average incremental accuracy by images",
        formula="mean over i of the sum over j <= i of n_j R[i, j] / sum over j <= i of n_j",
        source="e.g. Zhou et al. 2023",
        arxiv="2112.12533",
        higher_is_better=True,
        needs=_lower_triangle,
        reference=_NEEDS_IMAGES,
    ),
}
"""Metrics that need a reference in addition to the matrix, by name."""


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


def outcomes(R: AccuracyMatrix, joint: ArrayLike | None = None, images: ArrayLike | None = None) -> dict[str, Outcome]:
    """Evaluate all metrics of a run.

    Args:
        R: the run's accuracy matrix, with the accuracies at initialisation if they were measured.
        joint: ``(T,)`` accuracies of the joint run it is compared with, the last row of its matrix; None for no run.
        images: ``(T,)`` numbers of test images; None if unknown.

    Returns:
        Value, or reason why it is undefined, of all of :data:`METRICS`, :data:`REFERENCED` and :data:`ADDED_METRICS`.

    Raises:
        ValueError: if the stream is unknown (T = 0).
    """
    references = {"forward_transfer": R.initial if R.has_initial else None, "intransigence": joint}
    references |= dict.fromkeys(("average_accuracy_by_images", "average_incremental_accuracy_by_images"), images)
    found = {name: _outcome(metric.function(R), name, R) for name, metric in METRICS.items()}
    for name, metric in REFERENCED.items():
        reference = references[name]
        value = float("nan") if reference is None else metric.against(R, reference)
        found[name] = _outcome(value, name, R, metric.reference)
    return found | {name: metric.outcome(R) for name, metric in ADDED_METRICS.items()}


def _outcome(value: float, name: str, R: AccuracyMatrix, reference: str = "") -> Outcome:
    if not np.isnan(value):
        return Outcome(value)
    return Outcome(value, explain(name, R) or f"{REFERENCED[name].title} {reference}")
