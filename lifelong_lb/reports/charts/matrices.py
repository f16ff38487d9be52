"""Charts of accuracy matrices: average accuracy so far, single experiences, and matrices of rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from lifelong_lb.evaluation import spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.panels import (
    INTERVALS,
    Look,
    by_rule,
    chart_names,
    courses,
    dodged,
    file_name,
    mean_row,
    numbers,
    panelled,
    short,
    tooltip,
)
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.matrices import Array, Block, average_accuracy_so_far, mean_over_seeds

_CAPTION = (
    "Average accuracy over the experiences seen so far: after experience i (from 0), the mean over j <= i of R[i, j]; "
    "its last value is the average accuracy. One panel per strategy, each with a separate axis. Points are means "
    f"over seeds, side by side for each experience; {INTERVALS}."
)
MOST_PANELS = 6
MAX_ANNOTATED = 10
"""Maximum number of rows with numbers in the cells."""
_MOST_LABELS = 10
_STEP = 0.05
"""The colour scale begins and ends at multiples of this."""
_COLOURS = ["#f7fbff", "#d6e6f4", "#abd0e6", "#6aaed6", "#3787c0", "#105ba4", "#08306b"]
"""Blues from light to dark."""


def averages(blocks: Sequence[Block], looks: Mapping[str, Look]) -> Chart | None:
    """Chart the average accuracy over the experiences seen so far, one panel per strategy.

    Args:
        blocks: one stream and base optimizer, one block per strategy.
        looks: looks by label of a rule.

    Returns:
        The chart; None if only the last row of the matrices was evaluated in full.
    """
    stream, optimizer = blocks[0].stream, blocks[0].base_optimizer
    names = chart_names([rule for rule in looks if any(rule in block.matrices for block in blocks)], optimizer)
    panels = chart_names(block.strategy for block in blocks)
    rows: list[Row] = []
    for block in blocks:
        for label, stack in block.matrices.items():
            values = average_accuracy_so_far(stack)
            rows += _course_rows(values, {"panel": panels[block.strategy], "rule": names[label]}, list(names.values()))
    if len({row["experience"] for row in rows}) < 2:
        return None
    name = file_name("average-accuracy", stream, optimizer)
    rule = by_rule({names[label]: looks[label] for label in names})
    return panelled(
        name,
        f"Average accuracy so far: {stream}, {display_name(optimizer)}",
        _CAPTION,
        panels.values(),
        _course_layers(max(block.experiences for block in blocks), "average accuracy, %", rule),
        rows,
        names=names.values(),
    )


def _course_rows(values: Array, keys: Row, rules: Sequence[str]) -> list[Row]:
    """Means over seeds after each experience, in percent."""
    rows: list[Row] = []
    for i in np.flatnonzero(~np.isnan(values).all(axis=0)):
        mean = mean_row(spread(values[:, i].tolist()), 100, (0, 100))
        x = dodged(float(i), rules.index(keys["rule"]), len(rules))
        rows.append({**keys, "experience": int(i), "x": x, **mean})
    return rows


def _course_layers(experiences: int, title: str, rule: Mapping[str, Row]) -> list[Row]:
    """Draw the rows of :func:`_course_rows`."""
    step = -(-experiences // 10)
    axis = {"values": list(range(0, experiences, step)), "format": "d", "grid": False}
    x = numbers("x", "after training on experience", axis=axis, domain=[-0.4, experiences - 0.6], nice=False)
    shown = tooltip(("rule", "rule"), ("experience", "after experience"), ("y", title), ("low", "interval from"),
                    ("high", "to"), ("seeds", "seeds"), decimals={"experience": ""})  # fmt: skip
    return list(courses(x, numbers("y", title), rule, shown))


def experiences(block: Block, looks: Mapping[str, Look]) -> Chart:
    """Chart the accuracy on single experiences after training on each experience.

    Args:
        block: one stream, strategy and base optimizer.
        looks: looks by label of a rule.

    Returns:
        The chart: one panel per experience, or if there are many, for the first, the last and two between.
    """
    T, optimizer = block.experiences, block.base_optimizer
    shown = range(T) if T <= MOST_PANELS else (0, T // 3, 2 * T // 3, T - 1)
    names = chart_names([rule for rule in looks if rule in block.matrices], optimizer)
    rows: list[Row] = []
    for j in shown:
        for label, stack in block.matrices.items():
            rows += _course_rows(
                stack[:, :, j], {"panel": f"experience {j}", "rule": names[label]}, list(names.values())
            )
    name = file_name("experiences", *block.key)
    selection = "" if T <= MOST_PANELS else f" Shown are {len(shown)} of {T} experiences."
    rule = by_rule({names[label]: looks[label] for label in names})
    layers = _course_layers(T, "accuracy, %", rule)
    return panelled(
        name,
        f"Accuracy on single experiences: {block.stream}, {display_name(block.strategy)}, {display_name(optimizer)}",
        "Accuracy on the test part of each experience after training on each experience of the stream (numbered from "
        f"0).{selection} Points are means over seeds, side by side for each experience; {INTERVALS}.",
        [f"experience {j}" for j in shown],
        layers,
        rows,
        names=names.values(),
        shared=["y"],
    )


@dataclass(frozen=True)
class Meaning:
    """Labels of square matrices of fractions.

    Attributes:
        columns: title of the columns.
        rows: title of the rows.
        value: title of the colour scale.
        labels: labels of both rows and columns, all different.
        sparse: whether most numbers are 0, and NaN fills whole rows.
    """

    columns: str
    rows: str
    value: str
    labels: Sequence[str]
    sparse: bool = False


def accuracy_matrices(block: Block) -> Chart:
    """Chart the mean accuracy matrix of each rule.

    Args:
        block: one stream, strategy and base optimizer.

    Returns:
        The chart.
    """
    labels = [str(i) for i in range(block.experiences)]
    numbers = " Numbers are rounded to two decimals." if block.experiences <= MAX_ANNOTATED else ""
    return squares(
        file_name("accuracy-matrix", *block.key),
        f"Accuracy matrices: {block.stream}, {display_name(block.strategy)}, {display_name(block.base_optimizer)}",
        "Accuracy matrix R of each rule, mean over seeds. Row i, column j: accuracy on the test part of experience j "
        "after training on experience i, a fraction; experiences are numbered from 0. Blank where not evaluated. "
        f"Colours mean the same in all panels.{numbers}",
        {rule: mean_over_seeds(stack) for rule, stack in block.matrices.items()},
        Meaning("evaluated on j", "after training on i", "accuracy, fraction", labels),
        block.base_optimizer,
    )


def squares(
    name: str, title: str, caption: str, matrices: Mapping[str, Array], meaning: Meaning, optimizer: str
) -> Chart:
    """Chart a matrix per rule.

    Args:
        name: file name without suffix.
        title: title of the chart.
        caption: caption of the chart.
        matrices: fractions ``(K, K)`` by label of a rule, all of one size; NaN is left blank.
        meaning: labels of the matrices.
        optimizer: label of the base optimizer.

    Returns:
        The chart, on one scale of colours from the least to the greatest number. In large sparse matrices, zeros are
        not among the rows of the data, the panel has their colour, and rows of NaN are grey.
    """
    K, names = len(meaning.labels), chart_names(matrices, optimizer)
    sparse = meaning.sparse and K > MAX_ANNOTATED
    low, high = _range(list(matrices.values()))
    labels = [short(label, 8) for label in meaning.labels]
    labels = labels if len(set(labels)) == K else list(meaning.labels)
    rows: list[Row] = []
    for rule, R in matrices.items():
        rounded, panel = np.round(R, 3), names[rule]
        places = np.argwhere(~np.isnan(R) & (rounded != 0 if sparse else True))
        rows += [
            {"panel": panel, "i": labels[i], "j": labels[j], "value": float(rounded[i, j])} for i, j in places.tolist()
        ]
        empty = np.flatnonzero(np.isnan(R).all(axis=1)) if sparse else ()
        rows += [{"panel": panel, "i": labels[i]} for i in empty]
    side = max(9.0, 2.0 * K) if K <= MAX_ANNOTATED else 14.0
    grid = Grid(axis=3.6, narrowest=side, widest=max(side, 19.0), most=5, ratio=1, highest=max(side, 19.0))
    layers = _layers(replace(meaning, labels=labels), 0.0 if sparse else low, high)
    chart = panelled(name, title, caption, names.values(), layers, rows, grid=grid)
    view = {"view": {"fill": _COLOURS[0]}} if sparse else {}
    return replace(chart, spec={**chart.spec, "spec": {**chart.spec["spec"], **view}})


def _layers(meaning: Meaning, low: float, high: float) -> list[Row]:
    """Draw cells, and numbers in them where they fit, else grey rows where nothing is known."""
    K, labels = len(meaning.labels), list(meaning.labels)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if _MOST_LABELS * step >= K)
    axis = {"labelAngle": 0, "ticks": False, "domain": False, "grid": False, "values": labels[::step]}
    place = {"type": "ordinal", "scale": {"domain": labels}, "axis": axis}
    cell = {"x": {"field": "j", **place, "title": meaning.columns}, "y": {"field": "i", **place, "title": meaning.rows}}
    key = {"title": meaning.value, "orient": "bottom", "direction": "horizontal", "tickCount": 4, "format": ".2f"}
    scale = {"domain": [low, high], "range": _COLOURS, "interpolate": "rgb"}
    colour = {"field": "value", "type": "quantitative", "scale": scale, "legend": key}
    hover = (("i", meaning.rows), ("j", meaning.columns), ("value", meaning.value))
    shown = tooltip(*hover, decimals={"i": "", "j": "", "value": ".3f"})
    cells = {
        "mark": {"type": "rect"},
        "encoding": {**cell, "color": colour, "tooltip": shown},
        "transform": [{"filter": "datum.value != null"}],
    }
    if K > MAX_ANNOTATED:
        empty = {"mark": {"type": "rect", "color": "#9a9a9a"}, "encoding": {"y": cell["y"]}}
        return [cells, {**empty, "transform": [{"filter": "datum.value == null"}]}]
    text = "datum.value >= 0.995 ? '1.0' : replace(format(datum.value, '.2f'), /^0/, '')"
    ink = {"condition": {"test": f"datum.value > {(low + high) / 2:g}", "value": "white"}, "value": "#1f2933"}
    numbers = {
        "mark": {"type": "text", "style": "number"},
        "encoding": {**cell, "text": {"field": "text"}, "color": ink, "tooltip": shown},
        "transform": [{"calculate": text, "as": "text"}],
    }
    return [cells, numbers]


def _range(matrices: Sequence[Array]) -> tuple[float, float]:
    """Ends of the colour scale, between 0 and 1."""
    known = [R[~np.isnan(R)] for R in matrices]
    low = min((float(values.min()) for values in known if len(values)), default=0.0)
    high = max((float(values.max()) for values in known if len(values)), default=1.0)
    low, high = _STEP * floor(low / _STEP + 1e-9), _STEP * ceil(high / _STEP - 1e-9)
    return round(low, 2), round(max(high, low + _STEP), 2)
