"""Paired comparisons of each rule with a baseline rule, seed by seed, and the arguments of comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from os import PathLike

import pandas as pd
from pandas.api.types import is_numeric_dtype

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS, Comparison, compare, comparisons_verdict, holm
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.results.collect import RESULT_COLUMNS, Results
from lifelong_lb.reports.results.merge_folders import load_results
from lifelong_lb.reports.results.stored_tables import KEYS
from lifelong_lb.reports.statistics.summary import GROUP, labels_of, planned_runs

Folder = str | PathLike[str]
Runs = pd.DataFrame | tuple[pd.DataFrame, pd.DataFrame] | Folder | Sequence[Folder]
"""The frame of runs, both frames of :func:`~lifelong_lb.load_results`, or result folders."""
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
"""Columns of ``comparisons.csv``."""


def frame_of(results: Runs) -> pd.DataFrame:
    """Return the frame of runs that an argument denotes.

    Args:
        results: a frame of runs, both frames of :func:`~lifelong_lb.load_results`, or one or several folders.

    Returns:
        The frame, with labels as text.

    Raises:
        UserError: if a column is missing.
    """
    if isinstance(results, pd.DataFrame):
        frame = results
    elif isinstance(results, tuple) and results and isinstance(results[0], pd.DataFrame):
        frame = results[0]
    else:
        frame = load_results(results)[0]  # type: ignore[arg-type]
    for column in (*GROUP, "seed", "status"):
        if column not in frame:
            raise UserError(f"results must have one row per run, as from load_results; column {column!r} is missing")
    return frame.assign(**{column: frame[column].astype(str) for column in GROUP}).reset_index(drop=True)


def grid_columns(runs: pd.DataFrame) -> list[str]:
    """List the columns that identify a run apart from its seed: the grid columns and columns added by the user.

    Args:
        runs: one row per run.

    Returns:
        Column names.
    """
    return [*GROUP, *(str(c) for c in runs if c not in RESULT_COLUMNS and c not in KNOWN)]


def check_metric(runs: pd.DataFrame, metric: str) -> None:
    """Check that a metric is a column of numbers.

    Args:
        runs: one row per run.
        metric: name of the metric.

    Raises:
        UserError: if there is no such column.
    """
    known = [str(column) for column in runs if column not in KEYS and is_numeric_dtype(runs[column])]
    if metric not in known:
        raise UserError(unknown_name("metric", metric, known))


def check_test(test: str) -> None:
    """Check the name of a paired test.

    Args:
        test: name of the test.

    Raises:
        UserError: for an unknown test.
    """
    if test not in TESTS:
        raise UserError(unknown_name("test", test, TESTS))


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
    check_test(test)
    base = baseline or ("none" if "none" in rules else rules[0] if rules else "")
    done = results.runs[results.runs["status"] == "done"]
    groups = {tuple(map(str, key)): frame for key, frame in done[[*GROUP, "seed", *wanted]].groupby(GROUP, sort=False)}
    rows = []
    planned = planned_runs(results)
    for metric in wanted:
        by_seed = {
            key: dict(zip(group["seed"].tolist(), group[metric].tolist(), strict=True)) for key, group in groups.items()
        }
        for key in planned:
            stream, strategy, rule, optimizer = key
            if rule != base:
                other = by_seed.get((stream, strategy, base, optimizer), {})
                comparison = _compare(by_seed.get(key, {}), other, test)
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


def _compare(values: Mapping[int, float], baseline: Mapping[int, float], test: str) -> Comparison:
    seeds = [seed for seed in values if seed in baseline]
    return _compared(tuple(float(values[seed]) for seed in seeds), tuple(float(baseline[seed]) for seed in seeds), test)


@lru_cache(maxsize=2**12)
def _compared(a: tuple[float, ...], b: tuple[float, ...], test: str) -> Comparison:
    """Cached because a report and what the command line prints of it contain the same comparisons."""
    return compare(a, b, test=test)


def _checked(results: Results, metrics: Sequence[str] | None) -> list[str]:
    known = [name for name in KNOWN if name in results.runs]
    wanted = list(dict.fromkeys(COMPARED if metrics is None else metrics))
    for name in wanted:
        if name not in known:
            raise UserError(unknown_name("metric", name, known))
    return wanted
