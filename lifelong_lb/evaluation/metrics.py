"""Metrics of continual learning: pure functions of the accuracy matrix.

R is an :class:`~lifelong_lb.evaluation.AccuracyMatrix` or a ``(T, T)`` array: R[i, j] in [0, 1] is the accuracy on
the test part of experience j after training on experience i, NaN where not evaluated. Every result is a float, NaN
where the metric is undefined; :func:`explain` says why.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix, as_matrix

Matrix = AccuracyMatrix | ArrayLike


def average_accuracy(R: Matrix) -> float:
    """Average accuracy at the end of the stream: mean over j of R[T-1, j].

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "ACC".

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN when an entry of the last row was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> average_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.65
    """
    return _mean(as_matrix(R)[-1])


def learning_accuracy(R: Matrix) -> float:
    """Learning accuracy: mean over j of R[j, j], each experience measured right after it was learnt.

    Source: Riemer et al. 2019 (arXiv 1810.11910).

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN when an entry of the diagonal was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> learning_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.85
    """
    return _mean(np.diagonal(as_matrix(R)))


def forgetting(R: Matrix) -> float:
    """Forgetting: mean over j < T-1 of (max over l < T-1 of R[l, j]) - R[T-1, j].

    The maximum is over the entries that were evaluated. It may be negative: an experience that is best at the very
    end was not forgotten. Source: Chaudhry et al. 2018 (arXiv 1801.10112), eq. 3 and 4.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [-1, 1]; NaN when T = 1 or an entry that it needs was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> forgetting([[0.9, float("nan")], [0.5, 0.8]])
        0.4
    """
    values = as_matrix(R)
    return _mean(_column_maxima(values[:-1, :-1]) - values[-1, :-1])


def forgetting_last_row_included(R: Matrix) -> float:
    """Forgetting with the last row included: mean over j < T-1 of (max over l <= T-1 of R[l, j]) - R[T-1, j].

    Never negative, hence never below :func:`forgetting`. Several published codes print this variant.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [0, 1]; NaN when T = 1 or an entry that it needs was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> nan = float("nan")
        >>> R = [[0.5, nan, nan], [0.6, 0.9, nan], [0.7, 0.8, 1.0]]
        >>> forgetting_last_row_included(R), forgetting(R)
        (0.05, 0.0)
    """
    values = as_matrix(R)
    missing = np.isnan(_column_maxima(values[:-1, :-1]))  # nothing but the end was evaluated: nothing to forget
    gaps = _column_maxima(values[:, :-1]) - values[-1, :-1]
    return _mean(np.where(missing, np.nan, gaps))


def backward_transfer(R: Matrix) -> float:
    """Backward transfer: mean over j < T-1 of R[T-1, j] - R[j, j].

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "BWT".

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [-1, 1]; NaN when T = 1 or an entry that it needs was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> backward_transfer([[0.9, float("nan")], [0.5, 0.8]])
        -0.4
    """
    values = as_matrix(R)
    return _mean(values[-1, :-1] - np.diagonal(values)[:-1])


def forward_transfer(R: Matrix, baseline: ArrayLike) -> float:
    """Forward transfer: mean over j >= 1 of R[j-1, j] - b_j.

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "FWT".

    Args:
        R: accuracy matrix, ``(T, T)``, with the entries just above the diagonal.
        baseline: ``(T,)`` fractions, b_j the accuracy on experience j at initialisation.

    Returns:
        A number in [-1, 1]; NaN when T = 1 or an entry that it needs was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix, or the baseline is not of its length.

    Example:
        >>> forward_transfer([[0.9, 0.3], [0.5, 0.8]], baseline=[0.1, 0.1])
        0.2
    """
    values = as_matrix(R)
    start = np.asarray(baseline, dtype=np.float64)
    if start.shape != (len(values),):
        raise ValueError(f"the baseline holds one accuracy an experience, shape ({len(values)},); got {start.shape}")
    return _mean(np.diagonal(values, offset=1) - start[1:])


def average_incremental_accuracy(R: Matrix) -> float:
    """Average incremental accuracy: mean over i of the mean over j <= i of R[i, j].

    Source: Rebuffi et al. 2017 (arXiv 1611.07725).

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN when an entry of the lower triangle was not evaluated.

    Raises:
        ValueError: when R is not an accuracy matrix.

    Example:
        >>> average_incremental_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.775
    """
    values = as_matrix(R)
    return _mean(np.array([_mean(values[i, : i + 1]) for i in range(len(values))]))


@dataclass(frozen=True)
class Metric:
    """A metric with all that a table has to say of it.

    Attributes:
        function: accuracy matrix to number.
        title: words for a heading.
        formula: the definition in one line.
        source: authors and year.
        higher_is_better: direction.
        needs: ``(T, T) -> (T, T)`` booleans, the entries without which it is undefined.
        least_experiences: smallest T for which it is defined.
    """

    function: Callable[[Matrix], float]
    title: str
    formula: str
    source: str
    higher_is_better: bool
    needs: Callable[[int], NDArray[np.bool_]]
    least_experiences: int = 1


def _needs_ends(T: int) -> NDArray[np.bool_]:
    needed = np.eye(T, dtype=bool)
    needed[-1] = True
    needed[-1, -1] = False
    return needed


def _needs_last_row(T: int) -> NDArray[np.bool_]:
    needed = np.zeros((T, T), dtype=bool)
    needed[-1] = True
    return needed


def _needs_last_row_before(T: int) -> NDArray[np.bool_]:
    needed = _needs_last_row(T)
    needed[-1, -1] = False
    return needed


METRICS: dict[str, Metric] = {
    "average_accuracy": Metric(
        average_accuracy,
        "average accuracy",
        "mean over j of R[T-1, j]",
        "Lopez-Paz & Ranzato 2017",
        True,
        _needs_last_row,
    ),
    "learning_accuracy": Metric(
        learning_accuracy,
        "learning accuracy",
        "mean over j of R[j, j]",
        "Riemer et al. 2019",
        True,
        lambda T: np.eye(T, dtype=bool),
    ),
    "forgetting": Metric(
        forgetting,
        "forgetting",
        "mean over j < T-1 of max over l < T-1 of R[l, j], minus R[T-1, j]; may be negative",
        "Chaudhry et al. 2018",
        False,
        _needs_last_row_before,
        2,
    ),
    "backward_transfer": Metric(
        backward_transfer,
        "backward transfer",
        "mean over j < T-1 of R[T-1, j] - R[j, j]",
        "Lopez-Paz & Ranzato 2017",
        True,
        _needs_ends,
        2,
    ),
    "forgetting_last_row_included": Metric(
        forgetting_last_row_included,
        "forgetting, last row included",
        "mean over j < T-1 of max over l <= T-1 of R[l, j], minus R[T-1, j]; never negative",
        "several published codes",
        False,
        _needs_last_row_before,
        2,
    ),
    "average_incremental_accuracy": Metric(
        average_incremental_accuracy,
        "average incremental accuracy",
        "mean over i of the mean over j <= i of R[i, j]",
        "Rebuffi et al. 2017",
        True,
        lambda T: np.tri(T, dtype=bool),
    ),
}
"""Metrics that need nothing but the matrix, by name; the names are columns of ``results.csv``."""

FORWARD_TRANSFER = Metric(
    lambda R: forward_transfer(R, np.zeros(len(as_matrix(R)))),  # against a baseline of 0: defined where it is defined
    "forward transfer",
    "mean over j >= 1 of R[j-1, j] - b_j, b the accuracy at initialisation",
    "Lopez-Paz & Ranzato 2017",
    True,
    lambda T: np.eye(T, k=1, dtype=bool),
    2,
)
"""What there is to say of forward transfer, which needs a baseline beside the matrix."""


def explain(name: str, R: Matrix) -> str:
    """Why a metric is undefined (NaN) for a matrix.

    Args:
        name: a key of :data:`METRICS`, or ``"forward_transfer"``.
        R: accuracy matrix, ``(T, T)``.

    Returns:
        One sentence; empty when the metric is defined.

    Raises:
        ValueError: for an unknown name, or when R is not an accuracy matrix.

    Example:
        >>> explain("forgetting", [[0.9]])
        'forgetting needs at least 2 experiences; there is 1'
    """
    known = {**METRICS, "forward_transfer": FORWARD_TRANSFER}
    if name not in known:
        raise ValueError(f"unknown metric {name!r} (known: {', '.join(known)})")
    values, metric = as_matrix(R), known[name]
    T = len(values)
    if metric.least_experiences > T:
        return f"{metric.title} needs at least {metric.least_experiences} experiences; there is {T}"
    missing = np.argwhere(metric.needs(T) & np.isnan(values))
    if len(missing):
        i, j = map(int, missing[0])
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return f"{metric.title} needs the accuracy on experience {j} after experience {i}, not evaluated{more}"
    if np.isnan(metric.function(values)):
        bare = [j for j in range(T - 1) if np.isnan(values[:-1, j]).all()]
        return f"{metric.title} needs an accuracy on experience {bare[0]} before the end; none was evaluated"
    return ""


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if values.size else float("nan")


def _column_maxima(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest evaluated entry of each column; NaN for a column without any. Shape ``(rows, n)`` to ``(n,)``."""
    filled = np.where(np.isnan(values), -np.inf, values)
    maxima: NDArray[np.float64] = filled.max(axis=0, initial=-np.inf)
    return np.where(np.isneginf(maxima), np.nan, maxima)
