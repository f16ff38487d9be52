"""Metrics of accuracies that were measured during training: what happens between the ends of experiences.

De Lange, van de Ven & Tuytelaars 2023, "Continual evaluation for lifelong learning: identifying the stability gap"
(arXiv 2205.13452). Every result is a float, NaN where the metric is undefined; :func:`explain_continual` says why.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix
from lifelong_lb.evaluation.catalogue import Described

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContinualAccuracy:
    """Accuracies measured N times during the training on a stream of T experiences.

    Attributes:
        iterations: ``(N,)`` whole numbers, rising: training iterations taken before each measurement, over the whole
            stream.
        accuracy: ``(N, T)`` float64, column j on the test part of experience j; fractions in [0, 1], NaN where not
            evaluated. Read-only.
        boundaries: ``(T,)`` whole numbers, rising: iterations taken at the end of each experience. A measurement was
            made at each of them, and none after the last.

    Raises:
        ValueError: when shapes, order or ranges are others.

    Example:
        >>> C = ContinualAccuracy([5, 10, 15, 20], [[0.5, np.nan], [0.9, np.nan], [0.2, 0.6], [0.7, 0.8]], [10, 20])
        >>> C.learning
        array([0, 0, 1, 1])
    """

    iterations: NDArray[np.int64]
    accuracy: Array
    boundaries: NDArray[np.int64]

    def __post_init__(self) -> None:
        iterations, boundaries = np.array(self.iterations, dtype=np.int64), np.array(self.boundaries, dtype=np.int64)
        accuracy = np.array(self.accuracy, dtype=np.float64)
        if accuracy.ndim != 2 or iterations.shape != accuracy.shape[:1] or boundaries.shape != accuracy.shape[1:]:
            raise ValueError(
                "iterations are (N,), accuracies (N, T) and boundaries (T,); "
                f"got {iterations.shape}, {accuracy.shape} and {boundaries.shape}"
            )
        for name, values in (("iterations", iterations), ("boundaries", boundaries)):
            if not values.size or values[0] < 0 or (np.diff(values) <= 0).any():
                raise ValueError(f"{name} are whole numbers >= 0 that rise; got {values.tolist()}")
        if not np.isin(boundaries, iterations).all() or iterations[-1] != boundaries[-1]:
            raise ValueError("there is a measurement at the end of each experience, the last of all at the very end")
        if ((accuracy < 0) | (accuracy > 1)).any():
            raise ValueError("accuracies are fractions in [0, 1], or NaN where not evaluated")
        for name, value in (("iterations", iterations), ("accuracy", accuracy), ("boundaries", boundaries)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int, float]], experiences: int) -> "ContinualAccuracy":
        """Build the value from single measurements.

        Args:
            rows: ``(iteration, experience, evaluated, accuracy)``: iterations taken, the experience that was being
                learnt, the one that was evaluated, and the accuracy on it. The last row of an experience is its end.
            experiences: T.

        Returns:
            The accuracies, NaN where no row was given.

        Raises:
            ValueError: when an experience has no measurement, or an index lies outside 0..T-1.
        """
        found = list(rows)
        ends = dict.fromkeys(range(experiences), -1)
        for iteration, learnt, evaluated, _ in found:
            if not (0 <= learnt < experiences and 0 <= evaluated < experiences):
                raise ValueError(f"indices must lie in 0..{experiences - 1}; got ({learnt}, {evaluated})")
            ends[learnt] = max(ends[learnt], iteration)
        iterations = np.unique(np.array([row[0] for row in found], dtype=np.int64))
        accuracy = np.full((len(iterations), experiences), np.nan)
        places = {int(iteration): n for n, iteration in enumerate(iterations)}
        for iteration, _, evaluated, value in found:
            accuracy[places[iteration], evaluated] = value
        return cls(iterations, accuracy, np.array(list(ends.values()), dtype=np.int64))

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return len(self.boundaries)

    @property
    def learning(self) -> NDArray[np.intp]:
        """Which experience was being learnt at each measurement, ``(N,)``; its end belongs to it."""
        return np.searchsorted(self.boundaries, self.iterations)

    @property
    def matrix(self) -> AccuracyMatrix:
        """The accuracy matrix: the measurements at the ends of experiences."""
        return AccuracyMatrix(self.accuracy[np.isin(self.iterations, self.boundaries)])


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


@dataclass(frozen=True, kw_only=True)
class ContinualMetric(Described):
    """A metric of accuracies measured during training, with all that a table has to say of it.

    Attributes:
        function: accuracies to number.
        within: whether it needs measurements within experiences, not only at their ends.
    """

    function: Callable[[ContinualAccuracy], float]
    within: bool = False


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
        within=True,
    ),
    "stability_gap_area": ContinualMetric(
        function=stability_gap_area,
        title="stability gap, area",
        formula="mean over i >= 1, j < i of the time average of max(0, L - A[., j]) while i is learnt",
        source="after De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
        least_experiences=2,
        within=True,
    ),
    "stability_gap_recovery": ContinualMetric(
        function=stability_gap_recovery,
        title="stability gap, recovery",
        formula="mean over i >= 1, j < i of the share of i's iterations until A[., j] is back at L from its min",
        source="after De Lange et al. 2023",
        arxiv="2205.13452",
        higher_is_better=False,
        least_experiences=2,
        within=True,
    ),
}
"""Metrics of accuracies measured during training, by name. A[n, j] is the accuracy on experience j at measurement n,
k(n) the experience that was being learnt."""


def explain_continual(name: str, C: ContinualAccuracy) -> str:
    """Why a metric of accuracies measured during training is undefined (NaN).

    Args:
        name: a key of :data:`CONTINUAL_METRICS`.
        C: accuracies measured during training.

    Returns:
        One sentence; empty when the metric is defined.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> explain_continual("minimum_accuracy", ContinualAccuracy([1], [[0.5]], [1]))
        'minimum accuracy needs at least 2 experiences; there is 1'
    """
    if name not in CONTINUAL_METRICS:
        raise ValueError(f"unknown metric {name!r} (known: {', '.join(CONTINUAL_METRICS)})")
    metric = CONTINUAL_METRICS[name]
    if metric.least_experiences > C.experiences:
        return f"{metric.title} needs at least {metric.least_experiences} experiences; there is {C.experiences}"
    if not np.isnan(metric.function(C)):
        return ""
    bare = _unmeasured_within(C)
    if metric.within and bare:
        return f"{metric.title} needs a measurement within experience {bare[0]}, before its end; there is none"
    seen = np.arange(C.experiences) <= C.learning[:, None]
    n, j = map(int, np.argwhere(seen & np.isnan(C.accuracy))[0])
    return f"{metric.title} needs the accuracy on experience {j} at iteration {C.iterations[n]}, not evaluated"


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
    if _unmeasured_within(C):
        return []
    found = []
    for i in range(1, C.experiences):
        start, end = C.boundaries[i - 1], C.boundaries[i]
        rows = (C.iterations >= start) & (C.iterations <= end)
        time = (C.iterations[rows] - start) / (end - start)
        found += [_Gap(time, C.accuracy[rows, j]) for j in range(i)]
    return found


def _unmeasured_within(C: ContinualAccuracy) -> list[int]:
    """Experiences, from the second on, that were measured at their end only."""
    counts = np.bincount(C.learning, minlength=C.experiences)
    return [i for i in range(1, C.experiences) if counts[i] < 2]


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
