"""Figures of the loss landscape: flatness against forgetting, and values at a distance from the weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.evaluation import LANDSCAPE_MEASURES
from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import band
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, shade, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_SCATTER_MEASURES = (
    "rise",
    "m_sharpness",
    "adaptive_rise",
    "hessian_eigenvalue",
    "hessian_trace",
    "accuracy_lost_to_noise",
)
_CURVE_MEASURES = ("m_sharpness", "adaptive_m_sharpness", "path_loss", "noisy_accuracy")

Block = tuple[str, str, str]
"""Labels of a stream, a strategy and a base optimizer."""
Draw = Callable[["Axes", pd.DataFrame, Look], "Line2D"]


def pick_measures(table: pd.DataFrame, measures: Sequence[str] = tuple(LANDSCAPE_MEASURES)) -> list[tuple[str, float]]:
    """Select one ``at`` (radius, noise scale or rank) per measure: the middle one, or the first eigenvalue.

    Args:
        table: with columns measure and at.
        measures: measures to look for.

    Returns:
        Pairs of measure and ``at``, NaN if it has none; only measures in the table, in the given order.
    """
    selected = []
    for measure in measures:
        values = sorted(set(table.loc[table["measure"] == measure, "at"].dropna()))
        if values or (table["measure"] == measure).any():
            middle = values[0] if measure == "hessian_eigenvalue" else values[len(values) // 2] if values else np.nan
            selected.append((measure, float(middle)))
    return selected


def measure_title(measure: str, at: float) -> str:
    """Return the title of a measure with its radius, noise scale or rank.

    Args:
        measure: name of the measure.
        at: radius, noise scale or rank; NaN for none.

    Returns:
        E.g. ``"rise in the ball, rho 0.1"``.
    """
    title, what = LANDSCAPE_MEASURES[measure].title, LANDSCAPE_MEASURES[measure].at.split(",")[0]
    return title if np.isnan(at) else f"{title}, {what} {at:g}"


def rows_at(table: pd.DataFrame, measure: str, at: float) -> pd.DataFrame:
    """Select the rows of one measure at one radius, noise scale or rank.

    Args:
        table: with columns measure and at.
        measure: name of the measure.
        at: radius, noise scale or rank; NaN for none.

    Returns:
        Rows of the table.
    """
    place = table["at"].isna() if np.isnan(at) else table["at"] == at
    return table[(table["measure"] == measure) & place]


def draw_flatness(block: Block, flatness: pd.DataFrame, looks: Mapping[str, Look]) -> Drawing | None:
    """Draw flatness after each experience against its later forgetting, one panel per measure.

    Args:
        block: the block of the rows.
        flatness: rows of a flatness table of this block.
        looks: looks by rule.

    Returns:
        The figure; None if there is nothing to draw.
    """
    places = pick_measures(flatness, _SCATTER_MEASURES)
    panels = {measure_title(*at): rows_at(flatness, *at).dropna(subset=["flatness", "forgotten"]) for at in places}
    panels = {title: rows for title, rows in panels.items() if len(rows)}
    caption = (
        "Each point is one experience i < T-1 of one run. x axis: sharpness of the loss on its training images, or "
        "accuracy on its test images lost to noise, directly after it was learnt (further right is sharper; "
        "logarithmic if all values are positive). y axis: accuracy lost on its test part by the end, "
        "R[i, i] - R[T-1, i], a fraction."
    )
    return _draw("flatness", "Flatness and forgetting", block, panels, looks, caption, _scatter, "forgotten, fraction")


def draw_landscape_curves(block: Block, landscape: pd.DataFrame, looks: Mapping[str, Look]) -> Drawing | None:
    """Draw m-sharpness over radii, loss on the line to the next minimum, and accuracy over noise scales.

    Args:
        block: the block of the rows.
        landscape: rows of a landscape of this block.
        looks: looks by rule.

    Returns:
        The figure; None if there is nothing to draw.
    """
    same_experience = landscape["trained"] == landscape["measured"]
    panels = {}
    for measure in _CURVE_MEASURES:
        lines = landscape["measure"] == measure
        rows = landscape[lines & (~same_experience if measure == "path_loss" else same_experience)]
        kind = LANDSCAPE_MEASURES[measure]
        title = f"{kind.title}, previous experience" if measure == "path_loss" else kind.title
        if len(rows):
            panels[f"{title}\nover {kind.at}"] = rows
    caption = (
        "Means over experiences, each measured directly after it was learnt and on its own images, and over seeds; "
        "bands show one sample standard deviation over seeds on either side (none for one seed), clipped to [0, 1] for "
        "accuracies. The loss on the line is that of the previous experience, from the weights after it (t = 0) to "
        "those after the next one (t = 1)."
    )
    return _draw("landscape", "Away from the weights", block, panels, looks, caption, _curve, "")


def _draw(
    kind: str,
    title: str,
    block: Block,
    panels: Mapping[str, pd.DataFrame],
    looks: Mapping[str, Look],
    caption: str,
    draw: Draw,
    ylabel: str,
) -> Drawing | None:
    if not panels:
        return None
    columns = min(len(panels), 2 if len(panels) in {2, 4} else 3)
    rules = [rule for rule in looks if any((frame["rule"] == rule).any() for frame in panels.values())]
    layout = Layout(
        headings=list(panels),
        columns=columns,
        height={1: 2.4, 2: 1.9}.get(columns, 1.6),
        width=WIDTH if columns > 1 else 5.8,
        shared="row" if draw is _scatter else "none",
        labelled="lowest",
        rules=rules,
    )
    name = file_name(kind, *block)
    with style(name):
        figure, grid = create_panels(layout, [""] * columns, ylabel)
        handles: dict[str, Line2D] = {}
        for axes, frame in zip(grid, panels.values(), strict=True):
            for rule, rows in frame.groupby("rule", sort=False):
                handles[str(rule)] = draw(axes, rows, looks[str(rule)])
            if draw is _scatter and (frame["flatness"] > 0).all():
                _logarithmic(axes, frame["flatness"].to_numpy(dtype=float))
            else:
                axes.locator_params(axis="x", nbins=5)
        legend(figure, {rule: handles[rule] for rule in rules})
        return finish(figure, name, f"{title}: {', '.join(block)}", caption)


def _logarithmic(axes: "Axes", values: NDArray[np.float64]) -> None:
    """Make the x axis logarithmic with plain tick labels, at 1, 2 and 5 if there are few powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if values.max() < 100 * values.min() else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _scatter(axes: "Axes", rows: pd.DataFrame, look: Look) -> "Line2D":
    (points,) = axes.plot(
        rows["flatness"].to_numpy(dtype=float),
        rows["forgotten"].to_numpy(dtype=float),
        linestyle="",
        marker=look.marker,
        color=look.colour,
        markersize=4.5,
        alpha=0.65,
        mew=0,
    )
    return points


def _curve(axes: "Axes", rows: pd.DataFrame, look: Look) -> "Line2D":
    seeds = rows.groupby(["seed", "at"])["value"].mean().unstack("at")
    x, mean = seeds.columns.to_numpy(dtype=float), seeds.mean().to_numpy(dtype=float)
    (line,) = axes.plot(x, mean, color=look.colour, marker=look.marker, linestyle=look.dashes, markersize=3.5, mew=0)
    if len(seeds) > 1:
        std = seeds.std(ddof=1).to_numpy(dtype=float)
        low, high = band(mean, std) if rows["measure"].iloc[0] == "noisy_accuracy" else (mean - std, mean + std)
        shade(axes, x, low, high, look.colour)
    return line
