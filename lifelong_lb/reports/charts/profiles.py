"""Performance profiles over several streams."""

from collections.abc import Mapping, Sequence

import numpy as np

from lifelong_lb.evaluation import performance_profile
from lifelong_lb.reports.charts.chart import Canvas, Chart, Look, Row, legend
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.over_streams import StreamScores

_CAPTION = (
    "Performance profiles (Agarwal et al. 2021, arXiv 2108.13264), one panel per strategy: the share of runs whose "
    "average accuracy is above the number on the axis, with equal weight for each stream. A curve further right is "
    "better; where two curves cross, neither rule is better throughout. The curves have no intervals: those of the "
    "interquartile mean are in the table."
)


def profiles(
    blocks: Sequence[StreamScores], looks: Mapping[str, Look], canvas: Canvas, name: str = "profiles"
) -> Chart | None:
    """Chart the share of runs above each average accuracy, one panel per strategy.

    Args:
        blocks: average accuracies of one base optimizer, one block per strategy.
        looks: looks by label of a rule.
        canvas: the space.
        name: file name of the chart.

    Returns:
        The chart; None without blocks.
    """
    if not blocks:
        return None
    names = {
        rule: display_name(rule, blocks[0].base_optimizer) for rule in looks if any(rule in b.rules for b in blocks)
    }
    strategies = [display_name(block.strategy) for block in blocks]
    rows = [row for block in blocks for row in _rows(block, names)]
    shown = {names[label]: look for label, look in looks.items() if label in names}
    rule = {"field": "rule", "type": "nominal", "legend": legend(canvas, list(shown))}
    dashes = {"domain": list(shown), "range": [list(look.dash) for look in shown.values()]}
    colours = {"domain": list(shown), "range": [look.colour for look in shown.values()]}
    columns, width = canvas.panels(len(strategies))
    line = {
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 0.13 * canvas.font, "clip": True},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "average accuracy, %", "scale": {"zero": False}},
            "y": {"field": "y", "type": "quantitative", "title": "runs above, %", "scale": {"domain": [0, 100]}},
            "color": {**rule, "scale": colours},
            "strokeDash": {**rule, "scale": dashes},
            "order": {"field": "step", "type": "quantitative"},
            "tooltip": [
                {"field": "rule", "title": "rule"},
                {"field": "x", "title": "average accuracy, %", "format": ".1f"},
                {"field": "y", "title": "runs above, %", "format": ".1f"},
            ],
        },
    }
    spec = {
        "data": {"name": name},
        "usermeta": {"panels": len(strategies)},
        "facet": {"field": "strategy", "type": "nominal", "sort": strategies, "header": {"title": None}},
        "columns": columns,
        "spacing": canvas.font,
        "resolve": {"scale": {"x": "independent"}},
        "spec": {"width": width, "height": min(width * 0.75, 19 * canvas.font), **line},
    }
    return Chart(name, "Performance profiles over the streams", _CAPTION, spec, {name: rows})


def _rows(block: StreamScores, names: Mapping[str, str]) -> list[Row]:
    """Corners of the curves, in percent; all begin and end at the lowest and highest score of the block."""
    scores = list(block.scores.values())
    every = np.concatenate([of_stream[~np.isnan(of_stream)] for of_stream in scores])
    rows: list[Row] = []
    for column, rule in enumerate(block.rules):
        values = [of_stream[~np.isnan(of_stream[:, column]), column] for of_stream in scores]
        corners = np.unique(np.concatenate([*values, [every.min(), every.max()]]))
        shares = performance_profile(values, corners)
        keys = {"strategy": display_name(block.strategy), "rule": names[rule]}
        start = {**keys, "step": 0, "x": round(100 * float(corners[0]), 3), "y": 100.0}
        rows.append(start)
        rows += [
            {**keys, "step": step, "x": round(100 * float(x), 3), "y": round(100 * float(y), 3)}
            for step, (x, y) in enumerate(zip(corners, shares, strict=True), 1)
        ]
    return rows
