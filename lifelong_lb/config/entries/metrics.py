"""Metrics of the accuracy matrix that a study file can name; :mod:`lifelong_lb.evaluation` computes them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Described:
    """Description of a metric.

    Attributes:
        title: heading.
        formula: one-line definition.
        source: authors and year.
        arxiv: arXiv number of the paper; empty if there is none.
        higher_is_better: whether larger values are better.
        least_experiences: smallest T for which the metric is defined.
        bounded: whether all values are in [-1, 1].
    """

    title: str
    formula: str
    source: str
    arxiv: str = ""
    higher_is_better: bool
    least_experiences: int = 1
    bounded: bool = True

    @property
    def paper(self) -> str:
        """Authors, year and arXiv number."""
        return f"{self.source}, arXiv {self.arxiv}" if self.arxiv else self.source


METRIC_ENTRIES: dict[str, Described] = {
    "average_accuracy": Described(
        title="average accuracy",
        formula="mean over j of R[T-1, j]",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
    ),
    "learning_accuracy": Described(
        title="learning accuracy",
        formula="mean over j of R[j, j]",
        source="Riemer et al. 2019",
        arxiv="1810.11910",
        higher_is_better=True,
    ),
    "forgetting": Described(
        title="forgetting",
        formula="mean over j < T-1 of max over l < T-1 of R[l, j], minus R[T-1, j]; may be negative",
        source="Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        least_experiences=2,
    ),
    "backward_transfer": Described(
        title="backward transfer",
        formula="mean over j < T-1 of R[T-1, j] - R[j, j]",
        source="Lopez-Paz & Ranzato 2017",
        arxiv="1706.08840",
        higher_is_better=True,
        least_experiences=2,
    ),
    "forgetting_last_row_included": Described(
        title="forgetting, last row included",
        formula="mean over j < T-1 of max over l <= T-1 of R[l, j], minus R[T-1, j]; never negative",
        source="several published codes",
        higher_is_better=False,
        least_experiences=2,
    ),
    "average_incremental_accuracy": Described(
        title="average incremental accuracy",
        formula="mean over i of the mean over j <= i of R[i, j]",
        source="Rebuffi et al. 2017",
        arxiv="1611.07725",
        higher_is_better=True,
    ),
    "forgetting_first_minus_last": Described(
        title="forgetting, first minus last",
        formula="mean over j < T-1 of R[j, j] - R[T-1, j]; minus the backward transfer",
        source="Carta et al. 2023",
        arxiv="2302.01766",
        higher_is_better=False,
        least_experiences=2,
    ),
    "relative_forgetting": Described(
        title="relative forgetting",
        formula="mean over j < T-1 of (m_j - R[T-1, j]) / m_j, m_j the max over l < T-1 of R[l, j]",
        source="after Chaudhry et al. 2018",
        arxiv="1801.10112",
        higher_is_better=False,
        least_experiences=2,
        bounded=False,
    ),
    "stability": Described(
        title="stability",
        formula="mean over j < T-1 of R[T-1, j]",
        source="Sarfraz et al. 2022",
        arxiv="2206.04016",
        higher_is_better=True,
        least_experiences=2,
    ),
    "stability_plasticity": Described(
        title="stability and plasticity",
        formula="2 S P / (S + P), S the stability, P the learning accuracy",
        source="Sarfraz et al. 2022",
        arxiv="2206.04016",
        higher_is_better=True,
        least_experiences=2,
    ),
}
"""Metrics of the matrix alone, by name."""

ADDED: dict[str, Described] = {}
"""Custom metrics registered in this process, by name."""
