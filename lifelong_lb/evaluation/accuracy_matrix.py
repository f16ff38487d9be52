"""The accuracy matrix, the input of every metric."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class AccuracyMatrix:
    """Accuracies over a stream of T experiences.

    Attributes:
        values: ``(T, T)`` float64, row i measured after training on experience i, column j on the test part of
            experience j; fractions in [0, 1], NaN where not evaluated. Read-only.

    Raises:
        ValueError: if the matrix is not square, is empty, or contains a number outside [0, 1].

    Example:
        >>> R = AccuracyMatrix.from_entries([(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)], experiences=2)
        >>> R.values
        array([[0.9, nan],
               [0.5, 0.8]])
    """

    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 2 or values.shape[0] != values.shape[1] or values.size == 0:
            raise ValueError(f"an accuracy matrix has shape (T, T) with T >= 1; got shape {values.shape}")
        evaluated_values = values[~np.isnan(values)]
        if evaluated_values.size and (evaluated_values.min() < 0 or evaluated_values.max() > 1):
            worst = evaluated_values[np.argmax(np.abs(evaluated_values - 0.5))]
            raise ValueError(f"accuracies are fractions in [0, 1], or NaN where not evaluated; got {worst:g}")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @classmethod
    def from_entries(cls, entries: Iterable[tuple[int, int, float]], experiences: int) -> "AccuracyMatrix":
        """Build the matrix from its entries.

        Args:
            entries: ``(trained, evaluated, accuracy)``, both indices in 0..T-1; of several entries for one pair, the
                last is used.
            experiences: T.

        Returns:
            The matrix, NaN where there is no entry.

        Raises:
            ValueError: for an index outside 0..T-1, or an accuracy outside [0, 1].
        """
        values = np.full((experiences, experiences), np.nan)
        for trained, evaluated, accuracy in entries:
            if not (0 <= trained < experiences and 0 <= evaluated < experiences):
                raise ValueError(f"indices must be in 0..{experiences - 1}; got ({trained}, {evaluated})")
            values[trained, evaluated] = accuracy
        return cls(values)

    def entries(self) -> list[tuple[int, int, float]]:
        """List the evaluated entries, row by row.

        Returns:
            Tuples ``(trained, evaluated, accuracy)``.
        """
        rows, columns = np.nonzero(~np.isnan(self.values))
        return [(int(i), int(j), float(self.values[i, j])) for i, j in zip(rows, columns, strict=True)]

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return int(self.values.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)


def as_matrix(matrix: "AccuracyMatrix | ArrayLike") -> NDArray[np.float64]:
    """Check an accuracy matrix and return its values.

    Args:
        matrix: an :class:`AccuracyMatrix`, or a ``(T, T)`` array of fractions with NaN where not evaluated.

    Returns:
        ``(T, T)`` float64.

    Raises:
        ValueError: if it is not an accuracy matrix.
    """
    if isinstance(matrix, AccuracyMatrix):
        return matrix.values
    return AccuracyMatrix(np.asarray(matrix, dtype=np.float64)).values
