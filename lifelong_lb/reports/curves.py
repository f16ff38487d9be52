"""Figures of accuracy against experiences: one line per rule, a band over the seeds."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import Array, Block, average_accuracy_so_far, band, mean_over_seeds, std_over_seeds
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, lines_of, shade, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_MAX_PANELS = 6
_BAND = (
    "Lines are means over seeds; bands show one sample standard deviation on either side (none for one seed), clipped "
    "to [0, 1]."
)

Panel = tuple[str, Callable[[str], Array]]
"""A panel's title, and a function from rule to ``(S, T)`` values."""


def draw_experiences(block: Block, looks: Mapping[str, Look]) -> Drawing:
    """Draw the accuracy on single experiences over the stream.

    Args:
        block: one stream, strategy and base optimizer.
        looks: looks by rule.

    Returns:
        The figure: one panel per experience, or if there are many, for the first, the last and two between.
    """
    T = block.experiences
    shown = range(T) if T <= _MAX_PANELS else (0, T // 3, 2 * T // 3, T - 1)
    panels: list[Panel] = [(f"experience {j}", partial(_experience_of(block), j)) for j in shown]
    selection = "" if T <= _MAX_PANELS else f" Shown are {len(shown)} of {T} experiences."
    caption = (
        "Accuracy on the test part of each experience, a fraction, after training on each experience of the stream; "
        f"experiences are numbered from 0.{selection} {_BAND}"
    )
    name = file_name("experiences", block.stream, block.strategy, block.base_optimizer)
    title = f"Accuracy during the stream: {block.stream}, {block.strategy}, {block.base_optimizer}"
    columns = 3 if len(panels) in {3, 5, 6} else min(len(panels), 2)
    return _draw(name, title, caption, panels, list(block.matrices), looks, columns, "accuracy, fraction")


def draw_averages(blocks: Sequence[Block], looks: Mapping[str, Look]) -> Drawing | None:
    """Draw the average accuracy over the experiences seen so far, one panel per strategy.

    Args:
        blocks: one stream and base optimizer, one block per strategy.
        looks: looks by rule.

    Returns:
        The figure; None if only the last row of the matrices was evaluated in full.
    """
    panels: list[Panel] = [(block.strategy, _average_of(block)) for block in blocks]
    rules = [rule for rule in looks if any(rule in block.matrices for block in blocks)]
    T = max(block.experiences for block in blocks)
    known = [(~np.isnan(values(rule))).any(axis=0).sum() for _, values in panels for rule in rules if values(rule).size]
    if T < 2 or max(known, default=0) < 2:
        return None
    first = blocks[0]
    caption = (
        "Average accuracy over the experiences seen so far: after experience i, the mean over j <= i of R[i, j], a "
        f"fraction; its last value is the average accuracy of the table. One panel per strategy. {_BAND}"
    )
    name = file_name("average-accuracy", first.stream, first.base_optimizer)
    title = f"Average accuracy so far: {first.stream}, {first.base_optimizer}"
    columns = min(len(panels), 2 if len(panels) in {2, 4} else 3)
    return _draw(name, title, caption, panels, rules, looks, columns, "average accuracy")


def _average_of(block: Block) -> Callable[[str], Array]:
    def values(rule: str) -> Array:
        return average_accuracy_so_far(_matrices(block, rule))

    return values


def _experience_of(block: Block) -> Callable[[int, str], Array]:
    def values(j: int, rule: str) -> Array:
        return _matrices(block, rule)[:, :, j]

    return values


def _matrices(block: Block, rule: str) -> Array:
    T = block.experiences
    return block.matrices.get(rule, np.empty((0, T, T)))


def _draw(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[Panel],
    rules: Sequence[str],
    looks: Mapping[str, Look],
    columns: int,
    ylabel: str,
) -> Drawing:
    from matplotlib.ticker import MaxNLocator

    layout = Layout(
        headings=[lines_of(heading, 36) for heading, _ in panels],
        columns=columns,
        height={1: 2.4, 2: 1.9}.get(columns, 1.6),
        width=WIDTH if columns > 1 else 5.8,
        shared="all",
        labelled="lowest",
        rules=rules,
    )
    with style(name):
        figure, grid = create_panels(layout, ["after training on experience"] * columns, ylabel)
        handles: dict[str, Line2D] = {}
        for axes, (_, values) in zip(grid, panels, strict=True):
            for rule in rules:
                handles.setdefault(rule, _line(axes, values(rule), looks[rule]))
        grid[0].xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))  # all panels share it
        legend(figure, handles)
        return finish(figure, name, title, caption)


def _line(axes: "Axes", values: Array, look: Look) -> "Line2D":
    """Draw the mean over seeds and its band; values are ``(S, T)``."""
    x, mean, std = np.arange(values.shape[1], dtype=float), mean_over_seeds(values), std_over_seeds(values)
    size = 4.5 if len(x) <= 10 else 3.2
    (line,) = axes.plot(x, mean, color=look.colour, marker=look.marker, linestyle=look.dashes, markersize=size, mew=0)
    if not np.isnan(std).all():
        shade(axes, x, *band(mean, std), look.colour)
    return line
