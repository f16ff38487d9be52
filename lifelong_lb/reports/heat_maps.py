"""Accuracy matrices as heat maps, one panel a rule."""

from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.reports.blocks import Array, Block, mean_over_seeds
from lifelong_lb.reports.drawing import WIDTH, Drawing, file_name, finish, lines_of, style
from lifelong_lb.reports.panels import Layout, set_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

_MOST_ANNOTATED = 10


def draw_matrices(block: Block) -> Drawing:
    """Draw the mean accuracy matrix of each rule.

    Args:
        block: one stream, strategy and base optimizer.

    Returns:
        The figure: colours from 0 to 1 in all panels, blank where nothing was evaluated.
    """
    T, rules = block.experiences, list(block.matrices)
    rows = -(-len(rules) // (5 if T <= 5 else 4 if T <= 8 else 3))
    columns = -(-len(rules) // rows)
    side = min((WIDTH - 1.75) / columns - 0.16, 2.4)
    name = file_name("accuracy-matrix", block.stream, block.strategy, block.base_optimizer)
    with style(name):
        layout = Layout.of_squares([lines_of(rule, int(side * 15)) for rule in rules], columns, side, right=1.0)
        figure, grid = set_out(layout, ["evaluated on j"] * columns, "after training on i")
        ticks = range(0, T, 1 if T <= _MOST_ANNOTATED else 5)
        grid[0].set_xticks(ticks)  # all panels share them
        grid[0].set_yticks(ticks)
        for index, (axes, rule) in enumerate(zip(grid, rules, strict=True)):
            axes.xaxis.set_visible(layout.names_x(index))
            axes.yaxis.set_visible(index % columns == 0)
            mesh = _panel(axes, mean_over_seeds(block.matrices[rule]))
        _bar(figure, mesh, layout)
        return finish(figure, name, f"Accuracy matrices: {_where(block)}", _caption(block))


def _bar(figure: "Figure", mesh: "QuadMesh", layout: Layout) -> None:
    """The scale of colours, beside the panels of the first row."""
    (_, bottom, *_), width, height = next(iter(layout.boxes())), layout.width, layout.figure_height
    place = figure.add_axes((1 - 0.8 / width, bottom / height, 0.12 / width, layout.height / height))
    bar = figure.colorbar(mesh, cax=place)
    bar.set_label("accuracy, fraction")
    assert bar.solids is not None
    bar.solids.set_edgecolor("face")
    bar.outline.set_visible(False)


def _panel(axes: "Axes", values: Array) -> "QuadMesh":
    T = len(values)
    edges = np.arange(T + 1) - 0.5
    masked = np.ma.masked_invalid(values)
    mesh = axes.pcolormesh(edges, edges, masked, vmin=0, vmax=1, cmap="viridis", edgecolors="white", linewidth=0.4)
    axes.grid(visible=False)
    axes.set_ylim(T - 0.5, -0.5)  # row 0 on top; the axes are shared, so that inverting each would undo the last
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
