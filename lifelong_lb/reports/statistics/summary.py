"""The summary over seeds: unrounded numbers, one row per combination of the study."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd

from lifelong_lb.config import AXES, axis_labels
from lifelong_lb.evaluation import (
    CONTINUAL_METRICS,
    METRICS,
    REFERENCED,
    bootstrap_intervals,
    custom_metrics,
    seeds_verdict,
    spread,
)
from lifelong_lb.reports.definitions import COSTS, KNOWN
from lifelong_lb.reports.names import plural
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.store import COLUMNS, STATUSES

GROUP = ["stream", "strategy", "rule", "base_optimizer"]
"""Columns that identify the combination of a summary row; its runs differ only in the seed."""
HEADINGS = {"base_optimizer": "base optimizer"}
"""Names of these columns in texts, where they differ."""
STATISTICS = ["mean", "std", "ci_low", "ci_high", "bootstrap_low", "bootstrap_high"]
SUMMARY_COLUMNS = [
    *GROUP,
    "seeds",
    "not_done",
    *(f"{metric}_{statistic}" for metric in (*METRICS, *REFERENCED) for statistic in STATISTICS),
    *COSTS,
]
"""Columns of the summary. Statistics of custom metrics follow, then those of
:data:`~lifelong_lb.evaluation.CONTINUAL_METRICS` if the study measures accuracies during training."""

Key = tuple[str, ...]


def summary_table(results: Results) -> pd.DataFrame:
    """Summarise the done runs of each combination of stream, strategy, rule and base optimizer.

    Args:
        results: results of a folder.

    Returns:
        One row per combination, in the order of the study, columns :data:`SUMMARY_COLUMNS`: the numbers of done runs
        (``seeds``) and of others (``not_done``); the mean, the sample standard deviation and 95 % intervals of the mean
        (Student's t and bootstrap) of each metric over seeds; the mean costs of a done run. NaN if undefined.
    """
    done = results.runs[results.runs["status"] == "done"]
    frames = {tuple(map(str, key)): frame for key, frame in done.groupby(GROUP, sort=False)}
    extra_metrics = [metric for metric in (*custom_metrics(), *CONTINUAL_METRICS) if metric in done]
    metrics, rows = [*METRICS, *REFERENCED, *extra_metrics], []
    for key, planned in planned_runs(results).items():
        frame = frames.get(key, done.iloc[:0])
        row: dict[str, object] = {**dict(zip(GROUP, key, strict=True)), "seeds": len(frame)}
        row["not_done"] = planned - len(frame)
        values = frame[metrics].to_numpy(dtype=float)
        for metric, column, ends in zip(metrics, values.T, bootstrap_intervals(values).T, strict=True):
            s = spread(column.tolist())
            names = (f"{metric}_{statistic}" for statistic in STATISTICS)
            row |= zip(names, (s.mean, s.std, s.low, s.high, *ends), strict=True)
        row |= {cost: spread([float(value) for value in frame[cost]]).mean for cost in COSTS}
        rows.append(row)
    extra_columns = [f"{metric}_{statistic}" for metric in extra_metrics for statistic in STATISTICS]
    return pd.DataFrame(rows, columns=[*SUMMARY_COLUMNS, *extra_columns])


def planned_runs(results: Results) -> dict[Key, int]:
    """Count the planned runs of each combination.

    Args:
        results: results of a folder.

    Returns:
        ``(stream, strategy, rule, base_optimizer)`` to number of runs, in the order of the study.
    """
    ended = (tuple(map(str, key)) for key in results.runs[GROUP].itertuples(index=False))
    if results.study is None:
        counts = Counter(ended)
    else:
        counts = Counter(tuple(label[column] for column in GROUP) for label in results.study.labels().values())
        for key in ended:
            counts.setdefault(key, 1)
    orders = [{label: i for i, label in enumerate(labels_of(results, column))} for column in GROUP]
    return dict(sorted(counts.items(), key=lambda item: [o[k] for o, k in zip(orders, item[0], strict=True)]))


def labels_of(results: Results, column: str) -> list[str]:
    """List the labels of one grid axis.

    Args:
        results: results of a folder.
        column: stream, strategy, rule or base_optimizer.

    Returns:
        Labels in the order of the study; without a study, in the order of the table.
    """
    labels = list(map(str, results.runs[column]))
    if results.study is not None:
        axis = next(axis for axis in AXES if COLUMNS[axis] == column)
        labels = axis_labels(getattr(results.study.study, axis)) + labels
    return list(dict.fromkeys(labels))


def shared_seeds(results: Results) -> int:
    """Count the seeds that the compared rules have in common.

    Args:
        results: results of a folder.

    Returns:
        The minimum over all (stream, strategy, base optimizer); rules without a done run are ignored.
    """
    done = results.runs[results.runs["status"] == "done"]
    numbers = [
        len(set.intersection(*(set(seeds) for _, seeds in block.groupby("rule")["seed"])))
        for _, block in done.groupby(["stream", "strategy", "base_optimizer"])
    ]
    return min(numbers, default=0)


def verdict(results: Results) -> str:
    """State which conclusions the number of seeds allows.

    Args:
        results: results of a folder.

    Returns:
        One or two sentences; imported runs are ignored.
    """
    results = results.without_imported()
    done = results.runs[results.runs["status"] == "done"]
    if done.empty:
        return "No run is done yet, so there is nothing to compare."
    seeds = shared_seeds(results)
    if seeds == 0:
        return "The rules have no seed in common, so they cannot be compared pair by pair."
    most = int(done.groupby(GROUP).size().max())
    rules = done.groupby(["stream", "strategy", "base_optimizer"])["rule"].nunique()
    comparisons = max(1, int((rules - 1).sum()))  # all rules of a block with its baseline, as in comparison_table
    return seeds_verdict(seeds, comparisons) + (f" Some rules share only these {seeds}." if seeds < most else "")


def status_counts(results: Results) -> dict[str, int]:
    """Count runs by status.

    Args:
        results: results of a folder.

    Returns:
        Number of runs by status: always ``done``; if they occur, the other statuses, ``left out`` (unusable runs) and
        ``not run yet``. Imported runs are not counted.
    """
    results = results.without_imported()
    by_status = Counter(map(str, results.runs["status"]))
    counts = {status: by_status[status] for status in STATUSES if by_status[status] or status == "done"}
    others = {"left out": len(results.left_out), "not run yet": results.missing - len(results.left_out)}
    return counts | {words: number for words, number in others.items() if number}


def state_sentence(results: Results) -> str:
    """State how many runs are done, and the status of the others.

    Args:
        results: results of a folder.

    Returns:
        One sentence.
    """
    counts = status_counts(results)
    total = sum(counts.values())
    others = ", ".join(f"{number} {status}" for status, number in counts.items() if status != "done")
    return f"{counts['done']} of {total} {plural('run', total)} done" + (f" ({others})." if others else ".")


def varying(summary: pd.DataFrame, keep: Iterable[str] = ("rule",)) -> list[str]:
    """List the grouping columns in which rows differ.

    Args:
        summary: from :func:`summary_table`, or rows of it.
        keep: columns to include even if they are constant.

    Returns:
        A subset of :data:`GROUP`.
    """
    always = set(keep)
    return [column for column in GROUP if column in always or summary[column].nunique() > 1]


def undefined_reason(results: Results, metric: str) -> str:
    """Explain why no done run has a value of a metric.

    Args:
        results: results of the runs.
        metric: a column of ``results.csv``.

    Returns:
        One sentence; empty if a run has a value, or no run is done.
    """
    done = results.runs[results.runs["status"] == "done"]
    if done.empty or metric not in done or done[metric].notna().any():
        return ""
    return f"No run has a value: {_reason(results, metric, list(map(str, done['run'])))}."


def partly_undefined(results: Results) -> list[str]:
    """Report means over only some of the seeds, because the metric is undefined for the others.

    Args:
        results: results of the runs.

    Returns:
        One sentence per metric, stream, strategy, rule and base optimizer.
    """
    done = results.runs[results.runs["status"] == "done"]
    metrics = [name for name in (*METRICS, *REFERENCED, *custom_metrics(), *CONTINUAL_METRICS) if name in done]
    groups = done.groupby(GROUP, sort=False)
    counts, sizes = groups[metrics].count(), groups.size()
    partly = (counts > 0) & counts.lt(sizes, axis=0)
    sentences = []
    for place, column in zip(*np.nonzero(partly.to_numpy()), strict=True):
        key, metric = partly.index[place], str(metrics[column])
        rows = groups.get_group(key)
        undefined = rows.loc[rows[metric].isna(), "run"]
        sentences.append(
            f"{', '.join(map(str, key))}: the mean of {KNOWN[metric].title} is over {len(rows) - len(undefined)} of "
            f"{len(rows)} seeds, it is undefined for the others ({_reason(results, metric, [str(undefined.iloc[0])])})"
        )
    return sentences


def _reason(results: Results, metric: str, runs: list[str]) -> str:
    if metric in CONTINUAL_METRICS:
        return f"{KNOWN[metric].title} needs accuracies measured during training, and several experiences"
    reasons = (results.reasons.get(run, {}).get(metric) for run in runs)
    return next(filter(None, reasons), f"{KNOWN[metric].title} is undefined")
