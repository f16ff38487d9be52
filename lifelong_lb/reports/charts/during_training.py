"""Average accuracy during training, against iterations: within and across experiences, and its chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation import ContinualAccuracy, spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.panels import (
    INTERVALS,
    Look,
    by_rule,
    chart_names,
    file_name,
    mean_row,
    numbers,
    panelled,
    rounded,
    tooltip,
    vertical_intervals,
)
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.matrices import Array, Block, mean_over_seeds

Measurements = Mapping[str, Sequence[ContinualAccuracy]]
"""Accuracies measured during training, by rule, one item per seed."""
MOST_POSITIONS = 1200
"""Most positions of a line; beyond, the least and greatest means of neighbours are kept."""
_CAPTION = (
    "Accuracy on test images, measured during training, against training iterations; vertical lines mark the ends of "
    "experiences. First: mean over the experiences so far, each from its first measurement. Second: mean over the "
    "experiences learnt before the present one, from the last measurement before it; a drop with recovery is the "
    "stability gap. Lines are means over seeds; points at the ends of experiences "
    f"stand side by side; {INTERVALS}."
)
_STRETCH_NOTE = " Runs differ in iterations; each experience is stretched to its mean length over runs."
PANELS = ("experiences so far", "experiences learnt before")


@dataclass(frozen=True)
class Course:
    """Average accuracy of a rule while one experience is learnt.

    Attributes:
        experience: its number.
        iterations: ``(n,)``.
        means: ``(n,)``, means over seeds, fractions.
        at_end: one number per seed, after the last iteration.
    """

    experience: int
    iterations: Array
    means: Array
    at_end: list[float]


@dataclass(frozen=True)
class Courses:
    """Average accuracies of all rules of a block.

    Attributes:
        ends: iterations at which the experiences end, means over runs.
        parts: courses by rule, over the experiences so far, and, if there are several, over those learnt before.
        stretched: whether runs differ in iterations, so that each experience is stretched to its mean length.
    """

    ends: list[float]
    parts: list[dict[str, list[Course]]]
    stretched: bool


def measurements_of(results: Results, block: Block) -> dict[str, list[ContinualAccuracy]]:
    """Collect the accuracies measured during training of a block's runs.

    Args:
        results: results of a folder.
        block: one stream, strategy and base optimizer.

    Returns:
        Measurements by rule, in the order of the seeds; only rules with measurements.
    """
    runs = results.runs[(results.runs["stream"] == block.stream) & (results.runs["strategy"] == block.strategy)]
    runs = runs[runs["base_optimizer"] == block.base_optimizer].sort_values("seed")
    measurements: dict[str, list[ContinualAccuracy]] = {}
    for run, rule in zip(runs["run"], runs["rule"], strict=True):
        if run in results.during:
            measurements.setdefault(str(rule), []).append(results.during[run])
    return measurements


def _courses_of(measurements: Measurements, experiences: int) -> Courses:
    """Compute average accuracies at common iterations."""
    all_runs = [C for of_rule in measurements.values() for C in of_rule]
    parts = []
    for first in range(1 if experiences == 1 else 2):
        spans = [_Span(all_runs, i, before=first > 0) for i in range(first, experiences)]
        most = max(4, MOST_POSITIONS // experiences)
        parts.append({rule: [span.course(runs, most) for span in spans] for rule, runs in measurements.items()})
    ends = np.mean([C.boundaries for C in all_runs], axis=0).tolist()
    return Courses(ends, parts, any(not np.array_equal(C.boundaries, all_runs[0].boundaries) for C in all_runs))


class _Span:
    """Interval of the x axis that shows one experience, and the positions at which runs are compared."""

    def __init__(self, runs: Sequence[ContinualAccuracy], i: int, *, before: bool) -> None:
        self._i, self._before = i, before
        start, end = (np.mean([_start(C, k) for C in runs]) for k in (i, i + 1))
        self._measured = {C: self._measurements(C) for C in runs}
        self._positions = max((positions for positions, _ in self._measured.values()), key=len)
        self.x = start + self._positions * (end - start)

    def course(self, runs: Sequence[ContinualAccuracy], most: int) -> Course:
        """Means of some runs, at most so many positions."""
        values = np.stack([np.interp(self._positions, *self._measured[C]) for C in runs])
        means = mean_over_seeds(values)
        kept = extremes(means, most)
        return Course(self._i, self.x[kept], means[kept], values[:, -1].tolist())

    def _measurements(self, C: ContinualAccuracy) -> tuple[Array, Array]:
        """Relative positions in the experience at which a run was measured, and its average accuracies there."""
        start, end = _start(C, self._i), _start(C, self._i + 1)
        inside = (C.iterations > start) & (C.iterations <= end)
        if self._before:  # starting with the last measurement of the previous experience
            inside |= C.iterations == start
        experiences = self._i if self._before else self._i + 1
        return (C.iterations[inside] - start) / (end - start), C.accuracy[inside, :experiences].mean(axis=1)


def _start(C: ContinualAccuracy, i: int) -> int:
    return int(C.boundaries[i - 1]) if i else 0


def extremes(values: Array, most: int) -> NDArray[np.intp]:
    """Select positions of a long line such that no drop or peak is lost.

    Args:
        values: ``(n,)``.
        most: most positions, at least 4.

    Returns:
        Indices in ascending order: all if there are at most so many, else the first, the last, and the least and the
        greatest value of each of equal parts.
    """
    if len(values) <= most:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), (most - 2) // 2)
    found = [part[k] for part in parts for k in (np.argmin(values[part]), np.argmax(values[part]))]
    return np.unique([0, *found, len(values) - 1])


def during_training(block: Block, measurements: Measurements, looks: Mapping[str, Look]) -> Chart | None:
    """Chart average accuracy against training iterations.

    Args:
        block: one stream, strategy and base optimizer.
        measurements: accuracies by rule, from :func:`~lifelong_lb.reports.charts.during_training.measurements_of`.
        looks: looks by label of a rule.

    Returns:
        The chart; None without measurements.
    """
    if not measurements:
        return None
    found = _courses_of(measurements, block.experiences)
    names = chart_names([rule for rule in looks if rule in measurements], block.base_optimizer)
    shortest = min(end - start for start, end in pairwise([0.0, *found.ends]))
    gap, panels = min(0.006 * found.ends[-1], 0.5 * shortest / len(names)), PANELS[: len(found.parts)]
    rows: list[Row] = [{"panel": panel, "end": rounded(end)} for panel in panels for end in found.ends]
    for panel, part in zip(panels, found.parts, strict=True):
        for number, (label, name) in enumerate(names.items()):
            for course in part[label]:
                points = zip(course.iterations, course.means, strict=True)
                keys = {"panel": panel, "rule": name, "experience": course.experience}
                rows += [{**keys, "x": rounded(x), "y": rounded(100 * y, 4)} for x, y in points]
                x = course.iterations[-1] + (number - (len(names) - 1) / 2) * gap
                rows.append({**keys, "x": rounded(x), **mean_row(spread(course.at_end), 100, (0, 100))})
    rule = by_rule({names[label]: looks[label] for label in names})
    name = file_name("during-training", *block.key)
    where = f"{block.stream}, {display_name(block.strategy)}, {display_name(block.base_optimizer)}"
    layers = _layers(rule, found.ends[-1])
    grid = Grid(most=1, ratio=0.55, widest=80)
    return panelled(
        name,
        f"Accuracy during training: {where}",
        _CAPTION + _STRETCH_NOTE * found.stretched,
        panels,
        layers,
        rows,
        names=names.values(),
        grid=grid,
        shared=["x"],
    )


def _layers(rule: Mapping[str, Row], last: float) -> list[Row]:
    x = numbers("x", "training iterations", axis={"grid": False}, domain=[0, rounded(1.01 * last)], nice=False)
    y = numbers("y", "average accuracy, %")
    line = {"x": x, "y": y, "color": rule["color"], "detail": {"field": "experience"}}
    shown = tooltip(("rule", "rule"), ("y", "average accuracy, %"), ("low", "interval from"), ("high", "to"),
                    ("seeds", "seeds"))  # fmt: skip
    point = {"x": x, "y": y, "color": rule["color"], "shape": rule["shape"], "tooltip": shown}
    ends, at_end, during = "datum.end != null", "datum.seeds != null", "datum.y != null && datum.seeds == null"
    return [
        {
            "mark": {"type": "rule", "style": "quiet"},
            "encoding": {"x": {**x, "field": "end"}},
            "transform": [{"filter": ends}],
        },
        {
            "mark": {"type": "line", "style": "course"},
            "encoding": {**line, "strokeDash": rule["strokeDash"]},
            "transform": [{"filter": during}],
        },
        vertical_intervals(x, y, rule["color"]),
        {
            "mark": {"type": "point", "filled": True, "style": "dot", "opacity": 1},
            "encoding": point,
            "transform": [{"filter": at_end}],
        },
    ]
