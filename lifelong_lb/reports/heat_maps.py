"""Accuracy matrices as heat maps, one panel a rule."""

from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.reports.blocks import Array, Block, mean_over_seeds
from lifelong_lb.reports.drawing import WIDTH, Drawing, file_name, finish, label_outer, lines_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

_MOST_ANNOTATED = 10


def draw_matrices(block: Block) -> Drawing:
    """Draw the mean accuracy matrix of each rule.

    Args:
        block: one stream, strategy and base optimizer.

    Returns:
        The figure: colours from 0 to 1 in all panels, blank where nothing was evaluated.
    """
    from matplotlib.figure import Figure

    T, rules = block.experiences, list(block.matrices)
    rows = -(-len(rules) // (5 if T <= 5 else 4 if T <= 8 else 3))
    columns = -(-len(rules) // rows)
    side = min((WIDTH - 1.1) / columns, 2.7)
    name = file_name("accuracy-matrix", block.stream, block.strategy, block.base_optimizer)
    with style(name):
        figure = Figure((side * columns + 1.1, (side + 0.3) * rows + 0.3), layout="constrained")
        grid = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
        for axes, rule in zip(grid, rules, strict=False):
            mesh = _panel(axes, mean_over_seeds(block.matrices[rule]))
            axes.set_title(lines_of(rule, int(side * 14)), fontsize=8.5)
        label_outer(grid, len(rules), columns, "evaluated on j", "after training on i")
        bar = figure.colorbar(mesh, ax=figure.axes, shrink=0.9 if rows == 1 else 0.6, aspect=22, pad=0.02)
        bar.set_label("accuracy, fraction")
        assert bar.solids is not None
        bar.solids.set_edgecolor("face")
        bar.outline.set_visible(False)
        return finish(figure, name, f"Accuracy matrices: {_where(block)}", _caption(block))


def _panel(axes: "Axes", values: Array) -> "QuadMesh":
    T = len(values)
    edges = np.arange(T + 1) - 0.5
    masked = np.ma.masked_invalid(values)
    mesh = axes.pcolormesh(edges, edges, masked, vmin=0, vmax=1, cmap="viridis", edgecolors="white", linewidth=0.4)
    axes.grid(visible=False)
    axes.set_aspect("equal")
    axes.set_ylim(T - 0.5, -0.5)  # row 0 on top; the axes are shared, so that inverting each would undo the last
    ticks = range(0, T, 1 if T <= _MOST_ANNOTATED else 5)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if T <= _MOST_ANNOTATED:
        _annotate(axes, values)
    return mesh


def _annotate(axes: "Axes", values: Array) -> None:
    T = len(values)
    for i, j in np.argwhere(~np.isnan(values)):
        text = f"{values[i, j]:.2f}"
        axes.text(
            j,
            i,
            text.removeprefix("0") if text != "1.00" else "1.0",
            ha="center",
            va="center",
            color="white" if values[i, j] < 0.6 else "black",
            fontsize=8 if T <= 6 else 6.5,
        )


def _where(block: Block) -> str:
    return f"{block.stream}, {block.strategy}, {block.base_optimizer}"


def _caption(block: Block) -> str:
    numbers = " Numbers are rounded to two decimals." if block.experiences <= _MOST_ANNOTATED else ""
    return (
        "Accuracy matrix R of each rule, mean over seeds. Row i, column j: accuracy on the test part of experience j "
        "after training on experience i, a fraction; experiences are numbered from 0. Blank where not evaluated."
        + numbers
    )
