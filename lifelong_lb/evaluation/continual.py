"""Metrics of accuracies measured during training, between the ends of experiences.

De Lange, van de Ven & Tuytelaars 2023, "Continual evaluation for lifelong learning: identifying the stability gap"
(arXiv 2205.13452). Every result is a float, NaN if the metric is undefined;
:func:`~lifelong_lb.evaluation.explain_continual` returns the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation.accuracy_matrix import Array
from lifelong_lb.evaluation.continual_accuracy import ContinualAccuracy


def anytime_average_accuracy(C: ContinualAccuracy) -> float:
    """Anytime average accuracy: mean over n of the mean over j <= k(n) of A[n, j].

    k(n) is the experience being learnt at measurement n: each inner mean is over the experiences seen so far. Source:
    Caccia et al. 2022 (arXiv 2104.05025).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN if an experience seen so far was not evaluated.

    Example:
        >>> anytime_average_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.6
    """
    learning = C.learning
    of_experiences = [C.accuracy[learning == k, : k + 1].mean(axis=1) for k in range(C.experiences)]
    return float(np.concatenate(of_experiences).mean())


def minimum_accuracy(C: ContinualAccuracy) -> float:
    """Minimum accuracy (min-ACC): mean over j < T-1 of the min of A[n, j] over n.

    The minimum is over the measurements n after training on j. Source: De Lange et al. 2023 (arXiv 2205.13452), at the
    end of the stream.

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN if T = 1 or an experience seen so far was not evaluated.

    Example:
        >>> minimum_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.2
    """
    later = C.learning[:, None] > np.arange(C.experiences - 1)
    return _mean(np.where(later, C.accuracy[:, :-1], 1.0).min(axis=0))


def worst_case_accuracy(C: ContinualAccuracy) -> float:
    """Worst-case accuracy (WC-ACC): A[end, T-1] / T + (1 - 1/T) min-ACC.

    Combines the final accuracy on the last experience with the lowest accuracy on each earlier one after training on
    it. Source: De Lange et al. 2023 (arXiv 2205.13452), at the end of the stream.

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN if T = 1 or an experience seen so far was not evaluated.

    Example:
        >>> worst_case_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.5
    """
    T = C.experiences
    return float(C.accuracy[-1, -1] / T + (1 - 1 / T) * minimum_accuracy(C))


def windowed_forgetting(C: ContinualAccuracy, window: int = 10) -> float:
    """Windowed forgetting (WF): mean over j of the largest drop of A[., j] in a window.

    The drop is the max of A[m, j] - A[n, j] over m < n within w consecutive measurements, all of them since the start
    of training on j; 0 if accuracy never drops. Source: De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.
        window: w >= 2, number of consecutive measurements.

    Returns:
        A fraction; NaN if an experience seen so far was not evaluated.

    Raises:
        ValueError: if the window is below 2.

    Example:
        >>> C = ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3])
        >>> windowed_forgetting(C, window=2)
        0.3
    """
    return _mean(_largest_drops(C, C.accuracy, window))


def windowed_plasticity(C: ContinualAccuracy, window: int = 10) -> float:
    """Windowed plasticity (WP): mean over j of the largest rise of A[., j] in a window.

    Like :func:`windowed_forgetting`, with A[n, j] - A[m, j]. Source: De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.
        window: w >= 2, number of consecutive measurements.

    Returns:
        A fraction; NaN if an experience seen so far was not evaluated.

    Raises:
        ValueError: if the window is below 2.

    Example:
        >>> C = ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3])
        >>> windowed_plasticity(C, window=2)
        0.4
    """
    return _mean(_largest_drops(C, -C.accuracy, window))


def stability_gap_depth(C: ContinualAccuracy) -> float:
    """Depth of the stability gap: temporary drop of accuracy while a later experience is learnt.

    Mean over i >= 1 and j < i of L - (min of A[n, j] while i is learnt). L is the lower of the accuracies on j at the
    end of i-1 and at the end of i: a drop that persists until the end of i is forgetting and is not counted. Defined
    here, after De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN if T = 1, an experience seen so far was not evaluated, or an experience after the first was
        measured at its end only.

    Example:
        >>> stability_gap_depth(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.4
    """
    return _mean_over(_gaps(C), [gaps.level - gaps.accuracy.min(axis=1) for gaps in _gaps(C)])


def stability_gap_area(C: ContinualAccuracy) -> float:
    """Area of the stability gap: time average of max(0, L - A[., j]) while i is learnt.

    Mean over i >= 1 and j < i, with L as in :func:`stability_gap_depth` and the trapezoidal rule between measurements.
    Defined here, after De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN under the same conditions as :func:`stability_gap_depth`.

    Example:
        >>> stability_gap_area(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.2
    """
    below = [(gaps.time, np.maximum(gaps.level[:, None] - gaps.accuracy, 0)) for gaps in _gaps(C)]
    return _mean_over(_gaps(C), [((y[:, 1:] + y[:, :-1]) / 2 * np.diff(t)).sum(axis=1) for t, y in below])


def stability_gap_recovery(C: ContinualAccuracy) -> float:
    """Recovery time of the stability gap, as a share of the iterations of experience i.

    Iterations on i until A[., j] returns from its minimum to L, divided by all iterations on i; mean over i >= 1 and j
    < i, with L as in :func:`stability_gap_depth`; 0 if accuracy never falls below L. Defined here, after De Lange et
    al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN under the same conditions as :func:`stability_gap_depth`.

    Example:
        >>> A = [[0.8, np.nan], [0.2, 0.4], [0.7, 0.5], [0.6, 0.8]]
        >>> stability_gap_recovery(ContinualAccuracy([4, 5, 7, 8], A, [4, 8]))
        0.75
    """
    return _mean_over(_gaps(C), [gaps.recovered for gaps in _gaps(C)])


@dataclass(frozen=True, eq=False)
class _Gaps:
    """Accuracies on the earlier experiences j < i while experiences i are learnt that have n measurements each.

    Attributes:
        pair: ``(p,)``, numbers of the pairs (1, 0), (2, 0), (2, 1), ...
        time: ``(p, n)``, share of the iterations on i, from 0 to 1.
        accuracy: ``(p, n)``, A[., j].
    """

    pair: NDArray[np.int64]
    time: Array
    accuracy: Array

    @property
    def level(self) -> Array:
        return np.minimum(self.accuracy[:, 0], self.accuracy[:, -1])

    @property
    def recovered(self) -> Array:
        lowest = np.argmin(self.accuracy, axis=1)[:, None]  # the first NaN if there is one
        level, minimum = self.level[:, None], np.take_along_axis(self.accuracy, lowest, axis=1)
        returned = (self.accuracy >= level) & (np.arange(self.time.shape[1]) >= lowest)
        back = self.time[np.arange(len(self.time)), np.argmax(returned, axis=1)]
        return np.where((minimum < level)[:, 0], back, np.where(np.isnan(minimum)[:, 0], np.nan, 0.0))


@lru_cache(maxsize=1)  # of one run after another, three metrics each
def _gaps(C: ContinualAccuracy) -> list[_Gaps]:
    """Gaps while each experience i >= 1 is learnt; empty if one of these has no inner measurement."""
    if C.measured_only_at_end:
        return []
    by_number: dict[int, list[tuple[NDArray[np.int64], Array, Array]]] = {}
    for i in range(1, C.experiences):
        start, end = C.boundaries[i - 1], C.boundaries[i]
        first, last = np.searchsorted(C.iterations, [start, end])
        time = (C.iterations[first : last + 1] - start) / (end - start)
        pair = np.arange(i * (i - 1) // 2, i * (i + 1) // 2)
        part = (pair, np.tile(time, (i, 1)), C.accuracy[first : last + 1, :i].T)
        by_number.setdefault(len(time), []).append(part)
    return [_Gaps(*map(np.concatenate, zip(*parts, strict=True))) for parts in by_number.values()]


def _largest_drops(C: ContinualAccuracy, values: Array, window: int) -> Array:
    """Largest values[m, j] - values[n, j] with m < n < m + window since training on j; at least 0; NaN if one is."""
    if window < 2:
        raise ValueError(f"window must be at least 2 measurements; got {window}")
    since = C.learning[:, None] >= np.arange(C.experiences)
    known = np.where(since, values, np.nan)
    largest = np.zeros(C.experiences)
    for lag in range(1, min(window, len(values))):
        np.fmax(largest, np.fmax.reduce(known[:-lag] - known[lag:], axis=0), out=largest)
    return np.where((since & np.isnan(values)).any(axis=0), np.nan, largest)


def _mean_over(gaps: Sequence[_Gaps], parts: Sequence[Array]) -> float:
    """Mean over all pairs, in their order."""
    if not gaps:
        return float("nan")
    values = np.empty(sum(map(len, parts)))
    for of, part in zip(gaps, parts, strict=True):
        values[of.pair] = part
    return _mean(values)


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
