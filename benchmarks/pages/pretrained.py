"""Heads and parts of pretrained networks, computed from results/pretrained/."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.pages.markdown import METRICS, RESULTS, percent, runs_of, table
from lifelong_lb.reports.names import display_name

FOLDER = RESULTS / "pretrained"
HEADS, REFERENCES, PARTS = (
    "split-cifar100-efficientnet-lite0",
    "split-cifar100-closed-form",
    "parts-of-efficientnet-lite0",
)


def means(folders: Sequence[str], keys: tuple[str, ...], results: Path = FOLDER) -> list[str]:
    """Format mean ± sample standard deviation over seeds, in percent.

    Args:
        folders: result folders, one after the other.
        keys: columns that distinguish the rows.
        results: folder of the result folders.

    Returns:
        The lines of a table, in the order of the runs. No deviation for a single seed; ``-`` for a strategy that takes
        no gradient and so has no rule.
    """
    runs = pd.concat([runs_of(results / folder) for folder in folders])
    rows = []
    for labels, group in runs.groupby(list(keys), sort=False):
        optimized = (group["gradient_evaluations"] > 0).all()
        names = [
            display_name(label, "sgd") if optimized or key != "rule" else "-"
            for key, label in zip(keys, labels, strict=True)
        ]
        rows.append([*names, str(len(group)), *(percent(group[metric].tolist()) for metric in METRICS)])
    return table([*keys, "seeds", *METRICS.values()], rows)


def differences(folder: str, results: Path = FOLDER) -> list[str]:
    """Format the differences of average accuracy from the rule ``none``, in points.

    Args:
        folder: result folder.
        results: folder of the result folders.

    Returns:
        The lines of a table; p-values as in the report, corrected by Holm's method over all rows.
    """
    comparisons = pd.read_csv(results / folder / "comparisons.csv")
    comparisons = comparisons[(comparisons["metric"] == "average_accuracy") & (comparisons["baseline"] == "none")]
    rows = []
    for each in comparisons.itertuples():
        ends = f"{100 * each.ci_low:+.2f} to {100 * each.ci_high:+.2f}"
        difference = f"{100 * each.difference_mean:+.2f}"
        rows.append([
            display_name(each.strategy),
            display_name(each.rule),
            str(each.pairs),
            difference,
            ends,
            f"{each.p:.3f}",
            f"{each.p_holm:.3f}",
        ])
    return table(
        ["strategy", "rule minus plain SGD", "seeds", "difference, points", "95 % interval", "p", "p, Holm"], rows
    )


def tables() -> dict[str, list[str]]:
    """Tables by name."""
    return {
        "heads on features": means([HEADS, REFERENCES], ("strategy", "rule")),
        "differences of heads on features": differences(HEADS),
        "trained parts": means([PARTS], ("stream", "rule")),
    }
