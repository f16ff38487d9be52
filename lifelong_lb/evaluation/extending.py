"""Metrics of a user's own, computed and reported like ours."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.fields import is_plain_text
from lifelong_lb.config.importing import MAIN, origin_of
from lifelong_lb.config.metrics import ADDED
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
"""Values of this size and beyond count as undefined: means and deviations of them would not be finite or exact."""
MAX_REASON_CHARACTERS = 300
"""Most characters of why a value is undefined."""

RESERVED = frozenset({
    *("run", "stream", "strategy", "rule", "base_optimizer", "seed", "status", "imported"),
    *("trained", "evaluated", "accuracy", "gradient_evaluations", "strategy_gradient_evaluations"),
    *("train_seconds", "samples_seen", "forward_passes", "parameters", "peak_memory"),
})
"""Columns of the result files that are no metrics."""

_ORIGINS: dict[str, str] = {}
"""Metric to the module or file that added it."""


def is_free_name(name: str) -> bool:
    """Whether a metric of a user's own can have a name.

    Args:
        name: its column in ``results.csv``.

    Returns:
        True for a short identifier that is no column of ours.
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
    """Register a metric: a function from an accuracy matrix, ``(T, T)``, NaN where not evaluated, to a number.

    Its value is undefined, with a reason that is stored, where the function raises, or returns NaN, an infinite or huge
    number, or no number at all: that stops neither a run nor a table.

    Args:
        name: its column in ``results.csv``.
        formula: its definition in one line, for reports.
        source: where it comes from.
        higher_is_better: direction.
        needs: T to the entries (trained, evaluated) without which it is undefined; None for the lower triangle.
        title: words for headings; by default the name's.
        least_experiences: smallest T for which it is defined; below, and where an entry is missing, it is NaN.

    Returns:
        A decorator, which raises a UserError for a name that is taken and for a function of other arguments.

    Raises:
        UserError: if a description is not a line of text.
    """
    title = title or str(name).replace("_", " ")
    for key, text in (("formula", formula), ("source", source), ("title", title)):
        if not isinstance(text, str) or (text and not is_plain_text(text)):
            raise UserError(f"metric {quoted(name)}: {key} must be one line of text; got {quoted(text)}")

    def register(function: F) -> F:
        origin = origin_of(function)
        taken = name in ADDED_METRICS and _ORIGINS[name] not in (origin, MAIN)
        if taken or not is_free_name(name):
            reason = "it must be a word such as last_accuracy"
            if taken or (name.isidentifier() and len(name) <= QUOTED_CHARACTERS):
                reason = (
                    "there is one already" if name not in RESERVED else "that is another column of the result files"
                )
            raise UserError(f"a metric cannot be called {quoted(name)}: {reason}")

        _check_takes_a_matrix(name, function)

        def needed_entries(T: int) -> NDArray[np.bool_]:
            mask = np.tri(T, dtype=bool) if needs is None else np.zeros((T, T), dtype=bool)
            for trained, evaluated in needs(T) if needs is not None else ():
                mask[trained, evaluated] = True
            return mask

        base = Metric(
            function=function,
            title=title,
            formula=formula,
            source=source,
            higher_is_better=higher_is_better,
            needs=needed_entries,
            least_experiences=least_experiences,
        )

        def outcome(R: Any) -> Outcome:
            return outcome_of(base, as_matrix(R))

        fields = {**vars(base), "function": lambda R: outcome(R).value}
        ADDED_METRICS[name] = AddedMetric(**fields, outcome=outcome)
        _ORIGINS[name], ADDED[name] = origin, least_experiences
        return function

    return register


def outcome_of(metric: Metric, values: NDArray[np.float64]) -> Outcome:
    """Evaluate a function that may do anything.

    Args:
        metric: its ``function`` and ``needs`` are a user's.
        values: accuracy matrix, ``(T, T)``.

    Returns:
        The value, or why there is none.
    """
    try:
        missing = unmet_requirement(metric, values)
        value = float("nan") if missing else _to_float(metric.function(values.copy()))
    except _InvalidValueError as error:
        reason, failed = str(error), True
    except (Exception, SystemExit) as error:  # noqa: BLE001  a fault of one metric must not stop a run or a report
        reason, failed = f"its function raised {type(error).__name__}: {_error_text(error)}", True
    else:
        if missing or not np.isnan(value):
            return Outcome(value, missing)
        reason, failed = "its function returned nan", False
    return Outcome(float("nan"), shortened(f"{metric.title} is undefined: {reason}", MAX_REASON_CHARACTERS), failed)


def _error_text(error: BaseException) -> str:
    """What an error says, on one line; its class may say nothing but raise another."""
    try:
        text = str(error)[:MAX_REASON_CHARACTERS]
    except Exception:  # noqa: BLE001  code of a user, too
        return "(its message cannot be read)"
    return printable(" ".join(text.split()), lines=False)


class _InvalidValueError(Exception):
    """What a function returned cannot stand in a table of numbers."""


def _to_float(result: Any) -> float:
    """A number of any library as a float."""
    shape = tuple(getattr(result, "shape", ()))
    if shape:
        raise _InvalidValueError(f"its function returned an array of the shape {quoted(shape)}, not a number")
    number = result.item() if hasattr(result, "shape") and hasattr(result, "item") else result
    if not isinstance(number, int | float):
        raise _InvalidValueError(f"its function returned {quoted(number)}, not a number")
    if abs(number) >= VALUE_LIMIT:
        raise _InvalidValueError(f"its function returned {quoted(number)}; values must lie between -2^53 and 2^53")
    return float(number)


def _check_takes_a_matrix(name: str, function: Callable[[Any], float]) -> None:
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise UserError(f"metric {name}: must be a function of the accuracy matrix alone ({error})") from None
    except ValueError:  # a function of C without a signature
        return
