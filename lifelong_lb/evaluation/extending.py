"""Registration and evaluation of custom metrics."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.fields import is_plain_text
from lifelong_lb.config.entries.metrics import ADDED
from lifelong_lb.config.plugins.importing import MAIN, origin_of, same_source
from lifelong_lb.evaluation.accuracy_matrix import as_matrix
from lifelong_lb.evaluation.catalogue import (
    ADDED_METRICS,
    METRICS,
    REFERENCED,
    AddedMetric,
    Metric,
    Outcome,
    unmet_requirement,
)
from lifelong_lb.evaluation.continual_catalogue import CONTINUAL_METRICS
from lifelong_lb.untrusted import QUOTED_CHARACTERS, printable, quoted, shortened

F = TypeVar("F", bound=Callable[[Any], float])
Entries = Callable[[int], Sequence[tuple[int, int]]]

VALUE_LIMIT = 2.0**53
"""Values with at least this absolute value are undefined: their means could be infinite or inexact."""
MAX_REASON_CHARACTERS = 300
"""Length limit of the reason why a value is undefined."""

RESERVED = frozenset({
    *("run", "stream", "strategy", "rule", "base_optimizer", "seed", "status", "imported"),
    *("trained", "evaluated", "accuracy", "gradient_evaluations", "strategy_gradient_evaluations"),
    *("train_seconds", "samples_seen", "forward_passes", "parameters", "peak_memory"),
})
"""Columns of the result files that are not metrics."""

_ORIGINS: dict[str, str] = {}
"""Module or file that registered each metric, by name."""


def is_free_name(name: str) -> bool:
    """Check whether a name is available for a custom metric.

    Args:
        name: column in ``results.csv``.

    Returns:
        True for a short identifier that is not a built-in column.
    """
    builtin = name in RESERVED or name in METRICS or name in REFERENCED or name in CONTINUAL_METRICS
    return name.isidentifier() and len(name) <= QUOTED_CHARACTERS and not builtin


def metric(
    name: str,
    *,
    formula: str,
    source: str,
    higher_is_better: bool,
    needs: Entries | None = None,
    title: str = "",
    least_experiences: int = 1,
) -> Callable[[F], F]:
    """Register a metric, a function that maps an accuracy matrix to a number.

    The function receives ``(T, T)`` float64, NaN where not evaluated. If it raises, or returns NaN, an infinite or huge
    number, or not a number, the value is undefined and the reason is stored; runs and reports continue.

    Args:
        name: column in ``results.csv``, a Python identifier.
        formula: one-line definition, for reports.
        source: authors and year, or another reference.
        higher_is_better: whether larger values are better.
        needs: maps T to the required entries (trained, evaluated); None for the lower triangle. The metric is NaN if
            one of them is missing.
        title: heading; by default the name with spaces for underscores.
        least_experiences: smallest T for which the metric is defined; NaN below.

    Returns:
        A decorator; it raises UserError for a name in use and for a function with other arguments.

    Raises:
        UserError: if formula, source or title is not one line of text.
    """
    title = title or str(name).replace("_", " ")
    for key, text in (("formula", formula), ("source", source), ("title", title)):
        if not isinstance(text, str) or (text and not is_plain_text(text)):
            raise UserError(f"metric {quoted(name)}: {key} must be one line of text; got {quoted(text)}")

    def register(function: F) -> F:
        origin = origin_of(function)
        _check_name(name, origin)
        _check_takes_a_matrix(name, function)
        base = Metric(
            function=function,
            title=title,
            formula=formula,
            source=source,
            higher_is_better=higher_is_better,
            needs=partial(_mask, needs),
            least_experiences=least_experiences,
            bounded=False,
        )
        _ORIGINS[name] = origin
        ADDED_METRICS[name] = ADDED[name] = _added(base)
        return function

    return register


def _check_name(name: str, origin: str) -> None:
    """Refuse a name that is invalid, built in, or registered by another module or file."""
    earlier = _ORIGINS.get(name, MAIN)
    taken = name in ADDED_METRICS and earlier != MAIN and not same_source(origin, earlier)
    if taken or not is_free_name(name):
        reason = "use a short identifier such as last_accuracy"
        if taken or (name.isidentifier() and len(name) <= QUOTED_CHARACTERS):
            reason = "a column of the result files" if name in RESERVED else "already in use"
        raise UserError(f"invalid metric name {quoted(name)}: {reason}")


def _mask(needs: Entries | None, T: int) -> NDArray[np.bool_]:
    """Mask of the required entries, ``(T, T)``."""
    if needs is None:
        return np.tri(T, dtype=bool)
    mask = np.zeros((T, T), dtype=bool)
    for trained, evaluated in needs(T):
        mask[trained, evaluated] = True
    return mask


def _added(base: Metric) -> AddedMetric:
    """Guard a metric against errors of its function."""

    def outcome(R: Any) -> Outcome:
        return outcome_of(base, as_matrix(R))

    return AddedMetric(**{**vars(base), "function": lambda R: outcome(R).value}, outcome=outcome)


def outcome_of(metric: Metric, values: NDArray[np.float64]) -> Outcome:
    """Evaluate a custom metric and catch its errors.

    Args:
        metric: metric with custom ``function`` and ``needs``.
        values: accuracy matrix, ``(T, T)``.

    Returns:
        The value, or the reason why it is undefined.
    """
    try:
        missing = unmet_requirement(metric, values)
        value = float("nan") if missing else _to_float(metric.function(values.copy()))
    except _InvalidValueError as error:
        reason, failed = str(error), True
    except (Exception, SystemExit) as error:  # noqa: BLE001  an error in a metric must not stop a run or report
        reason, failed = f"its function raised {type(error).__name__}: {_error_text(error)}", True
    else:
        if missing or not np.isnan(value):
            return Outcome(value, missing)
        reason, failed = "its function returned nan", False
    return Outcome(float("nan"), shortened(f"{metric.title} is undefined: {reason}", MAX_REASON_CHARACTERS), failed)


def _error_text(error: BaseException) -> str:
    """Text of an error, on one line; ``str`` of a custom error may itself raise."""
    try:
        text = str(error)[:MAX_REASON_CHARACTERS]
    except Exception:  # noqa: BLE001  str() runs custom code
        return "(message unavailable)"
    return printable(" ".join(text.split()), lines=False)


class _InvalidValueError(Exception):
    """A custom function returned a value that is not a valid number."""


def _to_float(result: Any) -> float:
    """Convert a number, also a zero-dimensional array or tensor, to float."""
    shape = tuple(getattr(result, "shape", ()))
    if shape:
        raise _InvalidValueError(f"its function returned an array of shape {quoted(shape)}, not a number")
    number = result.item() if hasattr(result, "shape") and hasattr(result, "item") else result
    if not isinstance(number, int | float):
        raise _InvalidValueError(f"its function returned {quoted(number)}, not a number")
    if abs(number) >= VALUE_LIMIT:
        raise _InvalidValueError(f"its function returned {quoted(number)}; values must be between -2^53 and 2^53")
    return float(number)


def _check_takes_a_matrix(name: str, function: Callable[[Any], float]) -> None:
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise UserError(
            f"metric {name}: the function must take the accuracy matrix as its only argument ({error})"
        ) from None
    except ValueError:  # built-in function without a signature
        return
