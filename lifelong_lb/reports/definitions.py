"""Metrics and costs by name, and definitions of the numbers in tables and of the columns of the result files."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from lifelong_lb.evaluation import ADDED_METRICS, CONTINUAL_METRICS, METRICS, REFERENCED, STORED_METRICS, Described
from lifelong_lb.reports.results.collect import Results

GRADIENTS = "gradient_evaluations"
DEFAULT_COLUMNS = ("average_accuracy", "learning_accuracy", "forgetting", GRADIENTS)
"""Columns of the summary's tables unless others are chosen; ``summary.csv`` contains all."""

KNOWN: Mapping[str, Described] = ChainMap(
    *(
        cast(dict[str, Described], known)
        for known in (CONTINUAL_METRICS, REFERENCED, METRICS, ADDED_METRICS, STORED_METRICS)
    )
)
"""All metrics, by name."""
UNITS = (
    "R[i, j] is the accuracy on the {part} part of experience j after training on experience i, in percent; "
    "experiences are numbered 0 to T-1."
)
SPREAD = "Numbers are means over seeds ± the sample standard deviation (divisor n - 1; none for one seed)."
UNBOUNDED = (
    "Student's t assumes no bounds: an interval that reaches below 0 or above 100 % shows that the seeds are too few."
)
BOLD = "Bold: best mean of a strategy, before rounding; not a test."
_RUN = {
    "run": "id of the run, a hash of its configuration",
    "stream": "label of the stream",
    "strategy": "label of the strategy",
    "rule": "label of the update rule",
    "base_optimizer": "label of the base optimizer",
    "seed": "the study's seed, which sets initial weights, data order and class order",
}
_P = {
    "sign-flip": "two-sided sign-flip test: fraction of the 2^n sign assignments (for more than 20 seeds, of 32,768 "
    "random ones) whose mean difference is at least as far from 0",
    "wilcoxon": "two-sided signed-rank test (Wilcoxon 1945): fraction of the 2^n sign assignments (for more than 20 "
    "seeds, of 32,768 random ones) whose sum of signed ranks is at least as far from 0; differences of 0 are left out, "
    "ties share their mean rank",
}
"""Definition of the p-value, by test."""
_BY_FILE = {
    "accuracy": {
        "trained": "index i of the experience trained on last, from 0",
        "evaluated": "index j, from 0, of the experience evaluated, on its test part or the stream's validation part",
        "accuracy": "R[i, j], the fraction of its images that are classified correctly",
    },
    "class_accuracy": {
        "class": "label of the class in the data set; in a custom stream, the target label of the model",
        "class_name": "name of the class, or its label if it has no name",
        "experience": "index, from 0, of the experience whose test part contains the class; empty if several do",
        "images": "evaluated images of the class, over all experiences",
        "accuracy": "the fraction of them that are classified correctly after the last experience",
    },
    "results": {
        "status": "how the run ended: done, failed, diverged or timeout; metrics are empty unless done",
        "imported": "whether the run is of another framework; its seed is then paired with none",
    },
    "summary": {
        "seeds": "number of done runs, over which the row is computed",
        "not_done": "number of planned runs that are not done",
    },
    "comparisons": {
        "baseline": "label of the rule that the rule is compared with",
        "metric": "column of results.csv that is compared",
        "pairs": "n, seeds under which both rules are done and have a value",
        "difference_mean": "mean over these seeds of the rule's value minus the baseline's",
        "difference_std": "sample standard deviation of the differences (divisor n - 1)",
        "ci_low": "lower end of the 95 % interval of the mean difference (Student's t, n - 1 degrees of freedom)",
        "ci_high": "upper end of that interval",
        "bootstrap_low": "lower end of the 95 % percentile bootstrap interval of the mean difference",
        "bootstrap_high": "upper end of that interval",
        "larger": "number of seeds under which the rule's value is larger",
        "equal": "number of seeds under which the values are equal",
        "cohen_dz": "Cohen's d of paired values: difference_mean / difference_std",
        "cliff_delta": "Cliff's delta: fraction of all pairs of values in which the rule's is larger, minus smaller",
        "p_holm": "p after Holm's step-down correction for the family; at most 0.05 is the * of the tables",
        "family": "number of comparisons of this metric in the file that have a p-value",
    },
    "aggregate": {
        "baseline": "label of the rule that the rule is compared with",
        "metric": "column of results.csv that is aggregated",
        "streams": "number of streams, those on which every rule of the strategy and base optimizer has a value",
        "streams_left_out": "number of other streams of the study",
        "runs": "number of done runs with a value on these streams",
        "shared_runs": "number of them under seeds that the baseline has on the same stream",
        "fewest_seeds": "the smallest number of these on one of the streams",
        "interquartile_mean": "mean of the middle half of the runs of all these streams (Agarwal et al. 2021)",
        "mean": "mean over streams of the mean over seeds",
        "improvement": "mean over streams of the share of pairs of runs, one of the rule and one of the baseline under "
        "the shared seeds, in which the rule's is better; ties count 1/2 (Agarwal et al. 2021)",
        **{
            f"{name}_{end}": f"{side} end of the 95 % interval of {name}: percentile of a stratified bootstrap, which "
            "draws whole seeds within each stream; too narrow with few seeds"
            for name in ("interquartile_mean", "mean", "improvement")
            for end, side in (("low", "lower"), ("high", "upper"))
        },
    },
    "comparison": {
        "metric": "column of results.csv that the row summarises",
        "seeds": "number of done runs with a value, over which the row is computed",
        "mean": "mean over these seeds",
        "std": "sample standard deviation over them (divisor n - 1)",
        "ci_low": "lower end of the 95 % confidence interval of the mean (Student's t, n - 1 degrees of freedom)",
        "ci_high": "upper end of that interval",
        "best": "whether no other rule has a better mean under the same stream, strategy and base optimizer",
        "untold": "whether it does not differ significantly from the best of its row (paired test) after Holm's "
        "correction for the pairs of all rows of the metric; the † of comparison.tex and comparison.md is corrected "
        "for the pairs of its own row only",
    },
}
_STATISTICS = {
    "mean": "mean over seeds of",
    "std": "sample standard deviation over seeds (divisor n - 1) of",
    "ci_low": "lower end of the 95 % confidence interval of the mean over seeds (Student's t, n - 1 degrees) of",
    "ci_high": "upper end of the 95 % confidence interval of the mean over seeds (Student's t, n - 1 degrees) of",
    "bootstrap_low": "lower end of the 95 % percentile bootstrap interval of the mean over seeds, too narrow with few "
    "seeds, of",
    "bootstrap_high": "upper end of the 95 % percentile bootstrap interval of the mean over seeds, too narrow with few "
    "seeds, of",
}


