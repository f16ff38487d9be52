"""The accuracy matrix, the input of every metric."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _nothing() -> Array:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class AccuracyMatrix:
    """Accuracies over a stream of T experiences, of a run that may still be in progress.

    Two matrices are equal if all their accuracies are, with NaN in the same places.

    Attributes:
        values: ``(T, T)`` float64, row i measured after training on experience i, column j on the test part of
            experience j; fractions in [0, 1], NaN where not evaluated. Read-only. T is 0 as long as the stream is
            unknown.
        initial: ``(T,)`` float64, accuracy on experience j at initialisation, before the first training; NaN where not
            evaluated. Read-only. Given as an empty array if nothing was.

    Raises:
        ValueError: if the matrix is not square, if the initial accuracies are of another number, or if a number is
            outside [0, 1].

    Example:
        >>> R = AccuracyMatrix.from_entries([(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)], experiences=2)
        >>> R.values
        array([[0.9, nan],
               [0.5, 0.8]])
    """

    values: Array
    initial: Array = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        values, initial = np.array(self.values, dtype=np.float64), np.array(self.initial, dtype=np.float64)
        if values.ndim != 2 or values.shape[0] != values.shape[1]:
            raise ValueError(_shape_error(values))
        initial = initial if initial.size else np.full(len(values), np.nan)
        if initial.shape != (len(values),):
            raise ValueError(f"the initial accuracies have shape ({len(values)},); got shape {initial.shape}")
        for name, array in (("values", values), ("initial", initial)):
            _check_fractions(array)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def unmeasured(cls, experiences: int) -> "AccuracyMatrix":
        """Build the matrix of a run before its first evaluation.

        Args:
            experiences: T; 0 if the stream is unknown.

        Returns:
            The matrix, NaN everywhere.
        """
        return cls(np.full((experiences, experiences), np.nan))

    @classmethod
    def from_entries(
        cls, entries: Iterable[tuple[int, int, float]], experiences: int, initial: ArrayLike = ()
    ) -> "AccuracyMatrix":
        """Build the matrix from its entries.

        Args:
            entries: ``(trained, evaluated, accuracy)``, both indices in 0..T-1; of several entries for one pair, the
                last is used.
            experiences: T.
            initial: ``(T,)`` accuracies at initialisation; empty if not evaluated.

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
        return cls(values, np.asarray(initial, dtype=np.float64))

    def with_row(self, trained: int, row: Sequence[float]) -> "AccuracyMatrix":
        """Add an evaluation.

        Args:
            trained: experience trained on last, in 0..T-1.
            row: accuracies on experiences 0, 1, ..., at most T.

        Returns:
            A matrix whose row ``trained`` starts with them.
        """
        values = self.values.copy()
        values[trained, : len(row)] = row
        return replace(self, values=values)

    def with_initial(self, initial: Sequence[float]) -> "AccuracyMatrix":
        """Add the evaluation at initialisation.

        Args:
            initial: ``(T,)`` accuracies.

        Returns:
            A matrix with them.
        """
        return replace(self, initial=np.asarray(initial, dtype=np.float64))

    def entries(self) -> list[tuple[int, int, float]]:
        """List the evaluated entries, row by row.

        Returns:
            Tuples ``(trained, evaluated, accuracy)``.
        """
        rows, columns = np.nonzero(self.evaluated)
        return list(zip(rows.tolist(), columns.tolist(), self.values[rows, columns].tolist(), strict=True))

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return int(self.values.shape[0])

    @property
    def evaluated(self) -> NDArray[np.bool_]:
        """Mask of the evaluated entries, ``(T, T)``."""
        return ~np.isnan(self.values)

    @property
    def measured_after(self) -> list[int]:
        """Experiences after which an accuracy was measured, ascending."""
        return [int(i) for i in np.flatnonzero(self.evaluated.any(axis=1))]

    @property
    def has_initial(self) -> bool:
        """Whether accuracies were measured at initialisation."""
        return bool((~np.isnan(self.initial)).any())

    def seen(self) -> "AccuracyMatrix":
        """Return the accuracies on experiences learnt so far, the lower triangle."""
        return AccuracyMatrix(np.where(np.tri(self.experiences, dtype=bool), self.values, np.nan))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AccuracyMatrix):
            return NotImplemented
        pairs = ((self.values, other.values), (self.initial, other.initial))
        return all(np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]  # equal matrices would need equal hashes

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)


def _check_fractions(values: Array) -> None:
    evaluated = values[~np.isnan(values)]
    if evaluated.size and (evaluated.min() < 0 or evaluated.max() > 1):
        worst = evaluated[np.argmax(np.abs(evaluated - 0.5))]
        raise ValueError(f"accuracies are fractions in [0, 1], or NaN where not evaluated; got {worst:g}")


def _shape_error(values: NDArray[Any]) -> str:
    return f"an accuracy matrix has shape (T, T) with T >= 1; got shape {values.shape}"


def as_matrix(matrix: "AccuracyMatrix | ArrayLike") -> Array:
    """Check an accuracy matrix and return its values.

    Args:
        matrix: an :class:`AccuracyMatrix`, or a ``(T, T)`` array of fractions with NaN where not evaluated.

    Returns:
        ``(T, T)`` float64, T >= 1.

    Raises:
        ValueError: if it is not an accuracy matrix, or that of an unknown stream.
    """
    if not isinstance(matrix, AccuracyMatrix):
        matrix = AccuracyMatrix(np.asarray(matrix, dtype=np.float64))
    if not matrix.experiences:
        raise ValueError(_shape_error(matrix.values))
    return matrix.values
