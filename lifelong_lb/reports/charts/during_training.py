"""Average accuracy against training iterations."""

from collections.abc import Mapping
from itertools import pairwise

from lifelong_lb.evaluation import spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name
from lifelong_lb.reports.charts.looks import Look, by_rule
from lifelong_lb.reports.charts.panels import (
    INTERVALS,
    faceted,
    mean_row,
    numbers,
    rounded,
    tooltip,
    vertical_intervals,
)
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.during_training import Measurements, courses_of
from lifelong_lb.reports.statistics.matrices import Block

_CAPTION = (
    "Accuracy on test images, measured during training, against training iterations; vertical lines mark the ends of "
    "experiences. First: mean over the experiences so far, each from its first measurement. Second: mean over the "
    "experiences learnt before the present one, from the last measurement before it; a drop with recovery is the "
    "stability gap. Lines are means over seeds; points at the ends of experiences "
    f"stand side by side; {INTERVALS}."
)
_STRETCH_NOTE = " Runs differ in iterations; each experience is stretched to its mean length over runs."
PANELS = ("experiences so far", "experiences learnt before")


def during_training(block: Block, measurements: Measurements, looks: Mapping[str, Look]) -> Chart | None:
    """Chart average accuracy against training iterations.

    Args:
        block: one stream, strategy and base optimizer.
        measurements: accuracies by rule, from :func:`~lifelong_lb.reports.statistics.during_training.measurements_of`.
        looks: looks by label of a rule.

    Returns:
        The chart; None without measurements.
    """
    if not measurements:
        return None
    found = courses_of(measurements, block.experiences)
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
    name = file_name("during-training", block.stream, block.strategy, block.base_optimizer)
    where = f"{block.stream}, {display_name(block.strategy)}, {display_name(block.base_optimizer)}"
    layers = _layers(rule, found.ends[-1])
    grid = Grid(most=1, ratio=0.55, widest=80)
    return Chart(
        name,
        f"Accuracy during training: {where}",
        _CAPTION + _STRETCH_NOTE * found.stretched,
        faceted(name, panels, layers, names=names.values(), grid=grid, shared=["x"]),
        {name: rows},
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
