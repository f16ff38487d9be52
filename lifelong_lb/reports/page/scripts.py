"""Scripts of the page: Vega, bundled by vl-convert, and ours."""

import base64
import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from lifelong_lb.reports.charts.export import VEGA_LITE
from lifelong_lb.store.files import write_bytes

_CACHED = "vega-{}.js"


@cache
def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script.

    Bundling takes a second, so the script is kept in the user's cache folder.

    Returns:
        An ES module that defines ``vegaEmbed`` in the window.
    """
    folder = _cache_folder()
    with suppress(OSError, ValueError):
        for path in folder.glob(_CACHED.format("*")):
            content = path.read_bytes()
            if path.name == _name(content):
                return content.decode("utf-8")
    script = _bundle()
    if folder.is_absolute():  # it is not without a home folder
        content = script.encode("utf-8")
        with suppress(OSError):  # e.g. a home folder that is read-only
            write_bytes(folder / _name(content), content)
    return script


def _bundle() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE))


def _cache_folder() -> Path:
    """Folder for the bundle of the installed versions."""
    import platformdirs

    versions = f"{version('vl-convert-python')}-{VEGA_LITE}"
    return platformdirs.user_cache_path("lifelong_lb", appauthor=False) / "scripts" / versions


def _name(content: bytes) -> str:
    """File name that contains the hash of the content."""
    return _CACHED.format(hashlib.sha256(content).hexdigest())


def page_scripts() -> list[str]:
    """Return our own scripts.

    Returns:
        The sorting of tables, the charts, and the explorer.
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
