"""Parts that charts share: names, looks, panels, axes, and means over seeds with their intervals."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifelong_lb.evaluation import Spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row, Spec
from lifelong_lb.reports.names import display_name

_COLOURS = ["#6b7280", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b4fa3"]
"""Okabe & Ito's palette for the colour-blind; its black is a grey, its yellow (too light for lines) a violet."""
_SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left"]
_DASHES: list[list[int]] = [[1, 0], [5, 2], [2, 2], [6, 2, 2, 2]]
MOST_LETTERS = 44
"""Most letters of a name in a chart."""
Channels = dict[str, Any]
DODGE = 0.06
"""Most distance between two rules at the same whole number."""
FEWEST_SEEDS = 3
"""Fewest seeds for an interval in a chart: that of two seeds is nine standard deviations on either side."""
INTERVALS = f"bars are 95 % intervals (Student's t; from {FEWEST_SEEDS} seeds on, cut at the bounds of the measure)"


@dataclass(frozen=True)
class Look:
    """Looks of a rule, the same in all charts of a report.

    Attributes:
        colour: colour of its points and lines.
        shape: Vega's name of its point.
        dash: lengths of dashes and gaps of its line.
    """

    colour: str
    shape: str
    dash: Sequence[int]


BASELINE = Look("#6b7280", "stroke", [4, 3])
"""Look of a rule that is drawn as a level."""


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """Assign looks to the rules of a study.

    Args:
        labels: all rules, in the order of the study.

    Returns:
        Looks by rule: eight colours with a shape each, then the same colours with other shapes and dashes.
    """
    n = len(_COLOURS)
    return {
        label: Look(_COLOURS[i % n], _SHAPES[(i + 3 * (i // n)) % n], _DASHES[i // n % len(_DASHES)])
        for i, label in enumerate(labels)
    }


def by_rule(looks_of: Mapping[str, Look]) -> dict[str, Any]:
    """Encode rules by colour, shape and dash, with one legend below the chart.

    Args:
        looks_of: looks by the name that the data's field ``rule`` contains.

    Returns:
        Vega-Lite channels ``color``, ``shape`` and ``strokeDash``.
    """
    names = list(looks_of)
    field = {"field": "rule", "type": "nominal"}
    key = {"title": None, "orient": "bottom", "symbolOpacity": 1}
    ranges = {
        "color": [look.colour for look in looks_of.values()],
        "shape": [look.shape for look in looks_of.values()],
        "strokeDash": [list(look.dash) for look in looks_of.values()],
    }
    return {
        channel: {**field, "scale": {"domain": names, "range": of}, "legend": key} for channel, of in ranges.items()
    }


def file_name(kind: str, *labels: str) -> str:
    """Build a name that is valid on every file system and as an HTML id.

    Args:
        kind: kind of the chart.
        labels: labels that distinguish charts of a kind; any text.

    Returns:
        Lower-case ASCII letters, digits and hyphens; different for different labels.

    Example:
        >>> file_name("trade-off", "split-digits", "sgd"), file_name("trade-off", "../A", "sgd")
        ('trade-off--split-digits--sgd', 'trade-off--a--sgd-d4ddf782')
    """
    slugs = [re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40] or "x" for label in labels]
    name = "--".join([kind, *slugs])
    if list(labels) == slugs:
        return name
    return f"{name}-{hashlib.sha256(repr(labels).encode()).hexdigest()[:8]}"


def short(label: str, most: int = MOST_LETTERS) -> str:
    r"""Shorten a label to one line that can be printed.

    Args:
        label: any text.
        most: most letters; longer labels lose their middle.

    Returns:
        Text.

    Example:
        >>> short("a\nb"), short("abcdefghij", 5)
        ('a b', 'ab…ij')
    """
    text = "".join(letter for letter in " ".join(label.split()) if letter.isprintable())
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def chart_names(labels: Iterable[str], optimizer: str = "") -> dict[str, str]:
    """Name entries in a chart.

    Args:
        labels: labels of rules or strategies.
        optimizer: label of the base optimizer, which names the rule ``none``.

    Returns:
        Names for people by label, short and different from each other.

    Example:
        >>> chart_names(["none", "lookbehind-sam(k=5)"], "sgd")
        {'none': 'plain SGD', 'lookbehind-sam(k=5)': 'Lookbehind-SAM, k = 5'}
    """
    names: dict[str, str] = {}
    for label in labels:
        name = wanted = short(display_name(label, optimizer)) or "(no name)"
        number = 1
        while name in names.values():
            number += 1
            name = f"{wanted} ({number})"
        names[label] = name
    return names


def panelled(
    name: str,
    title: str,
    caption: str,
    panels: Iterable[str],
    layers: Sequence[Spec],
    rows: Sequence[Row],
    *,
    names: Iterable[str] = (),
    grid: Grid | None = None,
    shared: Sequence[str] = (),
) -> Chart:
    """Build a chart of one panel per value of the field ``panel``.

    Args:
        name: file name without suffix, and name of the dataset.
        title: title of the figure.
        caption: what is shown.
        panels: values of the field, which are the titles of the panels, in their order.
        layers: layers of a panel.
        rows: the data.
        names: names in the legend.
        grid: sizes of the panels; None for the usual ones.
        shared: channels whose scale all panels share, of ``x`` and ``y``.

    Returns:
        The chart.
    """
    entries, shown = list(names), list(panels)
    legend = {"entries": len(entries), "longest": max(map(len, entries), default=1)}
    spec = {
        "data": {"name": name},
        "usermeta": {"panels": len(shown), **vars(grid or Grid()), **legend},
        "facet": {"field": "panel", "type": "nominal", "sort": shown, "header": {"title": None}},
        "resolve": {
            "scale": {channel: "shared" if channel in shared else "independent" for channel in ("x", "y")},
            "axis": {"x": "independent", "y": "independent"},
        },
        "spec": {"layer": list(layers)},
    }
    return Chart(name, title, caption, spec, {name: rows})


def numbers(field: str, title: str | None, *, axis: Spec | None = None, **scale: Any) -> dict[str, Any]:
    """Encode numbers on an axis that need not start at 0.

    Args:
        field: name of the field.
        title: title of the axis; None for none.
        axis: further properties of the axis.
        scale: further properties of the scale.

    Returns:
        A Vega-Lite channel.
    """
    channel: dict[str, Any] = {"field": field, "type": "quantitative", "title": title}
    start = {} if scale.get("type") == "log" else {"zero": False}
    return {**channel, "scale": {**start, **scale}} | ({"axis": axis} if axis else {})


def tooltip(*fields: tuple[str, str], decimals: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """List what a point shows under the pointer.

    Args:
        fields: names of fields and their titles; numbers have one decimal.
        decimals: other formats of numbers, by field; an empty one for texts and whole numbers.

    Returns:
        A Vega-Lite channel.
    """
    formats = {"rule": "", "seeds": "", "seed": "", **(decimals or {})}
    shown = [{"field": field, "title": title, "format": formats.get(field, ".1f")} for field, title in fields]
    return [each if each["format"] else {k: v for k, v in each.items() if k != "format"} for each in shown]


def vertical_intervals(x: Spec, y: Spec, colour: Spec) -> Spec:
    """Draw the fields ``low`` to ``high`` as bars.

    Args:
        x: channel of the position.
        y: channel of the mean, whose axis the bars share.
        colour: channel of the colour.

    Returns:
        A layer.
    """
    return {
        "mark": {"type": "rule", "style": "interval"},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        "transform": [{"filter": "datum.low != null"}],
    }


def courses(x: Spec, y: Spec, rule: Mapping[str, Spec], shown: Sequence[Spec]) -> list[Spec]:
    """Draw a line per rule through means over seeds, with points and intervals.

    Args:
        x: channel of the position.
        y: channel of the mean, with the field ``y``; the interval is in ``low`` and ``high``.
        rule: channels of the rule.
        shown: tooltip of the points.

    Returns:
        Layers.
    """
    line = {"x": x, "y": y, "color": rule["color"], "strokeDash": rule["strokeDash"]}
    point = {"x": x, "y": y, "color": rule["color"], "shape": rule["shape"], "tooltip": list(shown)}
    return [
        vertical_intervals(x, y, rule["color"]),
        {"mark": {"type": "line", "style": "course"}, "encoding": line},
        {"mark": {"type": "point", "filled": True, "style": "dot", "opacity": 1}, "encoding": point},
    ]


def mean_row(
    found: Spread, scale: float = 1.0, bounds: tuple[float, float] = (float("-inf"), float("inf"))
) -> Channels:
    """Fields of a mean over seeds.

    Args:
        found: the mean and its interval.
        scale: factor, 100 for percent.
        bounds: the interval is clipped to these, after scaling.

    Returns:
        ``y``, ``low``, ``high`` (None for few seeds) and ``seeds``.
    """
    low, high = (min(max(scale * end, bounds[0]), bounds[1]) for end in (found.low, found.high))
    ends = {"low": rounded(low), "high": rounded(high)} if found.seeds >= FEWEST_SEEDS else {"low": None, "high": None}
    return {"y": rounded(scale * found.mean), **ends, "seeds": found.seeds}


def rounded(value: float, digits: int = 5) -> float:
    """Round to significant digits.

    Args:
        value: a number.
        digits: their number; four for data of many points, which the page contains.

    Returns:
        The number.
    """
    return float(f"{value:.{digits}g}")


def dodged(position: float, index: int, of: int) -> float:
    """Shift a position so that several rules can be seen beside each other.

    Args:
        position: a whole number.
        index: number of the rule, from 0.
        of: number of rules.

    Returns:
        The position, shifted by less than a quarter.
    """
    return round(position + (index - (of - 1) / 2) * min(DODGE, 0.45 / of), 4)
