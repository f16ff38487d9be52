"""The axes of a study's grid."""

from collections.abc import Mapping

from lifelong_lb.config.fields import Entry
from lifelong_lb.config.optimizers import OPTIMIZER_ENTRIES
from lifelong_lb.config.rules import RULE_ENTRIES
from lifelong_lb.config.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.streams import STREAM_ENTRIES

AXES: dict[str, tuple[str, Mapping[str, type[Entry]]]] = {
    "streams": ("stream", STREAM_ENTRIES),
    "strategies": ("strategy", STRATEGY_ENTRIES),
    "rules": ("rule", RULE_ENTRIES),
    "optimizers": ("optimizer", OPTIMIZER_ENTRIES),
}
"""Grid axes of a study file: the word for one entry, and the entries known."""
