"""Loss landscape: flatness against forgetting, and values at a distance from the weights."""

from collections.abc import Iterable, Mapping

import pandas as pd

from lifelong_lb.evaluation import LANDSCAPE_MEASURES, spread
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.panels import (
    INTERVALS,
    Look,
    by_rule,
    chart_names,
    courses,
    file_name,
    mean_row,
    numbers,
    panelled,
    rounded,
    tooltip,
)
from lifelong_lb.reports.names import display_name, symbol
from lifelong_lb.reports.results.landscape import pick_measures, rows_at

_SCATTER_MEASURES = (
    "rise",
    "m_sharpness",
    "adaptive_rise",
    "hessian_eigenvalue",
    "hessian_trace",
    "accuracy_lost_to_noise",
)
_CURVE_MEASURES = ("m_sharpness", "adaptive_m_sharpness", "path_loss", "noisy_accuracy")
_IN_PERCENT = ("noisy_accuracy", "accuracy_lost_to_noise")
Key = tuple[str, str, str]
"""Labels of a stream, a strategy and a base optimizer."""

_FLATNESS = (
    "Each point is one experience i < T-1 of one run. x axis{scale}: sharpness of the loss on its training images, or "
    "accuracy on its test images lost to noise, directly after it was learnt; further right is sharper. y axis: "
    "accuracy lost on its test part by the end, R[i, i] - R[T-1, i]."
)
_CURVES = (
    "Means over experiences, each measured directly after it was learnt and on its own images, and over seeds; "
    f"{INTERVALS}. The loss on the line is that of the previous experience, from the weights after it (t = 0) to "
    "those after the next one (t = 1)."
)


def flatness(key: Key, table: pd.DataFrame, looks: Mapping[str, Look]) -> list[Chart]:
    """Chart flatness after each experience against its later forgetting, one panel per measure.

    Args:
        key: labels of the stream, strategy and base optimizer.
        table: their rows of a flatness table.
        looks: looks by label of a rule.

    Returns:
        A chart of the measures that are above 0 everywhere, on logarithmic axes, and one of the others; fewer if there
        are none.
    """
    known = table.dropna(subset=["flatness", "forgotten"])
    frames = {place: rows_at(known, *place) for place in pick_measures(known, _SCATTER_MEASURES)}
    positive = {place: frame for place, frame in frames.items() if (frame["flatness"] > 0).all()}
    others = {place: frame for place, frame in frames.items() if place not in positive}
    charts = [_scatter("flatness", key, positive, looks, " (logarithmic)")] if positive else []
    return [*charts, _scatter("flatness-linear", key, others, looks, "")] if others else charts


def _scatter(
    kind: str, key: Key, frames: Mapping[tuple[str, float], pd.DataFrame], looks: Mapping[str, Look], scale: str
) -> Chart:
    names = _names(key, frames.values(), looks)
    rows: list[Row] = []
    titles = {place: _title(*place) for place in frames}
    for place, frame in frames.items():
        factor = 100 if place[0] in _IN_PERCENT else 1
        columns = (frame[name].tolist() for name in ("rule", "flatness", "forgotten", "experience", "seed"))
        rows += [
            {"panel": titles[place], "rule": names[str(label)], "x": rounded(factor * x, 4), "y": rounded(100 * y, 4)}
            | {"experience": int(i), "seed": int(seed)}
            for label, x, y, i, seed in zip(*columns, strict=True)
        ]
    rule = by_rule({names[label]: looks[label] for label in names})
    x = numbers("x", "sharpness", axis={"format": "~r"}, **({"type": "log", "nice": False} if scale else {}), padding=6)
    y = numbers("y", "forgotten, %", padding=4)
    shown = tooltip(("rule", "rule"), ("x", "sharpness"), ("y", "forgotten, %"), ("experience", "experience"),
                    ("seed", "seed"), decimals={"x": ".3~r", "experience": ""})  # fmt: skip
    point = {"x": x, "y": y, "color": rule["color"], "shape": rule["shape"], "tooltip": shown}
    layer = {"mark": {"type": "point", "filled": True, "style": "dot", "opacity": 0.65}, "encoding": point}
    name = file_name(kind, *key)
    title, caption = f"Flatness and forgetting: {_where(key)}", _FLATNESS.format(scale=scale)
    return panelled(name, title, caption, titles.values(), [layer], rows, names=names.values(), shared=["y"])


def away_from_weights(key: Key, landscape: pd.DataFrame, looks: Mapping[str, Look]) -> Chart | None:
    """Chart m-sharpness over radii, loss on the line to the next minimum, and accuracy over noise scales.

    Args:
        key: labels of the stream, strategy and base optimizer.
        landscape: their rows of a landscape.
        looks: looks by label of a rule.

    Returns:
        The chart; None if there is nothing to draw.
    """
    same = landscape["trained"] == landscape["measured"]
    frames = {
        measure: landscape[(landscape["measure"] == measure) & (~same if measure == "path_loss" else same)].dropna(
            subset=["value", "at"]
        )
        for measure in _CURVE_MEASURES
    }
    frames = {measure: frame for measure, frame in frames.items() if len(frame)}
    if not frames:
        return None
    names = _names(key, frames.values(), looks)
    rows: list[Row] = []
    titles = {}
    for measure, frame in frames.items():
        of = ", previous experience" if measure == "path_loss" else ""
        titles[measure] = f"{_title(measure)}{of}, over {_distance(measure)}"
        percent = measure in _IN_PERCENT
        by_seed = frame.groupby(["rule", "at", "seed"], sort=False)["value"].mean().reset_index()
        for (label, at), values in by_seed.groupby(["rule", "at"], sort=False):
            found = spread(values["value"].tolist())
            mean = mean_row(found, 100, (0, 100)) if percent else mean_row(found)
            rows.append({"panel": titles[measure], "rule": names[str(label)], "x": rounded(float(str(at))), **mean})
    rule = by_rule({names[label]: looks[label] for label in names})
    shown = tooltip(("rule", "rule"), ("x", "at"), ("y", "mean"), ("low", "interval from"), ("high", "to"),
                    ("seeds", "seeds"), decimals=dict.fromkeys(("x", "y", "low", "high"), ".4~r"))  # fmt: skip
    layers = courses(numbers("x", "distance"), numbers("y", None), rule, shown)
    name = file_name("landscape", *key)
    title = f"Away from the weights: {_where(key)}"
    return panelled(name, title, _CURVES, titles.values(), layers, rows, names=names.values())


def _names(key: Key, frames: Iterable[pd.DataFrame], looks: Mapping[str, Look]) -> dict[str, str]:
    """Names of the rules that occur, in the order of the study."""
    present = {str(label) for frame in frames for label in frame["rule"].unique()}
    return chart_names([label for label in looks if label in present], key[2])


def _title(measure: str, at: float = float("nan")) -> str:
    """Title of a measure, with its radius, noise scale or rank."""
    title = LANDSCAPE_MEASURES[measure].title + (", %" if measure in _IN_PERCENT else "")
    return title if at != at else f"{title}, {_distance(measure)} = {at:g}"


def _distance(measure: str) -> str:
    """Symbol of the distance from the weights."""
    return symbol(LANDSCAPE_MEASURES[measure].at.split(",")[0])


def _where(key: Key) -> str:
    stream, strategy, optimizer = key
    return f"{stream}, {display_name(strategy)}, {display_name(optimizer)}"
