"""Performance profiles over several streams."""

from collections.abc import Mapping, Sequence

import numpy as np

from lifelong_lb.evaluation import performance_profile
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name
from lifelong_lb.reports.charts.looks import Look, by_rule
from lifelong_lb.reports.charts.panels import faceted, numbers, tooltip
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.over_streams import StreamScores

_CAPTION = (
    "Performance profiles (Agarwal et al. 2021, arXiv 2108.13264), one panel per strategy: the share of runs whose "
    "average accuracy is above the number on the axis, with equal weight for each stream. A curve further right is "
    "better; where two curves cross, neither rule is better throughout. The curves have no intervals: those of the "
    "interquartile mean are in the table."
)


def profiles(blocks: Sequence[StreamScores], looks: Mapping[str, Look]) -> Chart | None:
    """Chart the share of runs above each average accuracy, one panel per strategy.

    Args:
        blocks: average accuracies of one base optimizer, one block per strategy.
        looks: looks by label of a rule.

    Returns:
        The chart; None without blocks.
    """
    if not blocks:
        return None
    optimizer = blocks[0].base_optimizer
    names = chart_names([rule for rule in looks if any(rule in block.rules for block in blocks)], optimizer)
    panels = chart_names(block.strategy for block in blocks)
    rule = by_rule({names[label]: looks[label] for label in names})
    line = {
        "mark": {"type": "line", "interpolate": "step-after", "style": "course"},
        "encoding": {
            "x": numbers("x", "average accuracy, %"),
            "y": numbers("y", "runs above, %", domain=[0, 100]),
            "color": rule["color"],
            "strokeDash": rule["strokeDash"],
            "order": {"field": "step", "type": "quantitative"},
            "tooltip": tooltip(("rule", "rule"), ("x", "average accuracy, %"), ("y", "runs above, %")),
        },
    }
    name = file_name("profiles", optimizer)
    return Chart(
        name,
        f"Performance profiles over the streams: {display_name(optimizer)}",
        _CAPTION,
        faceted(name, list(panels.values()), [line], names=names.values()),
        {name: [row for block in blocks for row in _rows(block, names, panels[block.strategy])]},
    )


def _rows(block: StreamScores, names: Mapping[str, str], panel: str) -> list[Row]:
    """Corners of the curves, in percent; all begin and end at the lowest and highest score of the block."""
    scores = list(block.scores.values())
    every = np.concatenate([of_stream[~np.isnan(of_stream)] for of_stream in scores])
    rows: list[Row] = []
    for column, rule in enumerate(block.rules):
        values = [of_stream[~np.isnan(of_stream[:, column]), column] for of_stream in scores]
        corners = np.unique(np.concatenate([*values, [every.min(), every.max()]]))
        shares = performance_profile(values, corners)
        keys = {"panel": panel, "rule": names[rule]}
        start = {**keys, "step": 0, "x": round(100 * float(corners[0]), 3), "y": 100.0}
        rows.append(start)
        rows += [
            {**keys, "step": step, "x": round(100 * float(x), 3), "y": round(100 * float(y), 3)}
            for step, (x, y) in enumerate(zip(corners, shares, strict=True), 1)
        ]
    return rows
