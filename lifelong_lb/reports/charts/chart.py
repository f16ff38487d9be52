"""A chart, the looks of rules, and the sizes of the page and of papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Spec = Mapping[str, Any]
"""A Vega-Lite specification or a part of one."""
Row = Mapping[str, Any]

POINTS_PER_INCH = 72
"""vl-convert writes a PDF of one point per pixel of a specification."""

AXIS = 4.4
"""Width of an axis with its title, in multiples of the font size."""
MOST_COLUMNS = 3

_COLOURS = ["#6b7280", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b4fa3"]
"""Okabe & Ito's palette for the colour-blind; its black is a grey, its yellow (too light for lines) a violet."""
_SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left"]
_DASHES: list[list[int]] = [[1, 0], [5, 2], [2, 2], [6, 2, 2, 2]]


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: file name without suffix, safe on every system.
        title: title of the figure.
        caption: what is shown, with definitions.
        spec: Vega-Lite specification without ``datasets`` and ``config``; it refers to datasets by name.
        data: rows by name of a dataset.
    """

    name: str
    title: str
    caption: str
    spec: Spec
    data: Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Canvas:
    """Space for a chart.

    Attributes:
        width: width in pixels of the page, or points of a PDF.
        font: size of letters in the same unit.
        medium: ``page`` for the HTML page, where charts follow the colours of the browser; ``paper`` for files.
    """

    width: float
    font: float
    medium: Literal["page", "paper"] = "page"

    @classmethod
    def paper(cls, inches: float, points: float) -> "Canvas":
        """Space in a document.

        Args:
            inches: width in inches.
            points: size of letters in points.

        Returns:
            The space.
        """
        return cls(inches * POINTS_PER_INCH, points, "paper")

    def panels(self, number: int, narrowest: float = 11) -> tuple[int, float]:
        """Divide the width into panels.

        Args:
            number: number of panels.
            narrowest: smallest width of a panel, in multiples of the font size.

        Returns:
            Columns, and the width of a plot in pixels, without its axis.
        """
        axis = AXIS * self.font
        columns = max(1, min(number, MOST_COLUMNS, int(self.width / (narrowest * self.font + axis))))
        return columns, self.width / columns - axis


PAGE = Canvas(width=1040, font=12)
"""The page's column."""


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


def legend(canvas: Canvas, names: Sequence[str]) -> dict[str, Any]:
    """Legend below a chart, in as many columns as fit.

    Args:
        canvas: the space of the chart.
        names: names in the legend.

    Returns:
        A Vega-Lite legend.
    """
    key = {"title": None, "orient": "bottom", "labelLimit": canvas.width, "symbolOpacity": 1}
    if canvas.medium == "page":
        return key  # columns are computed in the browser
    longest = max((len(name) for name in names), default=1)
    columns = max(1, min(len(names), int(canvas.width / (canvas.font * (0.55 * longest + 3)))))
    return {**key, "columns": columns}


def by_rule(canvas: Canvas, looks_of: Mapping[str, Look]) -> dict[str, Any]:
    """Encode rules by colour and shape, with one legend.

    Args:
        canvas: the space of the chart.
        looks_of: looks by the name that the data's field ``rule`` contains.

    Returns:
        Vega-Lite channels ``color`` and ``shape``.
    """
    names, key = list(looks_of), legend(canvas, list(looks_of))
    colours = {"domain": names, "range": [look.colour for look in looks_of.values()]}
    shapes = {"domain": names, "range": [look.shape for look in looks_of.values()]}
    return {
        "color": {"field": "rule", "type": "nominal", "scale": colours, "legend": key},
        "shape": {"field": "rule", "type": "nominal", "scale": shapes, "legend": key},
    }


def config(canvas: Canvas, *, dark: bool = False) -> dict[str, Any]:
    """Look of all charts.

    Args:
        canvas: the space of the chart.
        dark: for a dark page.

    Returns:
        A Vega-Lite config.
    """
    ink, soft, line = ("#e6eaf0", "#a5afbd", "#2f3743") if dark else ("#1f2933", "#52606d", "#e1e6ec")
    size = canvas.font
    font = (
        "system-ui, sans-serif" if canvas.medium == "page" else "Arimo, Liberation Sans, Arial, Helvetica, sans-serif"
    )
    text = {"labelColor": soft, "titleColor": ink, "titleFontSize": size, "titleFontWeight": 500, "labelFontSize": size}
    return {
        "background": None if canvas.medium == "page" else "white",
        "font": font,
        "view": {"stroke": None},
        "axis": {**text, "labelFontSize": 0.92 * size, "gridColor": line, "domainColor": line, "tickColor": line,
                 "tickCount": 5, "labelOverlap": "greedy", "titlePadding": 0.5 * size},
        "legend": {**text, "labelColor": ink, "rowPadding": 2, "symbolSize": 5 * size},
        "header": {**text, "labelColor": ink, "labelFontWeight": 600, "labelPadding": 4},
        "title": {"color": ink, "fontSize": size, "fontWeight": 600, "anchor": "middle"},
        "text": {"color": ink, "fontSize": size},
    }  # fmt: skip


def complete(chart: Chart, canvas: Canvas, *, dark: bool = False) -> dict[str, Any]:
    """Complete specification of a chart, with its data and look.

    Args:
        chart: the chart.
        canvas: the space that it was made for.
        dark: for a dark page.

    Returns:
        A Vega-Lite specification that stands alone.
    """
    data = {name: list(rows) for name, rows in chart.data.items()}
    return {**chart.spec, "datasets": data, "config": config(canvas, dark=dark)}
