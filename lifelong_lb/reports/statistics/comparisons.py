"""Paired comparisons of each rule with a baseline rule, seed by seed."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS, Comparison, compare, comparisons_verdict, holm
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.summary import GROUP, labels_of, planned_runs

COMPARED = ("average_accuracy", "learning_accuracy", "forgetting")
"""Metrics compared by default."""

_STATISTICS = {
    "pairs": "pairs",
    "difference": "difference_mean",
    "std": "difference_std",
    "low": "ci_low",
    "high": "ci_high",
    "bootstrap_low": "bootstrap_low",
    "bootstrap_high": "bootstrap_high",
    "larger": "larger",
    "equal": "equal",
    "p": "p",
    "cohen_dz": "cohen_dz",
    "cliff_delta": "cliff_delta",
}
"""Attribute of a comparison to its column."""

COMPARISON_COLUMNS = [
    *GROUP,
    "baseline",
    "metric",
    *_STATISTICS.values(),
    "p_holm",
    "family",
]


def comparison_table(
    results: Results, baseline: str | None = None, metrics: Sequence[str] | None = None, test: str = "sign-flip"
) -> pd.DataFrame:
    """Compare each rule with a baseline, within each stream, strategy and base optimizer.

    Args:
        results: results of a folder.
        baseline: label of a rule; None for the rule ``none``, or the first rule if there is no ``none``.
        metrics: columns of ``results.csv`` to compare; None for :data:`COMPARED`.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        One row per comparison, columns :data:`COMPARISON_COLUMNS`: ``pairs``, the number of seeds under which both
        rules have a value; the statistics of :class:`~lifelong_lb.evaluation.Comparison`, where differences are the
        rule's value minus the baseline's; ``p_holm``, corrected for the ``family`` comparisons of the metric that have
        a p-value. Imported runs are left out.

    Raises:
        UserError: for an unknown rule, metric or test.
    """
    results = results.without_imported()
    rules = labels_of(results, "rule")
    wanted = _checked(results, metrics)
    if baseline is not None and baseline not in rules:
        raise UserError(unknown_name("rule to compare with", baseline, rules))
    if test not in TESTS:
        raise UserError(unknown_name("test", test, TESTS))
    base = baseline or ("none" if "none" in rules else rules[0] if rules else "")
    done = results.runs[results.runs["status"] == "done"]
    frames = {tuple(map(str, key)): frame.set_index("seed") for key, frame in done.groupby(GROUP, sort=False)}
    empty = done.iloc[:0].set_index("seed")
    rows = []
    for metric in wanted:
        for key in planned_runs(results):
            stream, strategy, rule, optimizer = key
            if rule != base:
                other = frames.get((stream, strategy, base, optimizer), empty)
                comparison = _compare(frames.get(key, empty)[metric], other[metric], test)
                values = {_STATISTICS[name]: value for name, value in asdict(comparison).items()}
                rows.append({**dict(zip(GROUP, key, strict=True)), "baseline": base, "metric": metric, **values})
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    for metric in wanted:
        of_metric = table["metric"] == metric
        table.loc[of_metric, "p_holm"] = holm(table.loc[of_metric, "p"].astype(float).tolist())
        table.loc[of_metric, "family"] = int(table.loc[of_metric, "p"].notna().sum())
    return table


def verdict_on(table: pd.DataFrame) -> str:
    """State which conclusions the seeds behind the comparisons of one metric allow.

    Args:
        table: rows of one metric.

    Returns:
        One sentence; empty if no pair of runs is done.
    """
    pairs = table.loc[table["pairs"] > 0, "pairs"]
    return comparisons_verdict(int(pairs.max()), int(table["family"].max())) if len(pairs) else ""


def _compare(values: "pd.Series[float]", baseline: "pd.Series[float]", test: str) -> Comparison:
    seeds = [seed for seed in values.index if seed in baseline.index]
    return compare([float(values[seed]) for seed in seeds], [float(baseline[seed]) for seed in seeds], test=test)


def _checked(results: Results, metrics: Sequence[str] | None) -> list[str]:
    known = [name for name in KNOWN if name in results.runs]
    wanted = list(dict.fromkeys(COMPARED if metrics is None else metrics))
    for name in wanted:
        if name not in known:
            raise UserError(unknown_name("metric", name, known))
    return wanted
