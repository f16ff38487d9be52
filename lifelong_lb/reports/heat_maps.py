"""Heat maps of accuracy matrices and other square matrices, one panel per rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import Array, Block, mean_over_seeds
from lifelong_lb.reports.style import WIDTH, Drawing, file_name, finish, lines_of, short, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

MAX_ANNOTATED = 10
"""Maximum number of rows with numbers in the cells."""
_MAX_DRAWN = 20
"""Maximum number of rows drawn as vector graphics; larger matrices are rasterized."""


@dataclass(frozen=True)
class Meaning:
    """Labels of square matrices of fractions.

    Attributes:
        columns: label of the columns.
        rows: label of the rows.
        scale: label of the colour bar.
        labels: tick labels, shared by rows and columns.
    """

    columns: str
    rows: str
    scale: str
    labels: Sequence[str]


def draw_matrices(block: Block) -> Drawing:
    """Draw the mean accuracy matrix of each rule.

    Args:
        block: one stream, strategy and base optimizer.

    Returns:
        The figure: colours from 0 to 1 in all panels, blank where not evaluated.
    """
    name = file_name("accuracy-matrix", block.stream, block.strategy, block.base_optimizer)
    means = {rule: mean_over_seeds(stack) for rule, stack in block.matrices.items()}
    labels = [str(i) for i in range(block.experiences)]
    meaning = Meaning("evaluated on j", "after training on i", "accuracy, fraction", labels)
    return draw_squares(name, f"Accuracy matrices: {_block_text(block)}", _caption(block), means, meaning)


def draw_squares(name: str, title: str, caption: str, matrices: Mapping[str, Array], meaning: Meaning) -> Drawing:
    """Draw a matrix per rule.

    Args:
        name: file name without suffix.
        title: title of the figure.
        caption: caption of the figure.
        matrices: fractions ``(T, T)`` by rule, all of one size; NaN is left blank.
        meaning: labels of the matrices.

    Returns:
        The figure.
    """
    T, rules = len(meaning.labels), list(matrices)
    rows = -(-len(rules) // (5 if T <= 5 else 4 if T <= 8 else 3))
    columns = -(-len(rules) // rows)
    side = min((WIDTH - 1.75) / columns - 0.16, 2.4)
    with style(name):
        layout = Layout.of_squares([lines_of(rule, int(side * 15)) for rule in rules], columns, side, right=1.0)
        figure, grid = create_panels(layout, [meaning.columns] * columns, meaning.rows)
        ticks = range(0, T, 1 if T <= MAX_ANNOTATED else 5 if T <= 2 * _MAX_DRAWN else 20)
        shown = [short(meaning.labels[tick], 8) for tick in ticks]
        grid[0].set_xticks(ticks, shown)  # all panels share them
        grid[0].set_yticks(ticks, shown)
        for index, (axes, rule) in enumerate(zip(grid, rules, strict=True)):
            axes.xaxis.set_visible(layout.names_x(index))
            axes.yaxis.set_visible(index % columns == 0)
            mesh = _panel(axes, matrices[rule])
        _bar(figure, mesh, layout, meaning.scale)
        return finish(figure, name, title, caption)


def _bar(figure: "Figure", mesh: "QuadMesh", layout: Layout, scale: str) -> None:
    """Draw the colour bar, beside the first row of panels."""
    (_, bottom, *_), width, height = next(iter(layout.boxes())), layout.width, layout.figure_height
    place = figure.add_axes((1 - 0.8 / width, bottom / height, 0.12 / width, layout.height / height))
    bar = figure.colorbar(mesh, cax=place)
    bar.set_label(scale)
    assert bar.solids is not None
    bar.solids.set_edgecolor("face")
    bar.outline.set_visible(False)


def _panel(axes: "Axes", values: Array) -> "QuadMesh":
    T = len(values)
    edges = np.arange(T + 1) - 0.5
    masked = np.ma.masked_invalid(values)
    lines = 0.4 if T <= _MAX_DRAWN else 0.0
    mesh = axes.pcolormesh(
        edges, edges, masked, vmin=0, vmax=1, cmap="viridis", edgecolors="white" if lines else "none", linewidth=lines
    )
    mesh.set_rasterized(T > _MAX_DRAWN)
    axes.grid(visible=False)
    axes.set_ylim(T - 0.5, -0.5)  # row 0 on top; invert_yaxis would toggle the shared axis once per panel
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if T <= MAX_ANNOTATED:
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


def _block_text(block: Block) -> str:
    return f"{block.stream}, {block.strategy}, {block.base_optimizer}"


def _caption(block: Block) -> str:
    numbers = " Numbers are rounded to two decimals." if block.experiences <= MAX_ANNOTATED else ""
    return (
        "Accuracy matrix R of each rule, mean over seeds. Row i, column j: accuracy on the test part of experience j "
        "after training on experience i, a fraction; experiences are numbered from 0. Blank where not evaluated."
        + numbers
    )
