"""Charts as SVG, PDF and PNG files, by vl-convert: no browser is needed."""

import re
from collections.abc import Iterator, Sequence
from math import isfinite

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.reports.charts.chart import Canvas, Chart, complete, pages
from lifelong_lb.reports.charts.pdf import in_order

FORMATS = ("svg", "pdf", "png")
VEGA_LITE = "6.1"
"""Version of Vega-Lite that specifications are written for."""
WIDTHS = {"column": 3.3, "page": 6.75}
"""Widths of figures in inches: of a column of text, and of a page with two."""
FONT_SIZES = (4.0, 24.0)
"""Smallest and largest size of letters in points."""
_PIXELS_PER_INCH = 200
_BOX = re.compile(r'width="[\d.]+" height="[\d.]+" viewBox="[^"]*"')
_BACKGROUND = re.compile(r'<rect width="[\d.]+"')
_DEFINITION = re.compile(r'(id="|url\(#)(clip|gradient_)(\d+)')
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)"[^>]*?height="([\d.]+)"')


def figure_canvas(width: str, font_size: float) -> Canvas:
    """Space for figures of a paper.

    Args:
        width: one of :data:`WIDTHS`.
        font_size: size of letters in points.

    Returns:
        The space.

    Raises:
        UserError: for another width, or a size outside :data:`FONT_SIZES`.
    """
    if width not in WIDTHS:
        raise UserError(unknown_name("width", width, WIDTHS))
    least, most = FONT_SIZES
    if not (isfinite(font_size) and least <= font_size <= most):
        raise UserError(f"font size must be {least:g} to {most:g} points; got {font_size:g}")
    return Canvas.paper(WIDTHS[width], font_size)


def check_formats(formats: Sequence[str]) -> None:
    """Check names of file formats.

    Args:
        formats: names.

    Raises:
        UserError: for one that is not among :data:`FORMATS`.
    """
    for name in formats:
        if name not in FORMATS:
            raise UserError(unknown_name("figure format", name, FORMATS))


def figure_files(charts: Sequence[Chart], formats: Sequence[str], canvas: Canvas) -> Iterator[tuple[str, bytes]]:
    """Convert charts to files.

    Args:
        charts: the charts.
        formats: some of :data:`FORMATS`.
        canvas: space on paper; charts that are too high are cut into several.

    Yields:
        Names of files and their content.
    """
    for chart in charts:
        for sheet in pages(chart, canvas):
            for suffix in formats:
                yield f"{sheet.name}.{suffix}", export(sheet, canvas, suffix)


def export(chart: Chart, canvas: Canvas, suffix: str) -> bytes:
    """Convert a chart to the content of a file.

    Args:
        chart: the chart.
        canvas: the space; the file is exactly as wide.
        suffix: one of :data:`FORMATS`.

    Returns:
        The content; equal charts give equal bytes.
    """
    import vl_convert

    svg = _fitted_svg(chart, canvas)
    if suffix == "svg":
        return svg.encode("utf-8")
    if suffix == "pdf":
        return in_order(bytes(vl_convert.svg_to_pdf(svg)))
    return bytes(vl_convert.svg_to_png(svg, ppi=_PIXELS_PER_INCH))


def _fitted_svg(chart: Chart, canvas: Canvas) -> str:
    """A chart as wide as the canvas: axes take room that depends on their labels, so panels share the rest."""
    import vl_convert

    wider = 0.0
    for _ in range(4):
        svg = str(vl_convert.vegalite_to_svg(complete(chart, canvas, wider=wider), VEGA_LITE))
        width, height = _size(svg)
        if 0 <= canvas.width - width < 3:
            break
        wider += canvas.width - width - 1
    return _with_own_ids(_widened(svg, width, height, canvas.width))


def _with_own_ids(svg: str) -> str:
    """An SVG whose definitions are numbered from 0; vl-convert counts on through all charts of a process."""
    new: dict[str, str] = {}
    for _, kind, number in _DEFINITION.findall(svg):
        new.setdefault(f"{kind}{number}", f"{kind}{len(new)}")
    return _DEFINITION.sub(lambda found: f"{found[1]}{new[found[2] + found[3]]}", svg)


def _size(svg: str) -> tuple[float, float]:
    found = _SIZE.match(svg)
    assert found is not None, svg[:200]
    return float(found[1]), float(found[2])


def _widened(svg: str, width: float, height: float, wanted: float) -> str:
    """An SVG of the wanted width: with margins on both sides, or scaled down where a long label left no choice."""
    left = -max(0.0, wanted - width) / 2
    tall, wide = height * min(1.0, wanted / width), max(width, wanted)
    box = f"{left:g} 0 {wide:g} {height:g}"
    svg = _BOX.sub(f'width="{wanted:g}" height="{tall:g}" viewBox="{box}"', svg, count=1)
    return _BACKGROUND.sub(f'<rect x="{left:g}" width="{wide:g}"', svg, count=1)
