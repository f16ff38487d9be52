"""Labels of the entries of a grid axis, as used in the columns of the result files."""

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
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import begins_like_a_formula, quoted

AXES: dict[str, tuple[str, Mapping[str, type[Entry]]]] = {
    "streams": ("stream", STREAM_ENTRIES),
    "strategies": ("strategy", STRATEGY_ENTRIES),
    "rules": ("rule", RULE_ENTRIES),
    "optimizers": ("optimizer", OPTIMIZER_ENTRIES),
}
"""Grid axes of a study file: the singular, and the known entries."""


def axis_labels(entries: Sequence[Entry], axis: str = "entries") -> list[str]:
    """Unique labels of entries: the given label, else the name with the hyper-parameters that differ.

    Args:
        entries: the entries of one axis, all different.
        axis: name of the axis in messages.

    Returns:
        Labels, all different.

    Raises:
        UserError: if two labels are equal.

    Example:
        >>> from lifelong_lb.config.entries.rules import SAM, NoRule
        >>> axis_labels([NoRule(), SAM(), SAM(rho=0.1), SAM(rho=0.5, label="wide")])
        ['none', 'sam(rho=0.05)', 'sam(rho=0.1)', 'wide']
    """
    unlabelled: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.label is None:
            unlabelled.setdefault(entry.called, []).append(entry)
    called = {name: iter(_distinguished(name, group)) for name, group in unlabelled.items()}
    labels = [entry.label or next(called[entry.called]) for entry in entries]
    duplicates = [label for label, count in Counter(labels).items() if count > 1]
    if duplicates:
        raise UserError(f"{axis}: two entries have the label {quoted(duplicates[0])}; give one of them another label")
    return labels


def _distinguished(name: str, group: Sequence[Entry]) -> list[str]:
    """Labels of entries with equal names: the name, with the hyper-parameters in which any two differ."""
    if len(group) == 1:
        return [name]
    settings = [entry.distinctions() for entry in group]
    keys = dict.fromkeys(key for values in settings for key in values)
    differing = {key for key in keys if len({repr(values.get(key)) for values in settings}) > 1}
    texts = [", ".join(f"{key}={_short(values[key])}" for key in values if key in differing) for values in settings]
    return [f"{name}({text})" if text else name for text in texts]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + " ".join(_short(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}:{_short(item)}" for key, item in value.items()) + "}"
    return str(value)


MAX_LISTED_SEEDS = 10
"""Maximum number of seeds that are listed individually."""


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Format seeds for a message or a line of ``validate``.

    Args:
        seeds: at least one.

    Returns:
        All seeds if they are few, else the first and last.

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


def check_labels(parts: dict[str, Any], problems: Problems, *, merged: bool) -> None:
    """Check that labels are unique and safe in tables; stored labels are accepted as they are.

    Args:
        parts: the study's axes.
        problems: receives the problems.
        merged: whether the labels are stored ones.
    """
    for axis in AXES:
        try:
            labels = axis_labels(parts[axis], axis)
        except UserError as error:
            problems.add(axis, str(error).removeprefix(f"{axis}: "))
            continue
        for index, label in enumerate(() if merged else labels):
            if begins_like_a_formula(label):
                what = "must not begin with = + - or @, which spreadsheets read as a formula"
                problems.add(f"{axis}[{index}].label", f"{what}; got {quoted(label)}")
