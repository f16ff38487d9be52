"""Rules over several streams: interquartile mean, mean and probability of improvement, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.evaluation import Estimate, aggregate_scores
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.summary import labels_of

_ESTIMATES = ("interquartile_mean", "mean", "improvement")
AGGREGATE_COLUMNS = [
    *("strategy", "rule", "base_optimizer", "baseline", "metric"),
    *("streams", "streams_left_out", "runs", "shared_runs", "fewest_seeds"),
    *(f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high")),
]
"""Columns of ``aggregate.csv``."""
FEW_SEEDS = 5
"""Seeds on each stream below which intervals are clearly too narrow."""


@dataclass(frozen=True)
class StreamScores:
    """Scores of the rules of one strategy and base optimizer on several streams.

    Attributes:
        strategy: label of the strategy.
        base_optimizer: label of the base optimizer.
        rules: labels of k >= 2 rules.
        scores: ``(n, k)`` by label of a stream, one row per seed; NaN for a missing run.
        left_out: rules without a value, by label of a stream that is left out for it.
    """

    strategy: str
    base_optimizer: str
    rules: Sequence[str]
    scores: Mapping[str, NDArray[np.float64]]
    left_out: Mapping[str, Sequence[str]]


def stream_scores(results: Results, metric: str) -> list[StreamScores]:
    """Collect the scores of rules on the streams on which each of them has one.

    Args:
        results: results of a folder; imported runs are left out, because their seeds are paired with none.
        metric: column of ``results.csv``.

    Returns:
        One item per strategy and base optimizer with at least two rules on at least two streams.
    """
    runs = results.without_imported().runs
    known = runs[(runs["status"] == "done") & runs[metric].notna()]
    order = {column: labels_of(results, column) for column in ("stream", "strategy", "rule", "base_optimizer")}
    found = []
    for strategy in order["strategy"]:
        for optimizer in order["base_optimizer"]:
            block = known[(known["strategy"] == strategy) & (known["base_optimizer"] == optimizer)]
            present = {stream: set(rules) for stream, rules in block.groupby("stream")["rule"]}
            rules = [rule for rule in order["rule"] if any(rule in found_there for found_there in present.values())]
            scores: dict[str, NDArray[np.float64]] = {}
            left_out: dict[str, list[str]] = {}
            for stream in order["stream"]:
                missing = [rule for rule in rules if rule not in present.get(stream, ())]
                if missing:
                    left_out[stream] = missing
                else:
                    by_seed = block[block["stream"] == stream].set_index(["seed", "rule"])[metric].unstack()
                    scores[stream] = by_seed[rules].to_numpy(dtype=np.float64)
            if len(rules) > 1 and len(scores) > 1:
                found.append(StreamScores(strategy, optimizer, rules, scores, left_out))
    return found


def aggregate_table(results: Results, compared: pd.DataFrame) -> pd.DataFrame:
    """Aggregate each rule over the streams of a study, within each strategy and base optimizer.

    Args:
        results: results of a folder.
        compared: from :func:`~lifelong_lb.reports.comparison_table`, which sets baseline and metrics.

    Returns:
        One row per metric, strategy, base optimizer and rule, columns :data:`AGGREGATE_COLUMNS`; see
        :class:`~lifelong_lb.evaluation.Aggregate`. Empty unless two rules have runs on two streams.
    """
    rows = []
    for baseline, metric in compared[["baseline", "metric"]].drop_duplicates().itertuples(index=False):
        for block in stream_scores(results, metric):
            base = block.rules.index(baseline) if baseline in block.rules else None
            better = KNOWN[metric].higher_is_better
            aggregates = aggregate_scores(list(block.scores.values()), base, higher_is_better=better)
            for rule, aggregate in zip(block.rules, aggregates, strict=True):
                row = [block.strategy, rule, block.base_optimizer, baseline, metric]
                row += [len(block.scores), len(block.left_out)]
                row += [aggregate.runs, aggregate.shared, aggregate.fewest]
                for name in _ESTIMATES:
                    estimate: Estimate = getattr(aggregate, name)
                    row += [estimate.value, estimate.low, estimate.high]
                rows.append(row)
    return pd.DataFrame(rows, columns=AGGREGATE_COLUMNS)


def left_out_streams(results: Results, metric: str) -> list[str]:
    """Name the streams that are left out because a rule has no value on them.

    Args:
        results: results of a folder.
        metric: column of ``results.csv``.

    Returns:
        One sentence per strategy and base optimizer with such a stream.
    """
    sentences = []
    for block in stream_scores(results, metric):
        streams = [
            f"{stream} ({', '.join(display_name(rule, block.base_optimizer) for rule in rules)})"
            for stream, rules in block.left_out.items()
        ]
        if streams:
            which = f"{display_name(block.strategy)}, {display_name(block.base_optimizer)}"
            sentences.append(f"{which}: streams on which a rule has no value are left out: {'; '.join(streams)}.")
    return sentences
