"""Names and looks of rules in charts, and names of charts."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifelong_lb.reports.names import display_name

_COLOURS = ["#6b7280", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b4fa3"]
"""Okabe & Ito's palette for the colour-blind; its black is a grey, its yellow (too light for lines) a violet."""
_SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left"]
_DASHES: list[list[int]] = [[1, 0], [5, 2], [2, 2], [6, 2, 2, 2]]


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


MOST_LETTERS = 44
"""Most letters of a name in a chart."""


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
