"""Tables for reading: rounded numbers as text, and their definitions."""

import math
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from lifelong_lb.evaluation import ADDED_METRICS, CONTINUAL_METRICS, METRICS, REFERENCED, STORED_METRICS, Described
from lifelong_lb.evaluation.comparisons import DIGITS
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import GROUP, varying

MAIN_METRICS = [
    "average_accuracy",
    "learning_accuracy",
    "forgetting",
    "backward_transfer",
    "forgetting_last_row_included",
]
"""Metrics of the tables for reading; ``summary.csv`` contains all."""

KNOWN: Mapping[str, Described] = ChainMap(
    *(
        cast(dict[str, Described], known)
        for known in (CONTINUAL_METRICS, REFERENCED, METRICS, ADDED_METRICS, STORED_METRICS)
    )
)
"""All metrics, by name."""

DASH = "-"
HEADINGS = {"base_optimizer": "base optimizer"}
UNITS = (
    "Accuracies are fractions in [0, 1]. R[i, j] is the accuracy on the test part of experience j (the validation part "
    "if a stream sets evaluate: validation) after training on experience i; experiences are numbered 0 to T-1."
)
SPREAD = "Numbers are the mean over seeds ± the sample standard deviation (divisor n - 1; none for one seed)."
BOLD = (
    "Bold marks the best mean of a column within one stream and strategy, before rounding (the lowest where lower "
    "is better). This is not a test: the difference to other rules may be due to chance."
)


@dataclass(frozen=True)
class Definition:
    """Definition of a printed number.

    Attributes:
        title: column heading.
        formula: how it is computed.
        source: authors and year; empty for a plain count.
    """

    title: str
    formula: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {self.formula}" + (f" ({self.source})" if self.source else "")


def units(results: Results) -> str:
    """Define accuracies, and name the test images if they were measured on a part of them.

    Args:
        results: results of a folder.

    Returns:
        Sentences.
    """
    images = describe_test_images(results)
    return f"{UNITS} Accuracies were measured on {images}, the same in all runs." if images else UNITS


def describe_test_images(results: Results) -> str:
    """Describe the part of the test images on which accuracies were measured.

    Args:
        results: results of a folder.

    Returns:
        E.g. ``"at most 50 test images per class"``; empty if all were used.
    """
    configs = [record.config for record in results.records.values()]
    limits = {(config.get("evaluation") or {}).get("test_images_per_class") for config in configs}
    numbers = sorted(number for number in limits if isinstance(number, int))
    return f"at most {' or '.join(map(str, numbers))} test images per class" if numbers else ""


def definitions(metrics: Sequence[str] = MAIN_METRICS) -> list[Definition]:
    """Define the numbers of a table.

    Args:
        metrics: keys of :data:`KNOWN`.

    Returns:
        One definition per metric, and that of the gradient evaluations.
    """
    of_metrics = [Definition(KNOWN[m].title, KNOWN[m].formula, KNOWN[m].source) for m in metrics]
    return [*of_metrics, Definition("gradient evaluations", "forward-backward passes of a run, mean over seeds")]


def readable_table(
    summary: pd.DataFrame, metrics: Sequence[str] = MAIN_METRICS, intervals: Sequence[str] = ()
) -> pd.DataFrame:
    """Round a summary for reading.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary.summary_table`, or rows of it.
        metrics: keys of :data:`KNOWN`.
        intervals: metrics followed by a column with the 95 % interval of the mean (Student's t).

    Returns:
        Strings, one row per row of the summary: the grouping columns in which rows differ (always the rule), the
        number of seeds, ``mean ± std`` of each metric with three decimals, and the mean number of gradient
        evaluations. A dash for missing numbers.
    """
    table = pd.DataFrame(index=summary.index)
    for column in varying(summary):
        table[HEADINGS.get(column, column)] = summary[column].astype(str)
    table["seeds"] = seeds_cells(summary)
    for metric in metrics:
        pairs = zip(summary[f"{metric}_mean"], summary[f"{metric}_std"], strict=True)
        table[KNOWN[metric].title] = [mean_and_std(mean, std) for mean, std in pairs]
        if metric in intervals:
            ends = zip(summary[f"{metric}_ci_low"], summary[f"{metric}_ci_high"], strict=True)
            table[interval_title(metric)] = [interval(low, high) for low, high in ends]
    table["gradient evaluations"] = [count(n) for n in summary["gradient_evaluations"]]
    return table


@dataclass(frozen=True)
class Section:
    """Rows of a readable table that differ only in the rule.

    Attributes:
        heading: their common labels; empty if the table has one section only.
        rows: for each row, its index in the summary, its rule, and its cells by column.
    """

    heading: str
    rows: Sequence[tuple[int, str, dict[str, str]]]


