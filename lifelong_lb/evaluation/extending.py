"""Metrics of a user's own, computed and reported like ours."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.importing import MAIN, origin_of
from lifelong_lb.config.metrics import ADDED
from lifelong_lb.evaluation.accuracy_matrix import as_matrix
from lifelong_lb.evaluation.catalogue import ADDED_METRICS, METRICS, REFERENCED, Metric
from lifelong_lb.evaluation.continual_catalogue import CONTINUAL_METRICS

F = TypeVar("F", bound=Callable[[Any], float])
Entries = Callable[[int], Sequence[tuple[int, int]]]

_ORIGINS: dict[str, str] = {}
"""Metric to the module or file that added it."""


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
    """

    def add(function: F) -> F:
        origin = origin_of(function)
        ours = {**METRICS, **REFERENCED, **CONTINUAL_METRICS}
        taken = name in ours or (name in ADDED_METRICS and _ORIGINS[name] not in (origin, MAIN))
        if taken or not name.isidentifier():
            why = "there is one already" if taken else "it must be a word such as last_accuracy"
            raise UserError(f"a metric cannot be called {name!r}: {why}")

        _check_takes_a_matrix(name, function)

        def needed(T: int) -> NDArray[np.bool_]:
            mask = np.tri(T, dtype=bool) if needs is None else np.zeros((T, T), dtype=bool)
            for trained, evaluated in needs(T) if needs is not None else ():
                mask[trained, evaluated] = True
            return mask

        def value(R: Any) -> float:
            matrix = as_matrix(R)
            T = len(matrix)
            if least_experiences > T or np.isnan(matrix[needed(T)]).any():
                return float("nan")
            return float(function(matrix))

        ADDED_METRICS[name] = Metric(
            function=value,
            title=title or name.replace("_", " "),
            formula=formula,
            source=source,
            higher_is_better=higher_is_better,
            needs=needed,
            least_experiences=least_experiences,
        )
        _ORIGINS[name], ADDED[name] = origin, least_experiences
        return function

    return add


def _check_takes_a_matrix(name: str, function: Callable[[Any], float]) -> None:
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise UserError(f"metric {name}: must be a function of the accuracy matrix alone ({error})") from None
    except ValueError:  # a function of C without a signature
        return
