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
        text: cells, e.g. ``"0.812 ± 0.013"``.
        best: whether a mean is the best of its row before rounding; ties included.
        not_significant: whether a value is not the best but does not differ significantly from the best.
        p: p-values of all pairs of columns in each row, uncorrected and Holm-corrected for ``family`` pairs.
        family: number of pairs that have a p-value.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.
        level: significance level for corrected p-values.
        verdict: conclusions that the number of seeds allows; empty if nothing was compared.
    """

    metric: str
    columns: str
    mean: pd.DataFrame
    std: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    seeds: pd.DataFrame
    text: pd.DataFrame
    best: pd.DataFrame
    not_significant: pd.DataFrame
    p: pd.DataFrame
    family: int
    test: str
    level: float
    verdict: str

    def __str__(self) -> str:
        return self.text.to_string()

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """The labels of each row."""
        return [tuple(map(str, key)) if isinstance(key, tuple) else (str(key),) for key in self.text.index]
