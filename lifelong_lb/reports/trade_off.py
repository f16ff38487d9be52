"""Figure of learning accuracy against forgetting."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.evaluation import METRICS, spread
from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import Array, Block, band
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, lines_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_CAPTION = (
    "Learning accuracy ({learning}) against forgetting ({forgetting}), one panel per strategy; up and to the left is "
    "better. Large points are means over seeds; bars show one sample standard deviation on either side (none for one "
    "seed), clipped to [0, 1] for accuracies; small points are single seeds."
)


def draw_trade_off(blocks: Sequence[Block], looks: Mapping[str, Look]) -> Drawing | None:
    """Draw learning accuracy against forgetting, one point per rule, one panel per strategy.

    Args:
        blocks: one stream and base optimizer, one block per strategy.
        looks: looks by rule.

    Returns:
        The figure; None if either metric is undefined for all runs.
    """
    points = [{rule: _points(stack) for rule, stack in block.matrices.items()} for block in blocks]
    if not any(len(p) for panel in points for p in panel.values()):
        return None
    first = blocks[0]
    name = file_name("trade-off", first.stream, first.base_optimizer)
    columns = min(len(blocks), 2 if len(blocks) in {2, 4} else 3)
    shown = [rule for rule in looks if any(len(panel.get(rule, ())) for panel in points)]
    layout = Layout(
        headings=[lines_of(block.strategy, 36) for block in blocks],
        columns=columns,
        height={1: 2.9, 2: 2.4}.get(columns, 2.0),
        width=WIDTH if columns > 1 else 5.8,
        shared="none",
        labelled="lowest",
        rules=shown,
    )
    with style(name):
        figure, grid = create_panels(layout, ["forgetting, fraction"] * columns, "learning accuracy, fraction")
        handles: dict[str, Line2D] = {}
        for axes, panel in zip(grid, points, strict=True):
            for rule in (rule for rule in looks if len(panel.get(rule, ()))):
                handles.setdefault(rule, _draw_rule(axes, panel[rule], looks[rule]))
        legend(figure, {rule: handles[rule] for rule in shown})
        caption = _CAPTION.format(
            learning=METRICS["learning_accuracy"].formula, forgetting=METRICS["forgetting"].formula
        )
        title = f"Learning accuracy and forgetting: {first.stream}, {first.base_optimizer}"
        return finish(figure, name, title, caption)


def _points(stack: Array) -> Array:
    """Forgetting and learning accuracy of each seed, ``(n, 2)``, without seeds that lack one of them."""
    pairs = [(METRICS["forgetting"].function(R), METRICS["learning_accuracy"].function(R)) for R in stack]
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return values[~np.isnan(values).any(axis=1)]


def _draw_rule(axes: "Axes", points: Array, look: Look) -> "Line2D":
    x, y = spread(points[:, 0].tolist()), spread(points[:, 1].tolist())
    if len(points) > 1:
        axes.plot(*points.T, linestyle="", marker=look.marker, color=look.colour, markersize=3.2, alpha=0.35, mew=0)
        axes.plot([x.mean - x.std, x.mean + x.std], [y.mean, y.mean], color=look.colour, linewidth=1.1, alpha=0.8)
        axes.plot(
            [x.mean, x.mean], [*band(np.array(y.mean), np.array(y.std))], color=look.colour, linewidth=1.1, alpha=0.8
        )
    (point,) = axes.plot(
        [x.mean],
        [y.mean],
        linestyle="",
        marker=look.marker,
        color=look.colour,
        markersize=7.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
    )
    return point
