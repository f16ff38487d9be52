"""Figures of RESULTS.md and docs/results/: learning accuracy against forgetting."""

from pathlib import Path

import pandas as pd

from benchmarks.pages import lifelong, pretrained, published
from benchmarks.pages.markdown import BENCHMARKS, runs_of
from lifelong_lb.reports.charts.chart import Canvas, Chart, pages
from lifelong_lb.reports.charts.export import export
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.charts.points import trade_off

CANVAS = Canvas.paper(inches=9.5, points=10)
FOLDER = BENCHMARKS.parent / "docs" / "results" / "figures"


def published_rows() -> Chart | None:
    """Our rows and those of TAG's log, one panel per row."""
    ours, theirs = runs_of(published.LIFELONG / "published-rows"), pd.read_csv(published.LIFELONG / "tag.csv")
    runs = pd.concat([theirs.assign(rule="TAG's log"), ours.assign(rule="here")])
    runs["forgetting"] = runs["forgetting_last_row_included"]
    runs["seed"] = runs.groupby(["strategy", "rule"]).cumcount()
    runs["strategy"] = runs["strategy"].map(published.ROWS)
    return chart(runs)


def learning_and_forgetting() -> Chart | None:
    """Rules under fine-tuning and replay, at equal steps and equal gradients: the complete studies."""
    parts = [
        lifelong.with_lookbehind(study).assign(strategy=f"{strategy}, equal {budget}")
        for study, (strategy, budget) in lifelong.STUDIES.items()
        if lifelong.complete(study)
    ]
    if not parts:
        return None
    runs = pd.concat(parts)
    return chart(runs.assign(rule=runs["rule"].map(lifelong.title)))


def heads_on_features() -> Chart | None:
    """Rules on the head of a pretrained network."""
    return chart(runs_of(pretrained.FOLDER / pretrained.HEADS))


def chart(runs: pd.DataFrame) -> Chart | None:
    """Chart runs of one stream and base optimizer."""
    runs = runs.assign(stream="", base_optimizer="sgd")
    return trade_off(runs, looks(list(runs["rule"].unique())))


FIGURES = {
    "published-rows": published_rows,
    "learning-and-forgetting": learning_and_forgetting,
    "heads-on-features": heads_on_features,
}
"""Functions by name of a file, without its suffix."""


def figures() -> dict[Path, bytes]:
    """All figures as SVG, by path."""
    drawn = {name: draw() for name, draw in FIGURES.items()}
    return {FOLDER / f"{name}.svg": svg(one) for name, one in drawn.items() if one}


def svg(one: Chart) -> bytes:
    """Draw a chart on one sheet."""
    (sheet,) = pages(one, CANVAS)
    return export(sheet, CANVAS, "svg")
