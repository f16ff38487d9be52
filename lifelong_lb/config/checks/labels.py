"""Labels of a grid axis: what the columns of the result files hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lifelong_lb.config.entries.fields import Entry
from lifelong_lb.config.entries.optimizers import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.rules import RULE_ENTRIES
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.entries.streams import STREAM_ENTRIES
from lifelong_lb.config.errors import UserError
from lifelong_lb.untrusted import quoted

AXES: dict[str, tuple[str, Mapping[str, type[Entry]]]] = {
    "streams": ("stream", STREAM_ENTRIES),
    "strategies": ("strategy", STRATEGY_ENTRIES),
    "rules": ("rule", RULE_ENTRIES),
    "optimizers": ("optimizer", OPTIMIZER_ENTRIES),
}
"""Grid axes of a study file: the word for one entry, and the entries known."""


def axis_labels(entries: Sequence[Entry], axis: str = "entries") -> list[str]:
    """One label an entry: its own, else its name, with the hyper-parameters that tell namesakes apart.

    Args:
        entries: the entries of one axis, all different.
        axis: what to call it in messages.

    Returns:
        Labels, all different.

    Raises:
        UserError: when a given label is also what another entry would be called.

    Example:
        >>> from lifelong_lb.config.entries.rules import SAM, NoRule
        >>> axis_labels([NoRule(), SAM(), SAM(rho=0.1), SAM(rho=0.5, label="wide")])
        ['none', 'sam(rho=0.05)', 'sam(rho=0.1)', 'wide']
    """
    namesakes: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.label is None:
            namesakes.setdefault(entry.called, []).append(entry)
    called = {name: iter(_distinguished(name, group)) for name, group in namesakes.items()}
    labels = [entry.label or next(called[entry.called]) for entry in entries]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise UserError(f"{axis}: two entries would both be called {quoted(twice[0])}; give one of them another label")
    return labels


def _distinguished(name: str, group: Sequence[Entry]) -> list[str]:
    """Labels of entries that are called the same: the name, with the hyper-parameters in which any two differ."""
    if len(group) == 1:
        return [name]
    own = [entry.distinctions() for entry in group]
    keys = dict.fromkeys(key for values in own for key in values)
    differing = {key for key in keys if len({repr(values.get(key)) for values in own}) > 1}
    told = [", ".join(f"{key}={_short(values[key])}" for key in values if key in differing) for values in own]
    return [f"{name}({each})" if each else name for each in told]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + " ".join(_short(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}:{_short(item)}" for key, item in value.items()) + "}"
    return str(value)


MAX_LISTED_SEEDS = 10
"""Most seeds that are written one by one."""


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Seeds for a message or a line of ``validate``.

    Args:
        seeds: one or more.

    Returns:
        All of a few, the ends of many.

    Example:
        >>> seeds_in_words([0, 1, 2]), seeds_in_words(range(1000))
        ('0, 1, 2', '0 to 999 (1,000 seeds)')
        >>> seeds_in_words([7, *range(100, 200)])
        '7, 100, 101, ..., 199 (101 seeds)'
    """
    if len(seeds) <= MAX_LISTED_SEEDS:
        return ", ".join(map(str, seeds))
    if seeds[-1] - seeds[0] == len(seeds) - 1 and all(b - a == 1 for a, b in pairwise(seeds)):
        return f"{seeds[0]} to {seeds[-1]} ({len(seeds):,} seeds)"
    return f"{', '.join(map(str, seeds[:3]))}, ..., {seeds[-1]} ({len(seeds):,} seeds)"
