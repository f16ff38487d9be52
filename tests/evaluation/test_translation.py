"""The table of docs/understand/metrics.md that translates metrics of other codes; every row is checked."""

import re
from pathlib import Path

import numpy as np
import pytest
from avalanche.evaluation.metrics.forgetting_bwt import BWT, Forgetting
from avalanche.evaluation.metrics.forward_transfer import ForwardTransfer

import lifelong_lb.evaluation as evaluation
from lifelong_lb.evaluation import CONTINUAL_METRICS, METRICS, REFERENCED

TEXT = (Path(__file__).parents[2] / "docs" / "understand" / "metrics.md").read_text(encoding="utf-8")
R = np.array([[0.90, 0.20, 0.15, 0.10], [0.60, 0.80, 0.25, 0.30], [0.70, 0.50, 0.95, 0.35], [0.75, 0.85, 0.40, 0.65]])
B = np.array([0.10, 0.12, 0.08, 0.11])
T = len(R)


def first_and_last(metric):
    """Update Avalanche's metric as its plugin does if the test stream is evaluated at the end."""
    for j in range(T):
        metric.update(j, R[j, j], initial=True)
    for j in range(T - 1):
        metric.update(j, R[-1, j])
    return np.mean(list(metric.result().values()))


def avalanche_forward():
    metric = ForwardTransfer()
    for j in range(T):
        metric.update(j, B[j], initial=True)
        if j:
            metric.update(j, R[j - 1, j])
    return np.mean(list(metric.result().values()))


def mammoth_forgetting():
    padded = [[100 * R[i, j] if j <= i else 0.0 for j in range(T)] for i in range(T)]
    best = [max(row[j] for row in padded) for j in range(T)]
    return sum(best[j] - padded[-1][j] for j in range(T - 1)) / (T - 1)


def mammoth_backward():
    return sum(100 * R[T - 1, j] - 100 * R[j, j] for j in range(T - 1)) / (T - 1)


def mammoth_forward():
    return sum(100 * R[j - 1, j] - 100 * B[j] for j in range(1, T)) / (T - 1)


def gem_backward():
    return sum(R[T - 1, j] - R[j, j] for j in range(T)) / T  # includes the last experience, with value 0


def gem_forward():
    return sum([0.0, *(R[j - 1, j] - B[j] for j in range(1, T))]) / T  # includes the first experience, with value 0


def tag(part):
    histories = {j: [100 * R[i, j] if i >= j else 0.0 for i in range(T)] for j in range(T)}
    return {
        "average accuracy": np.mean([histories[j][-1] for j in range(T)]),
        "forget": np.mean([max(histories[j]) - histories[j][-1] for j in range(T - 1)]) / 100,
        "learning accuracy": np.mean([histories[j][j] for j in range(T)]),
    }[part]


PRINTED = {
    ("Avalanche 0.6", "`StreamForgetting`"): first_and_last(Forgetting()),
    ("Avalanche 0.6", "`StreamBWT`"): first_and_last(BWT()),
    ("Avalanche 0.6", "`StreamForwardTransfer`"): avalanche_forward(),
    ("Mammoth", "`forgetting`"): mammoth_forgetting(),
    ("Mammoth", "`backward_transfer`"): mammoth_backward(),
    ("Mammoth", "`forward_transfer`"): mammoth_forward(),
    ("GEM's code", "`Final Accuracy`"): R[-1].mean(),
    ("GEM's code", "`Backward`"): gem_backward(),
    ("GEM's code", "`Forward`"): gem_forward(),
    ("TAG's code", "`average accuracy`"): tag("average accuracy"),
    ("TAG's code", "`forget`"): tag("forget"),
    ("TAG's code", "`learning accuracy`"): tag("learning accuracy"),
}
"""Values that the codes print for R, from their formulas (for Avalanche, from its metric classes)."""


def rows(heading):
    section = TEXT.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_variant_has_a_row():
    assert [(code, printed) for code, printed, *_ in rows("## What other codes print")] == list(PRINTED)


@pytest.mark.parametrize(("code", "printed", "here"), [(r[0], r[1], r[3]) for r in rows("## What other codes print")])
def test_the_translation_gives_the_same_value(code, printed, here):
    names = {name: getattr(evaluation, name) for name in evaluation.__all__}
    value = eval(here.strip("`"), {**names, "R": R, "T": T, "b": B})  # an expression from our own docs
    assert value == pytest.approx(PRINTED[code, printed], rel=1e-12)


def test_the_variants_differ_for_this_matrix():
    values = {name: round(metric.function(R), 9) for name, metric in METRICS.items()}
    del values["forgetting_first_minus_last"]
    assert len(set(values.values())) == len(values)


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("## From the accuracy matrix", {**METRICS, **REFERENCED}),
        ("## From accuracies measured during training", CONTINUAL_METRICS),
    ],
)
def test_the_tables_of_metrics_match_the_code(heading, known):
    expected = [
        [f"`{name}`", metric.formula, metric.paper, "higher" if metric.higher_is_better else "lower"]
        for name, metric in known.items()
    ]
    link = r"\[arXiv ([\d.]+)\]\(https://arxiv.org/abs/\1\)"
    assert [[re.sub(link, r"arXiv \1", cell) for cell in row] for row in rows(heading)] == expected