@dataclass(frozen=True)
class Definition:
    """Definition of a printed number.

    Attributes:
        title: column heading.
        formula: how it is computed.
        source: authors and year; empty for a plain count.
        unit: unit of the tables; empty for a count, and for metrics.
    """

    title: str
    formula: str
    source: str = ""
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {self.formula}" + (f" ({self.source})" if self.source else "")


COSTS = {
    GRADIENTS: Definition("gradients", "forward-backward passes over training minibatches, of the whole run"),
    "strategy_gradient_evaluations": Definition(
        "the strategy's own", "additional gradient evaluations taken by the strategy, of the whole run"
    ),
    "train_seconds": Definition(
        "training time", "wall-clock seconds of training, without set-up and evaluation", unit="s"
    ),
    "samples_seen": Definition(
        "images seen",
        "images of the training minibatches, counted once per minibatch regardless of the number of passes",
    ),
    "forward_passes": Definition(
        "forward passes",
        "forward passes over training minibatches, with or without a gradient, of the whole run",
    ),
    "parameters": Definition("parameters", "number of model parameters at the end"),
    "peak_memory": Definition(
        "peak memory",
        "peak memory of the run in bytes, above what its process used before, without libraries and images in shared "
        "files; on CUDA, the peak of the memory allocated by torch",
        unit="MB",
    ),
}
"""Costs of a run by column of ``summary.csv``."""


def column_names(*, during: bool) -> list[str]:
    """List the columns that the summary's tables can have.

    Args:
        during: whether accuracies are measured during training.

    Returns:
        Metrics, then costs.
    """
    return [*(metric for metric in KNOWN if during or metric not in CONTINUAL_METRICS), *COSTS]


def in_percent(metric: str) -> bool:
    """Return whether tables show a metric in percent: all but custom metrics, whose range is not known.

    Args:
        metric: name of the metric.

    Returns:
        The answer.
    """
    return any(metric in known for known in (METRICS, REFERENCED, CONTINUAL_METRICS))


def units(results: Results) -> str:
    """Define accuracies, and name the images on which they were measured.

    Args:
        results: results of a folder.

    Returns:
        Sentences.
    """
    parts = {_evaluated(record.config.get("stream")) for record in results.records.values()}
    sentence = UNITS.format(part=" or ".join(sorted(parts)) or "test")
    images = describe_test_images(results)
    return f"{sentence} Accuracies were measured on {images}, the same in all runs." if images else sentence


def _evaluated(stream: object) -> str:
    return str(stream.get("evaluate") or "test") if isinstance(stream, Mapping) else "test"


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


def definitions(columns: Sequence[str] = DEFAULT_COLUMNS) -> list[Definition]:
    """Define the numbers of a table.

    Args:
        columns: metrics and costs, keys of :data:`KNOWN` and :data:`COSTS`.

    Returns:
        One definition per column.
    """
    return [_definition(column) for column in columns]


def _definition(column: str) -> Definition:
    if column in KNOWN:
        return Definition(KNOWN[column].title, KNOWN[column].formula, KNOWN[column].paper)
    return COSTS[column]


def column_definitions(tables: Mapping[str, pd.DataFrame], test: str = "sign-flip") -> pd.DataFrame:
    """Define the columns of tables.

    Args:
        tables: file name, without suffix, to table.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`, the test of the comparisons.

    Returns:
        One row per column: ``file``, ``column`` and ``definition``.
    """
    columns = [(name, str(column)) for name, table in tables.items() for column in table]
    rows = [(f"{name}.csv", column, _column_definition(name, column, test)) for name, column in columns]
    return pd.DataFrame(rows, columns=["file", "column", "definition"])


def _column_definition(name: str, column: str, test: str) -> str:
    if (name, column) == ("comparisons", "p"):
        return _P[test]
    if column in _BY_FILE[name]:
        return _BY_FILE[name][column]
    if column in _RUN:
        return _RUN[column]
    if column in COSTS:
        formula = COSTS[column].formula
        return f"mean over done runs of {formula}" if name == "summary" else formula
    if column in KNOWN:
        return _metric_definition(column)
    for statistic, what in _STATISTICS.items():
        metric = column.removesuffix(f"_{statistic}")
        if metric in KNOWN and metric != column:
            return f"{what} {metric}: {_metric_definition(metric)}"
    return "not a column of this version"


def _metric_definition(name: str) -> str:
    metric = KNOWN[name]
    better = "higher" if metric.higher_is_better else "lower"
    return f"{metric.formula} ({metric.paper}; {better} is better)"
