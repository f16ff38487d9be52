"""Values of a pivot table: means over seeds, and the marks of its cells."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class PivotValues:
    """A metric over seeds. Frames have one row per combination of ``index`` and one column per label of ``columns``.

    Attributes:
        metric: the column of numbers.
        columns: the grid column whose labels are the columns.
        mean: means over the seeds of done runs; NaN for none.
        std: sample standard deviations (divisor n - 1).
        low: lower ends of the 95 % intervals of the mean (Student's t).
        high: their upper ends.
        seeds: numbers of seeds.
        best: whether a mean is the best of its row before rounding; ties included.
        not_significant: whether a value is not the best but does not differ significantly from the best.
        untold: the same, with Holm's correction for the pairs of all rows together.
        p: p-values of all pairs of columns in each row, uncorrected (``p``) and Holm-corrected for the pairs of the row
            (``p_holm``), because the best is selected from the same values.
        family: largest number of pairs of a row that have a p-value.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.
        level: significance level for corrected p-values.
        verdict: conclusions that the number of seeds allows; empty if nothing was compared.
        optimizer: label of the base optimizer if there is only one; empty otherwise.
    """

    metric: str
    columns: str
    mean: pd.DataFrame
    std: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    seeds: pd.DataFrame
    best: pd.DataFrame
    not_significant: pd.DataFrame
    untold: pd.DataFrame
    p: pd.DataFrame
    family: int
    test: str
    level: float
    verdict: str
    optimizer: str = ""

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """The labels of each row."""
        return [tuple(map(str, key)) if isinstance(key, tuple) else (str(key),) for key in self.mean.index]

    @property
    def decided(self) -> "pd.Series[bool]":
        """Whether a value of a row differs significantly from the best of the row."""
        return (self.mean.notna() & ~self.best & ~self.not_significant).any(axis=1)
