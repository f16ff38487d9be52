"""Labels of a grid axis: what the columns of the result files hold."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lifelong_lb.config.errors import UserError
from lifelong_lb.config.fields import Entry
from lifelong_lb.untrusted import quoted


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
        >>> from lifelong_lb.config.rules import SAM, NoRule
        >>> axis_labels([NoRule(), SAM(), SAM(rho=0.1), SAM(rho=0.5, label="wide")])
        ['none', 'sam(rho=0.05)', 'sam(rho=0.1)', 'wide']
    """
    unlabelled = Counter(entry.called for entry in entries if entry.label is None)
    labels = [
        entry.label or (entry.called if unlabelled[entry.called] == 1 else _distinguished(entry, entries))
        for entry in entries
    ]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise UserError(f"{axis}: two entries would both be called {quoted(twice[0])}; give one of them another label")
    return labels


def _distinguished(entry: Entry, entries: Sequence[Entry]) -> str:
    rivals = [e.distinctions() for e in entries if e.called == entry.called and e.label is None]
    own = entry.distinctions()
    differing = [f"{key}={_short(own[key])}" for key in own if len({repr(rival.get(key)) for rival in rivals}) > 1]
    return f"{entry.called}({', '.join(differing)})" if differing else entry.called


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + " ".join(_short(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}:{_short(item)}" for key, item in value.items()) + "}"
    return str(value)
