"""How every figure looks, and how it becomes a file: one style, one colour a rule, the same bytes each time."""

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
"""Inches of a figure as wide as the page's column."""
LINE = 0.2
"""Inches of a line of a legend."""

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
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@dataclass(frozen=True)
class Look:
    """How a rule is drawn, the same in all figures of a report.

    Attributes:
        colour: of its line, band and points.
        marker: of its points.
        dashes: matplotlib's line style.
    """

    colour: str
    marker: str
    dashes: str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    Attributes:
        name: file name without ending, safe on every system.
        title: a few words.
        caption: what is shown, with its definition.
        svg: the SVG file.
        png: the PNG file.
    """

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes

    def inline(self) -> str:
        """The figure as an element of an HTML page.

        Returns:
            An ``<svg>`` whose ids begin with the figure's name, so that several can share a page.
        """
        text = self.svg.decode("utf-8")
        text = text[text.index("<svg") :]
        head = f'<svg role="img" aria-labelledby="{self.name}-caption"'
        return re.sub(r"<[^>]+>", self._own_ids, text).replace("<svg", head, 1)

    def _own_ids(self, tag: re.Match[str]) -> str:
        """One tag with its ids, and what points to ids, made the figure's own."""
        return re.sub(r'(\sid="|"#|url\(#)', lambda m: f"{m[1]}{self.name}-", tag[0])


def looks(rules: Sequence[str]) -> dict[str, Look]:
    """Give each rule its looks.

    Args:
        rules: all rules of the study, in its order.

    Returns:
        Rule to looks: eight colours with a marker each, then the same colours with other markers and dashes.
    """
    n = len(_COLOURS)
    return {
        rule: Look(_COLOURS[i % n], _MARKERS[(i + 3 * (i // n)) % n], _DASHES[i // n % len(_DASHES)])
        for i, rule in enumerate(rules)
    }


@contextmanager
def style(name: str) -> Iterator[None]:
    """Matplotlib's settings while a figure is drawn and saved; the caller's own are back afterwards.

    Args:
        name: the figure's name; ids within its SVG are hashed with it.

    Yields:
        Nothing.
    """
    import matplotlib.style

    with matplotlib.style.context([{**_SETTINGS, "svg.hashsalt": name}], after_reset=True):
        yield


def finish(figure: "Figure", name: str, title: str, caption: str) -> Drawing:
    """Save a figure. To be called within :func:`style`.

    Args:
        figure: the figure.
        name: file name without ending.
        title: a few words.
        caption: what is shown.

    Returns:
        The drawing; the same figure gives the same bytes.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    quickly = {"compress_level": 1}  # a fifth larger, and a tenth of the time a report takes
    figure.savefig(png, format="png", metadata=dict.fromkeys(["Software"]), pil_kwargs=quickly)
    return Drawing(name, title, caption, svg.getvalue(), png.getvalue())


def shade(axes: "Axes", x: Array, low: Array, high: Array, colour: str) -> None:
    """Shade what lies between two lines, as ``fill_between`` does, without finding the limits of the axes each time.

    Args:
        axes: a panel in which the line between was drawn just now, so that its limits are found anew in the end.
        x: ``(n,)``.
        low: ``(n,)``, NaN for a gap.
        high: ``(n,)``, likewise.
        colour: of the band.
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
    """A name that every file system and every HTML id can bear.

    Args:
        kind: what the figure shows.
        labels: labels that tell figures of a kind apart; any text.

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
    """A label fit for a figure: one line, not too long, in characters that the font has.

    Args:
        label: any text.
        length: most characters to keep; a longer label loses its middle.

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
    return f" {text}" if text.startswith("_") else text  # matplotlib hides what begins with an underscore


def lines_of(label: str, width: int) -> str:
    """A label for a panel, broken into lines.

    Args:
        label: any text.
        width: characters a line.

    Returns:
        Text with at most three lines; one that has more is shortened first.
    """
    import textwrap

    text = short(label, 3 * width - 6)
    if len(text) <= width:
        return text
    return "\n".join(textwrap.wrap(text.replace("(", " (", 1), width, break_on_hyphens=False)[:3])


def legend(figure: "Figure", handles: Mapping[str, "Line2D"]) -> None:
    """Name the rules below a figure, in as many columns as fit.

    Args:
        figure: the figure.
        handles: rule to what stands for it.
    """
    rows = legend_rows(list(handles), figure.get_figwidth())
    figure.legend(
        list(handles.values()),
        [short(rule) for rule in handles],
        loc="lower left",  # in sight where a small screen shows the left of a figure alone
        borderaxespad=0.2,
        ncols=-(-len(handles) // rows),
        handlelength=2.4,
        columnspacing=1.4,
    )


def legend_rows(rules: Sequence[str], width: float) -> int:
    """Rows of the legend below a figure.

    Args:
        rules: what it names.
        width: the figure's width in inches.

    Returns:
        Their number, each about :data:`LINE` inches high.
    """
    column = 0.55 + 0.075 * max(len(short(rule)) for rule in rules)
    columns = max(1, min(len(rules), int(width / column)))
    return -(-len(rules) // columns)


def settle(figure: "Figure", rules: Sequence[str] = ()) -> None:
    """Let matplotlib find the layout of a figure whose texts may be long, once for both of its files.

    Args:
        figure: the figure, without a layout engine of its own.
        rules: what its legend names, for which room is left below.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    below = (LINE * legend_rows(rules, figure.get_figwidth()) + 0.1) / figure.get_figheight() if rules else 0.0
    ConstrainedLayoutEngine(rect=(0, below, 1, 1 - below)).execute(figure)
