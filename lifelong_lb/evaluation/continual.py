"""Metrics of accuracies that were measured during training: what happens between the ends of experiences.

De Lange, van de Ven & Tuytelaars 2023, "Continual evaluation for lifelong learning: identifying the stability gap"
(arXiv 2205.13452). Every result is a float, NaN where the metric is undefined;
:func:`~lifelong_lb.evaluation.explain_continual` says why.
"""

from dataclasses import dataclass

import numpy as np

from lifelong_lb.evaluation.continual_accuracy import Array, ContinualAccuracy


def anytime_average_accuracy(C: ContinualAccuracy) -> float:
    """Anytime average accuracy: mean over measurements n of the mean over j <= k(n) of A[n, j].

    k(n) is the experience that was being learnt, so that each mean is over the experiences seen so far. Source: Caccia
    et al. 2022 (arXiv 2104.05025).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN when an experience seen so far was not evaluated.

    Example:
        >>> anytime_average_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.6
    """
    return float(np.mean([row[: k + 1].mean() for row, k in zip(C.accuracy, C.learning, strict=True)]))


def minimum_accuracy(C: ContinualAccuracy) -> float:
    """Minimum accuracy (min-ACC): mean over j < T-1 of the min of A[n, j] over the measurements n after j was learnt.

    Source: De Lange et al. 2023 (arXiv 2205.13452), at the end of the stream.

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN when T = 1 or an experience seen so far was not evaluated.

    Example:
        >>> minimum_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.2
    """
    return _mean([C.accuracy[C.learning > j, j].min() for j in range(C.experiences - 1)])


def worst_case_accuracy(C: ContinualAccuracy) -> float:
    """Worst-case accuracy (WC-ACC): A[end, T-1] / T + (1 - 1/T) min-ACC.

    The accuracy on the last experience, and on the others the worst since they were learnt. Source: De Lange et al.
    2023 (arXiv 2205.13452), at the end of the stream.

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN when T = 1 or an experience seen so far was not evaluated.

    Example:
        >>> worst_case_accuracy(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.5
    """
    T = C.experiences
    return float(C.accuracy[-1, -1] / T + (1 - 1 / T) * minimum_accuracy(C))


def windowed_forgetting(C: ContinualAccuracy, window: int = 10) -> float:
    """Windowed forgetting (WF): mean over j of the largest drop of A[., j] within w consecutive measurements.

    The drop is max of A[m, j] - A[n, j] over m < n in one window, among the measurements since training on j began; 0
    where there is none. Source: De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.
        window: w, at least 2 measurements.

    Returns:
        A fraction; NaN when an experience seen so far was not evaluated.

    Raises:
        ValueError: for a smaller window.

    Example:
        >>> C = ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3])
        >>> windowed_forgetting(C, window=2)
        0.3
    """
    return _mean([_largest_drop(C.accuracy[C.learning >= j, j], window) for j in range(C.experiences)])


def windowed_plasticity(C: ContinualAccuracy, window: int = 10) -> float:
    """Windowed plasticity (WP): mean over j of the largest rise of A[., j] within w consecutive measurements.

    As :func:`windowed_forgetting`, with A[n, j] - A[m, j]. Source: De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.
        window: w, at least 2 measurements.

    Returns:
        A fraction; NaN when an experience seen so far was not evaluated.

    Raises:
        ValueError: for a smaller window.

    Example:
        >>> C = ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3])
        >>> windowed_plasticity(C, window=2)
        0.4
    """
    return _mean([_largest_drop(-C.accuracy[C.learning >= j, j], window) for j in range(C.experiences)])


def stability_gap_depth(C: ContinualAccuracy) -> float:
    """Depth of the stability gap: how far accuracy falls while the next experience is learnt, and comes back.

    Mean over i >= 1 and j < i of L - (min of A[n, j] while i is learnt), L = min(A[end of i-1, j], A[end of i, j]) the
    lower of the two ends: a fall that is not made good by the end of i is forgetting, and does not count.
    Defined here, after De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN when T = 1, an experience seen so far was not evaluated, or nothing was measured within one.

    Example:
        >>> stability_gap_depth(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.4
    """
    return _mean([gap.level - gap.accuracy.min() for gap in _gaps(C)])


def stability_gap_area(C: ContinualAccuracy) -> float:
    """Area of the stability gap: the time average, while i is learnt, of how far A[., j] lies below L.

    Mean over i >= 1 and j < i, with L as in :func:`stability_gap_depth`; between measurements max(0, L - A) is taken to
    be straight (the trapezoidal rule). Defined here, after De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN as for the depth.

    Example:
        >>> stability_gap_area(ContinualAccuracy([1, 2, 3], [[0.8, np.nan], [0.2, 0.4], [0.6, 0.8]], [1, 3]))
        0.2
    """
    below = [(gap.time, np.maximum(gap.level - gap.accuracy, 0)) for gap in _gaps(C)]
    return _mean([((y[1:] + y[:-1]) / 2 * np.diff(t)).sum() for t, y in below])


def stability_gap_recovery(C: ContinualAccuracy) -> float:
    """Recovery from the stability gap: the share of i's iterations after which A[., j] is back at L from its minimum.

    Mean over i >= 1 and j < i, with L as in :func:`stability_gap_depth`; 0 where accuracy never falls below L. Defined
    here, after De Lange et al. 2023 (arXiv 2205.13452).

    Args:
        C: accuracies measured during training.

    Returns:
        A fraction; NaN as for the depth.

    Example:
        >>> A = [[0.8, np.nan], [0.2, 0.4], [0.7, 0.5], [0.6, 0.8]]
        >>> stability_gap_recovery(ContinualAccuracy([4, 5, 7, 8], A, [4, 8]))
        0.75
    """
    return _mean([gap.recovered for gap in _gaps(C)])


@dataclass(frozen=True, eq=False)
class _Gap:
    """Accuracy on one old experience while another is learnt: ``time`` from 0 to 1 and ``accuracy``, both ``(n,)``."""

    time: Array
    accuracy: Array

    @property
    def level(self) -> float:
        return float(np.minimum(self.accuracy[0], self.accuracy[-1]))

    @property
    def recovered(self) -> float:
        lowest = int(np.argmin(self.accuracy))  # a NaN counts as lowest
        if not self.accuracy[lowest] < self.level:
            return 0.0 if not np.isnan(self.accuracy).any() else float("nan")
        back = lowest + int(np.argmax(self.accuracy[lowest:] >= self.level))
        return float(self.time[back])


def _gaps(C: ContinualAccuracy) -> list[_Gap]:
    """All pairs of an experience that is learnt and an earlier one; none where something was not measured within."""
    if C.measured_only_at_end:
        return []
    gaps = []
    for i in range(1, C.experiences):
        start, end = C.boundaries[i - 1], C.boundaries[i]
        rows = (C.iterations >= start) & (C.iterations <= end)
        time = (C.iterations[rows] - start) / (end - start)
        gaps += [_Gap(time, C.accuracy[rows, j]) for j in range(i)]
    return gaps


def _largest_drop(values: Array, window: int) -> float:
    """Largest values[m] - values[n] with m < n < m + window; 0 where there is none, NaN where a value is."""
    if window < 2:
        raise ValueError(f"window must be at least 2 measurements; got {window}")
    if np.isnan(values).any():
        return float("nan")
    drops = [(values[:-lag] - values[lag:]).max() for lag in range(1, min(window, len(values)))]
    return max(0.0, *drops) if drops else 0.0


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
