"""One colour, shape and dash per rule, the same in all charts of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
