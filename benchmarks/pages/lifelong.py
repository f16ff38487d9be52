"""Learning and forgetting on Split-CIFAR-100, computed from results/lifelong/ and results/split-cifar100-online/."""

import re
from functools import cache
from typing import Any

import pandas as pd

from benchmarks.pages.markdown import METRICS, RESULTS, percent, runs_of, table
from lifelong_lb.config import expand, read_study
from lifelong_lb.evaluation import compare, holm
from lifelong_lb.reports.names import display_name

FOLDER = RESULTS / "lifelong"
STUDIES = {
    "naive-steps": ("fine-tuning", "steps"),
    "naive-gradients": ("fine-tuning", "gradients"),
    "er-steps": ("replay", "steps"),
    "er-gradients": ("replay", "gradients"),
}
"""Strategy and equal budget by study."""
RATES = "learning-rates"
FAMILIES = {"naive-steps": "1: equal steps", "naive-gradients": "2: equal gradients"}
COMPARED = ("forgetting", "learning_accuracy")
DIFFERENCE = ("Lookbehind-SAM minus", "metric", "seeds", "difference, points", "95 % interval")


def title(rule: str) -> str:
    """Name of a rule, with SGD as the base optimizer."""
    return "Lookbehind-SAM, adaptive α" if rule == "lookbehind-sam adaptive" else display_name(rule, "sgd")


def precision(runs: pd.DataFrame) -> list[str]:
    """Format the differences of bfloat16 and float32, in points.

    Args:
        runs: completed runs of the study ``precision``, as in ``results.csv``.

    Returns:
        The lines of a table.
    """
    rows = []
    for rule, part in runs.groupby("rule", sort=False):
        for metric in METRICS:
            both = 100 * part.pivot(index="seed", columns="stream", values=metric).sort_index()
            c = compare(both["bfloat16"].tolist(), both["float32"].tolist())
            seeds = ", ".join(f"{value:+.1f}" for value in both["bfloat16"] - both["float32"])
            ends = f"{c.difference:+.2f} [{c.low:+.1f}, {c.high:+.1f}]"
            rows.append([title(str(rule)), metric.replace("_", " "), seeds, ends])
    return table(["rule", "metric", "bfloat16 - float32, points, by seed", "mean and 95 % t interval"], rows)


def tuned_settings(study: str) -> list[str]:
    """Format the chosen settings of a study: the best trial of each rule."""
    trials = pd.read_csv(FOLDER / study / "trials.csv")
    best = trials.loc[trials.groupby("rule", sort=False)["average_accuracy"].idxmax()]
    rows = []
    for trial in best.itertuples():
        settings = dict(pair.split("=") for pair in trial.settings.split("; "))
        rho = settings.get(f"{trial.rule}.rho", "")
        rows.append([title(trial.rule), settings["sgd.lr"], rho, percent([trial.average_accuracy])])
    return table(["rule", "learning rate", "rho", "average accuracy of the trial, %"], rows)


def rules(study: str) -> list[str]:
    """Format the metrics of each rule in a study, in percent: mean ± sample standard deviation, and 95 % t interval.

    Diverged runs are left out, and the number of seeds shows it.
    """
    rows = []
    ended = pd.read_csv(FOLDER / study / "results.csv")["rule"].value_counts()
    for rule, part in with_lookbehind(study).groupby("rule", sort=False):
        done = str(len(part)) if len(part) == ended.get(rule, len(part)) else f"{len(part)} of {ended[rule]}"
        gradients = f"{part['gradient_evaluations'].median():,.0f}"
        cells = (percent(part[metric].tolist(), interval=True) for metric in METRICS)
        rows.append([title(str(rule)), gradients, done, *cells])
    return table(["rule", "gradients", "seeds", *METRICS.values()], rows)


def with_lookbehind(study: str) -> pd.DataFrame:
    """Completed runs of a study; at equal gradients also those of lookbehind-sam, which are runs of equal steps."""
    runs = runs_of(FOLDER / study)
    if STUDIES[study][1] == "steps":
        return runs
    steps = runs_of(FOLDER / study.replace("gradients", "steps"))
    return pd.concat([runs, steps[steps["rule"] == "lookbehind-sam"]])


