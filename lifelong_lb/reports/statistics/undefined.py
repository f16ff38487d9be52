"""Explanations of undefined metrics: for all runs, or for some of the seeds behind a mean."""

import numpy as np

from lifelong_lb.evaluation import CONTINUAL_METRICS, METRICS, REFERENCED, custom_metrics
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.summary import GROUP


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
