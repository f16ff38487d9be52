"""Charts as SVG, PDF and PNG files, by vl-convert: no browser is needed."""

from lifelong_lb.reports.charts.chart import Canvas, Chart, complete

FORMATS = ("svg", "pdf", "png")
VEGA_LITE = "6.1"
"""Version of Vega-Lite that specifications are written for."""


def export(chart: Chart, canvas: Canvas, suffix: str) -> bytes:
    """Convert a chart to the content of a file.

    Args:
        chart: the chart.
        canvas: the space that it was made for.
        suffix: one of :data:`FORMATS`.

    Returns:
        The content.
    """
    import vl_convert

    spec = complete(chart, canvas)
    if suffix == "svg":
        return vl_convert.vegalite_to_svg(spec, VEGA_LITE).encode("utf-8")
    if suffix == "pdf":
        return bytes(vl_convert.vegalite_to_pdf(spec, VEGA_LITE))
    return bytes(vl_convert.vegalite_to_png(spec, VEGA_LITE, ppi=200))
