"""A chart, and the sizes and colours that it gets on the page and in papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Spec = Mapping[str, Any]
"""A Vega-Lite specification or a part of one."""
Row = Mapping[str, Any]

POINTS_PER_INCH = 72
"""vl-convert writes a PDF of one point per pixel of a specification."""
MOST_INCHES = 9.0
"""Most inches that a chart of several panels takes on a sheet of paper."""

_LEGEND_START = 5.0
"""Where a legend begins, below the first plot, in multiples of the font size."""
_HEADER, _X_AXIS, _LEGEND_LINE = 2.2, 3.4, 1.5
"""Heights of a panel's title, of an x axis with its title, and of a line of a legend, in multiples of the font size."""


@dataclass(frozen=True)
class Grid:
    """Sizes of panels, in multiples of the font size; the page's script reads them too.

    Attributes:
        axis: width of a y axis with its title.
        narrowest: smallest width of a plot beside others.
        widest: largest width of a plot.
        most: most columns.
        ratio: height of a plot relative to its width.
        highest: largest height of a plot.
        lines: number of rows of a plot with one row per name, which determines its height; 0 for others.
    """

    axis: float = 4.4
    narrowest: float = 11
    widest: float = 56
    most: int = 3
    ratio: float = 0.75
    highest: float = 15.5
    lines: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: file name without suffix, safe on every system.
        title: title of the figure.
        caption: what is shown, with definitions.
        spec: Vega-Lite specification of a facet, without sizes, ``datasets`` and ``config``; it refers to datasets by
            name. Its ``usermeta`` holds the number of panels, their :class:`Grid`, and ``longest``, the number of
            letters of the longest name in the legend.
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

    def panels(self, number: int, grid: Grid) -> tuple[int, float, float]:
        """Divide the width into panels.

        Args:
            number: number of panels.
            grid: their sizes.

        Returns:
            Columns, and the width and height of a plot in pixels, without its axes.
        """
        axis, gap = grid.axis * self.font, self.font
        columns = max(1, min(number, grid.most, int((self.width + gap) / (grid.narrowest * self.font + axis + gap))))
        width = min((self.width + gap) / columns - gap - axis, grid.widest * self.font)
        height = 1.7 * self.font * grid.lines if grid.lines else min(grid.ratio * width, grid.highest * self.font)
        return columns, width, height

    def legend_columns(self, longest: int) -> int:
        """Compute how many columns of a legend fit.

        Args:
            longest: number of letters of its longest name.

        Returns:
            Number of columns, at least 1.
        """
        return max(1, int((self.width / self.font - _LEGEND_START) / (0.55 * longest + 3)))


PAGE = Canvas(width=1040, font=12)
"""The page's column."""


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
        "background": "transparent" if canvas.medium == "page" else "white",
        "font": font,
        "view": {"stroke": None},
        "axis": {**text, "labelFontSize": (0.92 if canvas.medium == "page" else 1) * size, "gridColor": line,
                 "domainColor": line, "tickColor": line, "tickCount": 5, "labelOverlap": "greedy",
                 "titlePadding": 0.5 * size, "labelLimit": 18 * size},
        "legend": {**text, "labelColor": ink, "rowPadding": 2, "symbolSize": 5 * size,
                   "labelLimit": canvas.width - (_LEGEND_START + 3) * size},
        "header": {**text, "labelColor": ink, "labelFontWeight": 600, "labelPadding": 4},
        "title": {"color": ink, "fontSize": size, "fontWeight": 600, "anchor": "middle"},
        "text": {"color": ink, "fontSize": size},
        "style": {
            "mean": {"size": 6.5 * size},
            "dot": {"size": 3 * size},
            "seed": {"size": 1.2 * size},
            "interval": {"strokeWidth": 0.12 * size, "opacity": 0.8},
            "course": {"strokeWidth": 0.13 * size},
            "number": {"fontSize": 0.85 * size},
            "thick": {"strokeWidth": 0.4 * size, "color": soft},
            "quiet": {"strokeWidth": 0.1 * size, "color": "#9aa4b2"},
        },
    }  # fmt: skip


def pages(chart: Chart, canvas: Canvas) -> list[Chart]:
    """Cut a chart into sheets of at most :data:`MOST_INCHES`.

    Args:
        chart: the chart.
        canvas: space on paper.

    Returns:
        The chart, or several with some of its panels each, whose names end in their number.
    """
    facet, meta = chart.spec["facet"], chart.spec["usermeta"]
    columns, _, height = canvas.panels(meta["panels"], _grid(meta))
    legend = _LEGEND_LINE * -(-meta["entries"] // canvas.legend_columns(meta["longest"])) if meta["entries"] else 0
    space = MOST_INCHES * POINTS_PER_INCH - (legend + 1) * canvas.font
    rows = max(1, int(space / (height + (_HEADER + _X_AXIS) * canvas.font)))
    if meta["panels"] <= rows * columns:
        return [chart]
    shown: Sequence[str] = facet["sort"]
    parts = [shown[i : i + rows * columns] for i in range(0, len(shown), rows * columns)]
    return [_part(chart, part, f"{chart.name}-{number}") for number, part in enumerate(parts, 1)]


def _part(chart: Chart, shown: Sequence[str], name: str) -> Chart:
    """Some panels of a chart."""
    facet, kept = chart.spec["facet"], set(shown)
    data = {key: [row for row in rows if row[facet["field"]] in kept] for key, rows in chart.data.items()}
    meta = {**chart.spec["usermeta"], "panels": len(shown)}
    spec = {**chart.spec, "facet": {**facet, "sort": list(shown)}, "usermeta": meta}
    return Chart(name, chart.title, chart.caption, spec, data)


def complete(chart: Chart, canvas: Canvas, *, dark: bool = False, wider: float = 0.0) -> dict[str, Any]:
    """Complete specification of a chart, with its data, sizes and look.

    Args:
        chart: the chart.
        canvas: the space.
        dark: for a dark page.
        wider: pixels to add to the width of all panels of a row together, where axes leave more room than expected.

    Returns:
        A self-contained Vega-Lite specification.
    """
    meta = chart.spec["usermeta"]
    columns, width, height = canvas.panels(meta["panels"], _grid(meta))
    width += wider / columns
    look = config(canvas, dark=dark)
    look["legend"] |= {
        "columns": canvas.legend_columns(meta["longest"]),
        "gradientLength": min(15 * canvas.font, width),
    }
    facet = chart.spec["facet"]
    return {
        **chart.spec,
        "facet": {**facet, "header": {**facet["header"], "labelLimit": width + 2 * canvas.font}},
        "columns": columns,
        "spacing": canvas.font,
        "spec": {**chart.spec["spec"], "width": width, "height": height},
        "datasets": {name: list(rows) for name, rows in chart.data.items()},
        "config": look,
    }


def _grid(meta: Mapping[str, Any]) -> Grid:
    return Grid(**{name: meta[name] for name in vars(Grid())})
