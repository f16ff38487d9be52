"""Accuracy matrices of comparable runs, by rule, and statistics over seeds for figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy_curve
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.summary import labels_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """The done runs of one stream, strategy and base optimizer.

    Attributes:
        stream: label of the stream.
        strategy: label of the strategy.
        base_optimizer: label of the base optimizer.
        matrices: ``(S, T, T)`` by rule: the accuracy matrices of its S seeds; NaN where not evaluated.
    """

    stream: str
    strategy: str
    base_optimizer: str
    matrices: Mapping[str, Array]

    @property
    def key(self) -> tuple[str, str, str]:
        """Labels of stream, strategy and base optimizer."""
        return self.stream, self.strategy, self.base_optimizer

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return int(next(iter(self.matrices.values())).shape[1])


def blocks_of(results: Results) -> list[Block]:
    """Group the accuracies of the done runs into blocks.

    Args:
        results: results of a folder.

    Returns:
        The blocks that have a done run, in the order of the study: streams outermost, base optimizers innermost.
    """
    keys = ["stream", "strategy", "base_optimizer"]
    ranks = {column: {label: i for i, label in enumerate(labels_of(results, column))} for column in keys}
    rules = labels_of(results, "rule")
    blocks = []
    measured = results.runs[results.runs["run"].isin(list(results.matrices))].sort_values("seed", kind="stable")
    for key, runs in measured.groupby(keys, sort=False):
        by_rule = {
            rule: [results.matrices[run] for run in own["run"]] for rule, own in runs.groupby("rule", sort=False)
        }
        T = max(R.experiences for seeds in by_rule.values() for R in seeds)
        matrices = {rule: _stack(by_rule[rule], T) for rule in rules if rule in by_rule}
        stream, strategy, optimizer = map(str, key)
        blocks.append(Block(stream, strategy, optimizer, matrices))
    blocks.sort(key=lambda block: [ranks[column][label] for column, label in zip(keys, block.key, strict=True)])
    return blocks


def _stack(seeds: Sequence[AccuracyMatrix], T: int) -> Array:
    """Stack matrices of at most T experiences, ``(S, T, T)``."""
    stack = np.full((len(seeds), T, T), np.nan)
    for place, R in zip(stack, seeds, strict=True):
        place[: R.experiences, : R.experiences] = R.values
    return stack


def mean_over_seeds(values: Array) -> Array:
    """Compute the mean over the seeds that have a value.

    Args:
        values: ``(S, ...)``, one entry per seed, NaN for none.

    Returns:
        ``(...)``; NaN where no seed has a value.
    """
    present = ~np.isnan(values)
    total = np.where(present, values, 0.0).sum(axis=0)
    number = present.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def average_accuracy_so_far(matrices: Array) -> Array:
    """Compute the average accuracy over the experiences seen so far: a_i = mean over j <= i of R[i, j].

    Args:
        matrices: ``(S, T, T)``, R of each seed.

    Returns:
        ``(S, T)``; NaN where a required entry was not evaluated.

    Example:
        >>> average_accuracy_so_far(np.array([[[0.9, np.nan], [0.5, 0.8]]]))
        array([[0.9 , 0.65]])
    """
    curves = [average_accuracy_curve(R) for R in matrices]
    return np.array(curves, dtype=np.float64).reshape(len(matrices), matrices.shape[1])
