"""Consistency checks of a stored accuracy matrix."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store.values import MAX_EXPERIENCES, whole_number
from lifelong_lb.untrusted import quoted

Entries = Sequence[tuple[int, int, float]]
Mask = NDArray[np.bool_]


def stored_matrix(
    entries: Entries, T: int, initial: Sequence[float], config: Mapping[str, Any], *, done: bool
) -> AccuracyMatrix:
    """Build an accuracy matrix from stored values, and check that it is complete if the run is done.

    Args:
        entries: ``(trained, evaluated, accuracy)``; of several entries for one pair of a run that is not done, the last
            is used.
        T: the number of experiences; 0 if unknown.
        initial: ``(T,)`` accuracies at initialisation; empty if not evaluated.
        config: the configuration of the run in plain JSON values.
        done: whether the run is done.

    Returns:
        The matrix.

    Raises:
        ValueError: if an entry is impossible, or entries of a done run are missing, unexpected or duplicated.
    """
    for trained, evaluated, accuracy in entries:
        if not (0 <= trained < T and 0 <= evaluated < T and 0 <= accuracy <= 1):
            entry = f"({quoted(trained)}, {quoted(evaluated)}, {accuracy})"
            raise ValueError(f"accuracy entry {entry} is not possible with {T} experiences")
    if done:
        _check_last_row(entries, T)
    whole_number(T, "experiences", MAX_EXPERIENCES)  # bounds the T x T matrix, however few entries are stored
    if len(initial) not in (0, T):
        raise ValueError(f"it holds {len(initial)} initial accuracies, not {T}")
    matrix = AccuracyMatrix.from_entries(entries, T, initial)
    if done:
        _check_complete(matrix, entries, config)
    return matrix


def _check_last_row(entries: Entries, T: int) -> None:
    """Check the entries after the last experience, in time linear in their number."""
    last = {j for i, j, _ in entries if i == T - 1}
    if T < 1 or len(last) < T:
        raise ValueError("it is done, but accuracies after the last experience are missing")


def _check_complete(matrix: AccuracyMatrix, entries: Entries, config: Mapping[str, Any]) -> None:
    (i, j), times = Counter((i, j) for i, j, _ in entries).most_common(1)[0]
    if times > 1:
        raise ValueError(f"the accuracy on experience {j} after experience {i} occurs {times} times")
    masks, evaluated = _masks(config, matrix.experiences), matrix.evaluated
    if not any(np.array_equal(evaluated, mask) for mask in masks):
        raise ValueError(f"it is done, but {_difference(evaluated, masks[0])}")


def _difference(evaluated: Mask, required: Mask) -> str:
    """Describe the first entry that is missing or, if none is, unexpected."""
    missing, extra = np.argwhere(required & ~evaluated), np.argwhere(evaluated & ~required)
    wrong = missing if len(missing) else extra
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    what = "missing" if len(missing) else "unexpected"
    return f"the accuracy on experience {wrong[0, 1]} after experience {wrong[0, 0]}{more} is {what}"


def _masks(config: Mapping[str, Any], T: int) -> list[Mask]:
    """Possible entries of a complete matrix, ``(T, T)`` each; several if the configuration is ambiguous."""
    seen, every = np.tri(T, dtype=bool), np.ones((T, T), dtype=bool)
    last = np.repeat(np.arange(T)[:, None] == T - 1, T, axis=1)
    evaluated = config.get("evaluation", {}).get("experiences")
    rows = {"seen": [seen], "all": [every]}.get(evaluated, [seen, every])
    strategy = STRATEGY_ENTRIES.get(config["strategy"]["name"])
    if strategy is None:  # of an extension that is not registered
        return [*rows, last]
    return [last] if strategy.trained_once else rows
