"""Metrics by name, and definitions of the numbers in tables."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

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


@dataclass(frozen=True)
class Cost:
    """A cost of a run.

    Attributes:
        title: column heading.
        formula: what it counts.
        unit: unit of the tables; empty for a count.
    """

    title: str
    formula: str
    unit: str = ""


COSTS = {
    GRADIENTS: Cost("gradients", "forward-backward passes over training minibatches, of the whole run"),
    "strategy_gradient_evaluations": Cost(
        "the strategy's own", "additional gradient evaluations taken by the strategy, of the whole run"
    ),
    "train_seconds": Cost("training time", "wall-clock seconds of training, without set-up and evaluation", "s"),
    "samples_seen": Cost(
        "images seen",
        "images of the training minibatches, counted once per minibatch regardless of the number of passes",
    ),
    "forward_passes": Cost(
        "forward passes",
        "forward passes over training minibatches, with or without a gradient, of the whole run",
    ),
    "parameters": Cost("parameters", "number of model parameters at the end"),
    "peak_memory": Cost(
        "peak memory",
        "peak memory of the run in bytes, above what its process used before, without libraries and images in shared "
        "files; on CUDA, the peak of the memory allocated by torch",
        "MB",
    ),
}
"""Costs of a run by column of ``summary.csv``."""

UNITS = (
    "R[i, j] is the accuracy on the {part} part of experience j after training on experience i, in percent; "
    "experiences are numbered 0 to T-1."
)
SPREAD = "Numbers are means over seeds ± the sample standard deviation (divisor n - 1; none for one seed)."
BOLD = "Bold: best mean of a strategy, before rounding; not a test."


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
    return Definition(COSTS[column].title, COSTS[column].formula)