def family(runs: pd.DataFrame) -> pd.DataFrame:
    """Compute the four comparisons that a study fixes beforehand, corrected together.

    Args:
        runs: completed runs of ``none``, ``sam`` and ``lookbehind-sam``, as in ``results.csv``.

    Returns:
        Baseline, metric, pairs, mean difference (lookbehind-sam minus baseline), interval, p, and p after Holm.
    """
    rows = []
    for baseline in ("none", "sam"):
        for metric in COMPARED:
            a, b = (runs[runs["rule"] == rule].set_index("seed")[metric] for rule in ("lookbehind-sam", baseline))
            seeds = a.index.intersection(b.index)
            c = compare(a[seeds].tolist(), b[seeds].tolist())
            rows.append((baseline, metric, c.pairs, c.difference, c.low, c.high, c.p))
    comparisons = pd.DataFrame(rows, columns=["baseline", "metric", "pairs", "difference", "low", "high", "p"])
    return comparisons.assign(p_holm=holm(comparisons["p"].tolist()))


def families() -> list[str]:
    """Format the families of the studies that are complete, in points: nothing is tested before."""
    rows = []
    for study, name in FAMILIES.items():
        if complete(study):
            for c in family(with_lookbehind(study)).itertuples():
                rows.append([name, *difference(c), f"{c.p:.4f}", f"{c.p_holm:.3f}"])
    return table(["family", *DIFFERENCE, "p", "p, Holm"], rows)


def intervals() -> list[str]:
    """Format the same differences with replay, in points, without tests: their seeds are too few."""
    rows = []
    for study, (strategy, budget) in STUDIES.items():
        if strategy == "replay" and complete(study):
            rows.extend([f"equal {budget}", *difference(c)] for c in family(with_lookbehind(study)).itertuples())
    return table(["budget", *DIFFERENCE], rows)


def difference(c: Any) -> list[str]:
    """Format a row of :func:`family`, a comparison, as the cells below :data:`DIFFERENCE`."""
    ends = f"{100 * c.low:+.1f} to {100 * c.high:+.1f}"
    return [title(c.baseline), c.metric.replace("_", " "), str(c.pairs), f"{100 * c.difference:+.1f}", ends]


@cache
def complete(study: str) -> bool:
    """Whether all runs of a study, and of the one with lookbehind-sam beside it, have ended."""
    needed = [FOLDER / name for name in {study, study.replace("gradients", "steps")}]
    return all(
        folder.exists() and len(pd.read_csv(folder / "results.csv")) == len(expand(read_study(folder / "chosen.yaml")))
        for folder in needed
    )


def learning_rates(runs: pd.DataFrame) -> list[str]:
    """Format rules with several learning rates, in percent: mean ± sample standard deviation over seeds.

    Args:
        runs: completed runs of the study ``learning-rates``, as in ``results.csv``.

    Returns:
        The lines of a table.
    """
    rows = []
    for (rule, optimizer), part in runs.groupby(["rule", "base_optimizer"], sort=False):
        rate = re.fullmatch(r"sgd\(lr=(.+)\)", optimizer)
        cells = (percent(part[metric].tolist()) for metric in METRICS)
        rows.append([title(rule), rate[1], str(len(part)), *cells])
    return table(["rule", "learning rate", "seeds", *METRICS.values()], rows)


def untuned(runs: pd.DataFrame) -> list[str]:
    """Format the study of three seeds without tuning, in percent."""
    rows = []
    for rule, part in runs.groupby("rule", sort=False):
        cells = (percent(part[metric].tolist(), interval=True) for metric in METRICS)
        rows.append([title(str(rule)), f"{part['gradient_evaluations'].iloc[0]:,.0f}", *cells])
    return table(["rule", "gradients", *METRICS.values()], rows)


def tables() -> dict[str, list[str]]:
    """Tables by name; those of studies without runs are left out."""
    begun = [study for study in STUDIES if (FOLDER / study).exists()]
    return {
        "bfloat16": precision(runs_of(FOLDER / "precision")),
        **{f"settings of {study}": tuned_settings(study) for study in begun},
        **{f"rules in {study}": rules(study) for study in begun if complete(study)},
        **({"families": families()} if any(map(complete, FAMILIES)) else {}),
        **({"differences with replay": intervals()} if complete("er-steps") else {}),
        **({"learning rates": learning_rates(runs_of(FOLDER / RATES))} if (FOLDER / RATES).exists() else {}),
        "untuned": untuned(runs_of(RESULTS / "split-cifar100-online")),
    }
