"""Scripts of the page: Vega, bundled by vl-convert, and ours."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from lifelong_lb.reports.charts.export import VEGA_LITE


@cache
def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script.

    Returns:
        An ES module that defines ``vegaEmbed`` in the window.
    """
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE))


def page_scripts() -> list[str]:
    """Return our own scripts.

    Returns:
        The sorting of tables, and the explorer.
    """
    folder = files(__package__) / "templates"
    return [(folder / name).read_text(encoding="utf-8") for name in ("report.js", "charts.js", "explorer.js")]


def script_hash(script: str) -> str:
    """Compute the hash of a script for the Content-Security-Policy.

    Args:
        script: the text of the element.

    Returns:
        SHA-256 in base 64.
    """
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
