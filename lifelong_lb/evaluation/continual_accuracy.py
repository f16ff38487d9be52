"""Accuracies measured during training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix, Array


@dataclass(frozen=True, eq=False)
class ContinualAccuracy:
    """Accuracies from N measurements during training on a stream of T experiences.

    Attributes:
        iterations: ``(N,)`` int64, strictly increasing: training iterations before each measurement, counted over the
            whole stream.
        accuracy: ``(N, T)`` float64, column j on the test part of experience j; fractions in [0, 1], NaN where not
            evaluated. Read-only.
        boundaries: ``(T,)`` int64, strictly increasing: training iterations at the end of each experience. There is a
            measurement at each boundary and none after the last.

    Raises:
        ValueError: for other shapes, orders or ranges.

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
                "iterations must have shape (N,), accuracy (N, T) and boundaries (T,); "
                f"got {iterations.shape}, {accuracy.shape} and {boundaries.shape}"
            )
        for name, values in (("iterations", iterations), ("boundaries", boundaries)):
            if not values.size or values[0] < 0 or (np.diff(values) <= 0).any():
                raise ValueError(f"{name} must be strictly increasing integers >= 0; got {values.tolist()}")
        if not np.isin(boundaries, iterations).all() or iterations[-1] != boundaries[-1]:
            raise ValueError("iterations must include every boundary, and the last iteration must be the last boundary")
        if ((accuracy < 0) | (accuracy > 1)).any():
            raise ValueError("accuracies are fractions in [0, 1], or NaN where not evaluated")
        for name, value in (("iterations", iterations), ("accuracy", accuracy), ("boundaries", boundaries)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[float]] | Array, experiences: int) -> "ContinualAccuracy":
        """Build the accuracies from single measurements.

        Args:
            rows: ``(iteration, experience, evaluated, accuracy)``: training iterations so far, the experience being
                learnt, the evaluated experience, and the accuracy on it. The last iteration of an experience is its
                end.
            experiences: T.

        Returns:
            The accuracies, NaN where there is no row.

        Raises:
            ValueError: if an experience has no measurement, or an index is outside 0..T-1.
        """
        table = np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), dtype=np.float64).reshape(-1, 4)
        if not np.isfinite(table[:, :3]).all():
            raise ValueError("iterations and experiences must be integers, not NaN or infinite")
        iteration, learnt, evaluated = table[:, :3].astype(np.int64).T
        for i, j in table[(np.minimum(learnt, evaluated) < 0) | (np.maximum(learnt, evaluated) >= experiences), 1:3]:
            raise ValueError(f"indices must be in 0..{experiences - 1}; got ({i:g}, {j:g})")
        ends = np.full(experiences, -1)
        np.maximum.at(ends, learnt, iteration)
        iterations, row_of = np.unique(iteration, return_inverse=True)
        accuracy = np.full((len(iterations), experiences), np.nan)
        accuracy[row_of, evaluated] = table[:, 3]
        return cls(iterations, accuracy, ends)

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return len(self.boundaries)

    @property
    def learning(self) -> NDArray[np.intp]:
        """Experience being learnt at each measurement, ``(N,)``; an end belongs to its experience."""
        return np.searchsorted(self.boundaries, self.iterations)

    @property
    def measured_only_at_end(self) -> list[int]:
        """Experiences after the first that were measured at their end only."""
        counts = np.bincount(self.learning, minlength=self.experiences)
        return [i for i in range(1, self.experiences) if counts[i] < 2]

    @property
    def matrix(self) -> AccuracyMatrix:
        """The accuracy matrix: the measurements at the ends of experiences."""
        return AccuracyMatrix(self.accuracy[np.isin(self.iterations, self.boundaries)])
