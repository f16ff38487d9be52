"""Style of all figures: matplotlib settings, one colour per rule, and reproducible SVG and PNG files."""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Array = NDArray[np.float64]

WIDTH = 9.4
"""Width of a figure that fills the page's column, in inches."""
LINE = 0.2
"""Height of a line of a legend, in inches."""

_COLOURS = ["#3d3d3d", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A"]
"""Okabe & Ito's palette for the colour-blind, its yellow (too light for lines) replaced by a dark violet."""
_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "p"]
_DASHES: list[str | tuple[float, tuple[float, ...]]] = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5))]
_SETTINGS: dict[str, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.labelcolor": "#222222",
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "savefig.dpi": 180,
    "svg.fonttype": "none",  # small files, searchable text, readable by screen readers
    "text.parse_math": False,  # labels may contain dollar signs
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@dataclass(frozen=True)
class Look:
    """Style of a rule, the same in all figures of a report.

    Attributes:
        colour: colour of its line, band and points.
        marker: marker of its points.
        dashes: matplotlib line style.
    """

    colour: str
    marker: str
    dashes: str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    Attributes:
        name: file name without suffix, safe on every system.
        title: title of the figure.
        caption: what is shown, with definitions.
        svg: the SVG file.
        png: the PNG file.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes

    def inline(self) -> str:
        """Return the figure as an element of an HTML page.

        Returns:
            An ``<svg>`` whose ids start with the figure's name, so that several figures can share a page.
        """
        text = self.svg.decode("utf-8")
        text = text[text.index("<svg") :]
        head = f'<svg role="img" aria-labelledby="{self.name}-caption"'
        return re.sub(r"<[^>]+>", self._with_prefixed_ids, text).replace("<svg", head, 1)

    def _with_prefixed_ids(self, tag: re.Match[str]) -> str:
        """One tag with the figure's name in front of its ids and references to ids."""
        return re.sub(r'(\sid="|"#|url\(#)', lambda m: f"{m[1]}{self.name}-", tag[0])


def looks(rules: Sequence[str]) -> dict[str, Look]:
    """Assign a style to each rule.

    Args:
        rules: all rules of the study, in its order.

    Returns:
        Style by rule: eight colours with a marker each, then the same colours with other markers and dashes.
    """
    n = len(_COLOURS)
    return {
        rule: Look(_COLOURS[i % n], _MARKERS[(i + 3 * (i // n)) % n], _DASHES[i // n % len(_DASHES)])
        for i, rule in enumerate(rules)
    }


@contextmanager
def style(name: str) -> Iterator[None]:
    """Set matplotlib's settings while a figure is drawn and saved, and restore the caller's afterwards.

    Args:
        name: the figure's name, the salt of the ids in its SVG.

    Yields:
        Nothing.
    """
    import matplotlib.style

    with matplotlib.style.context([{**_SETTINGS, "svg.hashsalt": name}], after_reset=True):
        yield


def finish(figure: "Figure", name: str, title: str, caption: str) -> Drawing:
    """Save a figure. Call it within :func:`style`.

    Args:
        figure: the figure.
        name: file name without suffix.
        title: title of the figure.
        caption: caption of the figure.

    Returns:
        The drawing; equal figures give the same bytes.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    quickly = {"compress_level": 1}  # files are a fifth larger, but a report takes a tenth less time
    figure.savefig(png, format="png", metadata=dict.fromkeys(["Software"]), pil_kwargs=quickly)
    return Drawing(name, title, caption, svg.getvalue(), png.getvalue())


def shade(axes: "Axes", x: Array, low: Array, high: Array, colour: str) -> None:
    """Shade the area between two lines, as ``fill_between``, without updating the axis limits each time.

    Args:
        axes: a panel in which a line was just drawn, so that its limits will be updated.
        x: ``(n,)``.
        low: ``(n,)``, NaN for a gap.
        high: ``(n,)``, NaN for a gap.
        colour: colour of the band.
    """
    from matplotlib.collections import PolyCollection

    known = ~np.isnan(x + low + high)
    starts = np.flatnonzero(known & ~np.append(False, known[:-1]))
    ends = np.flatnonzero(known & ~np.append(known[1:], False)) + 1
    parts = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    outlines = [
        np.column_stack([np.append(x[part], x[part][::-1]), np.append(low[part], high[part][::-1])]) for part in parts
    ]
    if outlines:
        axes.add_collection(PolyCollection(outlines, color=colour, alpha=0.13, linewidth=0), autolim=False)
        axes.update_datalim(np.concatenate(outlines))


def file_name(kind: str, *labels: str) -> str:
    """Build a name that is valid on every file system and as an HTML id.

    Args:
        kind: kind of the figure.
        labels: labels that distinguish figures of a kind; any text.

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


@lru_cache(maxsize=1000)
def short(label: str, length: int = 44) -> str:
    """Shorten a label for a figure: one line of limited length, in characters of the font.

    Args:
        label: any text.
        length: maximum number of characters; longer labels lose their middle.

    Returns:
        Text.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    line = "".join(char for char in " ".join(label.split()) if char.isprintable())
    text = "".join(char if font.get_char_index(ord(char)) else "\N{REPLACEMENT CHARACTER}" for char in line)
    if len(text) > length:
        half = (length - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels that start with an underscore


def lines_of(label: str, width: int) -> str:
    """Break a label for a panel into lines.

    Args:
        label: any text.
        width: characters per line.

    Returns:
        Text of at most three lines, shortened if necessary.
    """
    import textwrap

    text = short(label, 3 * width - 6)
    if len(text) <= width:
        return text
    return "\n".join(textwrap.wrap(text.replace("(", " (", 1), width, break_on_hyphens=False)[:3])


def legend(figure: "Figure", handles: Mapping[str, "Line2D"]) -> None:
    """Draw the legend below a figure, in as many columns as fit.

    Args:
        figure: the figure.
        handles: legend handle by rule.
    """
    rows = legend_rows(list(handles), figure.get_figwidth())
    figure.legend(
        list(handles.values()),
        [short(rule) for rule in handles],
        loc="lower left",  # visible on small screens, which show the left part of a figure
        borderaxespad=0.2,
        ncols=-(-len(handles) // rows),
        handlelength=2.4,
        columnspacing=1.4,
    )


def legend_rows(rules: Sequence[str], width: float) -> int:
    """Compute the number of rows of the legend below a figure.

    Args:
        rules: rules in the legend.
        width: the figure's width in inches.

    Returns:
        Number of rows, each about :data:`LINE` inches high.
    """
    column = 0.55 + 0.075 * max(len(short(rule)) for rule in rules)
    columns = max(1, min(len(rules), int(width / column)))
    return -(-len(rules) // columns)


def apply_constrained_layout(figure: "Figure", rules: Sequence[str] = ()) -> None:
    """Run matplotlib's constrained layout once, for figures with long texts.

    Args:
        figure: the figure, without a layout engine.
        rules: rules in its legend, for which space is reserved below.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    below = (LINE * legend_rows(rules, figure.get_figwidth()) + 0.1) / figure.get_figheight() if rules else 0.0
    ConstrainedLayoutEngine(rect=(0, below, 1, 1 - below)).execute(figure)