def sections(summary: pd.DataFrame, table: pd.DataFrame) -> list[Section]:
    """Split a table by stream, strategy and base optimizer, so that rows are labelled by the rule alone.

    Args:
        summary: the rows of the table.
        table: texts with the summary's index; its grouping columns are dropped.

    Returns:
        The sections, in the order of the summary.
    """
    cells = table.drop(columns=[HEADINGS.get(c, c) for c in GROUP], errors="ignore")
    texts = dict(zip(cells.index, cells.to_dict("records"), strict=True))
    outer = [column for column in varying(summary) if column != "rule"]
    by_labels: dict[tuple[str, ...], list[tuple[int, str, dict[str, str]]]] = {}
    keys = zip(*(summary[column] for column in outer), strict=True) if outer else [()] * len(summary)
    for key, index, rule in zip(keys, summary.index, summary["rule"], strict=True):
        row = {str(column): str(text) for column, text in texts[index].items()}
        by_labels.setdefault(tuple(map(str, key)), []).append((int(index), str(rule), row))
    return [Section(", ".join(key), rows) for key, rows in by_labels.items()]


def seeds_cells(summary: pd.DataFrame) -> list[str]:
    """Format the number of seeds of each row.

    Args:
        summary: the rows of a table.

    Returns:
        E.g. ``"6"``, or ``"4 of 6"`` if not all planned runs are done.
    """
    pairs = zip(summary["seeds"], summary["not_done"], strict=True)
    return [f"{done} of {done + others}" if others else str(done) for done, others in pairs]


def constants(summary: pd.DataFrame) -> str:
    """Name the constant grouping columns, which a readable table omits.

    Args:
        summary: the rows of the table.

    Returns:
        E.g. ``"strategy: naive; base optimizer: sgd"``; empty if no column is constant.
    """
    if summary.empty:
        return ""
    kept = varying(summary)
    left_out = [column for column in GROUP if column not in kept]
    return "; ".join(f"{HEADINGS.get(c, c)}: {summary[c].iloc[0]}" for c in left_out)


def best_means(summary: pd.DataFrame, metrics: Sequence[str] = MAIN_METRICS) -> set[tuple[int, str]]:
    """Locate the best means, to print them in bold.

    Args:
        summary: the rows of a table.
        metrics: keys of :data:`KNOWN`.

    Returns:
        Pairs of a row's index and a column of the readable table: the best mean before rounding, ties included, of each
        stream and strategy with at least two rows.
    """
    best = set()
    for _, block in summary.groupby(["stream", "strategy"], sort=False):
        for name in metrics:
            means = block[f"{name}_mean"].dropna().round(DIGITS)  # ignores rounding errors
            if len(means) > 1:
                top = means.max() if KNOWN[name].higher_is_better else means.min()
                best |= {(int(index), KNOWN[name].title) for index in means.index[means == top]}
    return best


def interval_title(metric: str) -> str:
    """Column heading of the interval of a metric's mean.

    Args:
        metric: key of :data:`KNOWN`.

    Returns:
        E.g. ``"average accuracy, 95 % interval"``.
    """
    return f"{KNOWN[metric].title}, 95 % interval"


def interval(low: float, high: float) -> str:
    """Format an interval of fractions.

    Args:
        low: lower end; NaN for none.
        high: upper end.

    Returns:
        Text.

    Example:
        >>> interval(0.70123, 0.9), interval(float("nan"), float("nan"))
        ('0.701 to 0.900', '-')
    """
    return DASH if math.isnan(low) else f"{low:z.3f} to {high:z.3f}"


def mean_and_std(mean: float, std: float) -> str:
    """Format the mean and standard deviation of fractions.

    Args:
        mean: mean; NaN for none.
        std: standard deviation; NaN for none.

    Returns:
        Text.

    Example:
        >>> mean_and_std(0.81234, 0.0216), mean_and_std(0.5, float("nan")), mean_and_std(float("nan"), 0)
        ('0.812 ± 0.022', '0.500', '-')
    """
    if math.isnan(mean):
        return DASH
    return f"{mean:z.3f}" if math.isnan(std) else f"{mean:z.3f} ± {std:.3f}"


def count(number: float) -> str:
    """Format a count.

    Args:
        number: a count or a mean of counts; NaN for none.

    Returns:
        Text.

    Example:
        >>> count(14400.0), count(float("nan"))
        ('14,400', '-')
    """
    return DASH if math.isnan(number) else f"{number:,.0f}"


def duration(seconds: float) -> str:
    """Format a duration with three significant digits.

    Args:
        seconds: duration; NaN for none.

    Returns:
        Text, without the unit.

    Example:
        >>> duration(0.5234), duration(12.345), duration(1234.5)
        ('0.523', '12.3', '1,234')
    """
    if math.isnan(seconds):
        return DASH
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 3
    return f"{seconds:,.{digits}f}"
