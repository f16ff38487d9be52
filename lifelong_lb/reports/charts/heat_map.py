"""Heat maps of square matrices of fractions, one panel per rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name, short
from lifelong_lb.reports.charts.panels import faceted, tooltip
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.matrices import Array, Block, mean_over_seeds

MAX_ANNOTATED = 10
"""Maximum number of rows with numbers in the cells."""
_MOST_LABELS = 10
_STEP = 0.05
"""The colour scale begins and ends at multiples of this."""
_COLOURS = ["#f7fbff", "#d6e6f4", "#abd0e6", "#6aaed6", "#3787c0", "#105ba4", "#08306b"]
"""Blues from light to dark."""


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
        file_name("accuracy-matrix", block.stream, block.strategy, block.base_optimizer),
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
    spec = dict(faceted(name, list(names.values()), layers, grid=grid))
    if sparse:
        spec["spec"] = {**spec["spec"], "view": {"fill": _COLOURS[0]}}
    return Chart(name, title, caption, spec, {name: rows})


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
