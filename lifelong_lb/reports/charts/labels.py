"""Names in charts: file names, and labels that fit and differ from each other."""

import hashlib
import re
from collections.abc import Iterable

from lifelong_lb.reports.names import display_name

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
