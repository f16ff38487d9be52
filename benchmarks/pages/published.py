"""Our rows beside published ones, computed from results/lifelong/published-rows/ and results/published/."""

import pandas as pd

from benchmarks.pages.markdown import RESULTS, RULES, overlap, percent, runs_of, table
from lifelong_lb.evaluation.statistics import spread

LIFELONG = RESULTS / "lifelong"
ROWS = {"naive": "SGD", "er m 1": "ER, m 1", "er m 10": "ER, m 10", "ewc": "EWC, lambda 1", "a-gem m 1": "A-GEM, m 1"}
METRICS = {
    "average_accuracy": "average accuracy",
    "learning_accuracy": "learning accuracy",
    "forgetting_last_row_included": "forgetting",
}
TARGETS = RESULTS / "published" / "targets.csv"
TOLERANCE = 0.03
"""Largest distance of our mean from the value of ContinualAI's baselines that counts as reproduced."""


def lifelong_rows(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Format our runs and those of TAG's log, in percent.

    Args:
        ours: completed runs, as in ``results.csv``.
        theirs: one row per published run, with columns ``strategy`` and :data:`METRICS`.

    Returns:
        The lines of a table: mean ± sample standard deviation over seeds and 95 % t interval of the mean.
    """
    rows = []
    for strategy, row in ROWS.items():
        for metric, name in METRICS.items():
            a, b = (frame.loc[frame["strategy"] == strategy, metric].tolist() for frame in (theirs, ours))
            cells = (percent(values, interval=True) for values in (a, b))
            rows.append([row, name, *cells, str(len(b)), overlap(spread(a), spread(b))])
    return table(["row", "metric, %", "TAG's log (5 runs)", "here", "seeds", "intervals overlap"], rows)


def lifelong_verdicts(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Format the average accuracy of both sides, in percent, and how many metrics have intervals that overlap.

    Args:
        ours: as in :func:`lifelong_rows`.
        theirs: the same.

    Returns:
        The lines of a table.
    """
    rows = []
    for strategy, row in ROWS.items():
        sides = [frame[frame["strategy"] == strategy] for frame in (theirs, ours)]
        cells = (percent(side["average_accuracy"], interval=True) for side in sides)
        met = sum(overlap(*(spread(side[metric]) for side in sides)) == "yes" for metric in METRICS)
        rows.append([row, *cells, f"{met} of {len(METRICS)}"])
    header = ["row", "average accuracy in TAG's log, %", "here, %", "metrics whose intervals overlap"]
    return table(header, rows)


def strategy_rows(targets: pd.DataFrame) -> list[str]:
    """Format published numbers and our runs without an update rule.

    Args:
        targets: columns ``folder``, ``stream``, ``strategy`` and ``published``, which is empty for a control of ours.

    Returns:
        The lines of a table, in percent. A row is reproduced if the mean over seeds is within :data:`TOLERANCE`.
    """
    rows = []
    for row in targets.itertuples(index=False):
        runs = runs_of(RESULTS / "published" / row.folder)
        ours = runs.loc[runs["rule"] == "none", "average_accuracy"]
        known = not pd.isna(row.published)
        verdict = reproduced(ours.mean(), row.published) if known else ""
        here = ", ".join(f"{100 * value:.1f}" for value in ours)
        rows.append([
            row.stream,
            row.strategy,
            f"{100 * row.published:.0f}" if known else "",
            here,
            str(len(ours)),
            verdict,
        ])
    return table(["stream", "strategy", "published, %", "here, %", "seeds", "reproduced"], rows)


def with_rules(targets: pd.DataFrame) -> list[str]:
    """Format the same settings with rules.

    Args:
        targets: as in :func:`strategy_rows`.

    Returns:
        The lines of a table: average accuracy in percent, and forgetting in brackets.
    """
    rows = []
    for row in targets.dropna(subset="published").itertuples(index=False):
        runs = runs_of(RESULTS / "published" / row.folder)
        parts = [runs[runs["rule"] == rule] for rule in RULES]
        cells = [f"{percent(part['average_accuracy'])} ({percent([part['forgetting'].mean()])})" for part in parts]
        (seeds,) = {len(part) for part in parts}
        rows.append([row.stream, row.strategy, str(seeds), *cells])
    return table(["stream", "strategy", "seeds", *RULES.values()], rows)


def reproduced(ours: float, published: float) -> str:
    """Compare our mean with a published number: ``yes``, ``higher`` or ``lower``."""
    if abs(ours - published) <= TOLERANCE:
        return "yes"
    return "higher" if ours > published else "lower"


def tables() -> dict[str, list[str]]:
    """Tables by name."""
    ours, theirs = runs_of(LIFELONG / "published-rows"), pd.read_csv(LIFELONG / "tag.csv")
    targets = pd.read_csv(TARGETS)
    return {
        "published lifelong rows": lifelong_rows(ours, theirs),
        "published lifelong verdicts": lifelong_verdicts(ours, theirs),
        "published strategies": strategy_rows(targets),
        "published strategies with rules": with_rules(targets),
    }
