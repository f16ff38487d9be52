"""What must hold of a stored run for its numbers to count."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lifelong_lb.config.runs import run_id_of, without_later
from lifelong_lb.config.strategies import STRATEGY_ENTRIES
from lifelong_lb.store.run_record import RunRecord

Asked = Callable[[str], Mapping[str, Any] | None]
"""A run's id to the configuration that it must have, in plain JSON values; None where that is not known."""

_LARGEST = 2**53
"""Counts beyond this are no counts: floats, which means are made of, cannot tell them apart."""


def checked_record(raw: Mapping[str, Any]) -> RunRecord:
    """Build a record from what was stored, seeing that it holds together.

    Args:
        raw: the record's attributes.

    Returns:
        The record.

    Raises:
        ValueError: when an attribute is missing, of another type, or contradicts another.
    """
    try:
        record = _records().validate_python(dict(raw))
    except ValidationError as error:
        raise ValueError(_in_words(error)) from None
    for part in ("stream", "strategy", "rule", "optimizer", "model"):
        if not isinstance(record.config.get(part), Mapping) or "name" not in record.config[part]:
            raise ValueError(f"its configuration names no {part}")
    for part in ("train", "evaluation"):
        if not isinstance(record.config.get(part, {}), Mapping):
            raise ValueError(f"its configuration holds no settings of {part}")
    _check_numbers(record)
    _check_told(record)
    _check_matrix(record)
    return record


def check_place(record: RunRecord, seed: int | None = None, asked: Asked | None = None) -> None:
    """See that a record is of the run that its folder is named after.

    Args:
        record: what was stored there.
        seed: seed of the run asked for; None where it is not known.
        asked: knows its configuration. It is asked where the one stored is not that which the run is named after, as
            when another version has written it.

    Raises:
        ValueError: when it has another seed or other settings, or another number of experiences than its own
            configuration.
    """
    stored = record.config.get("seed", seed)
    if seed is not None and stored != seed:
        raise ValueError(f"it holds a run with seed {stored}, not {seed}")
    stream = record.config["stream"]
    length = stream.get("first") or stream.get("experiences")
    if record.status == "done" and length not in (None, record.experiences):
        raise ValueError(f"it holds {record.experiences} experiences, not {length}")
    if record.status == "done" and record.initial_accuracy and len(record.initial_accuracy) != record.experiences:
        raise ValueError(f"it holds {len(record.initial_accuracy)} initial accuracies, not {record.experiences}")
    if asked is not None and run_id_of(record.config) != record.run:
        wanted = asked(record.run) or {}
        _check_settings(record.config, wanted, complete=bool(wanted) and run_id_of(wanted) == record.run)


def _check_settings(config: Mapping[str, Any], asked: Mapping[str, Any], *, complete: bool) -> None:
    """See that settings are those asked for.

    A later version may have stored more of them; an earlier one, whose runs are named in another way, fewer.

    Args:
        config: what was stored.
        asked: what it must be.
        complete: whether what is not there tells of another run.

    Raises:
        ValueError: when a setting differs.
    """
    stored, expected = without_later(config), without_later(asked)
    for part, settings in asked.items():
        if not isinstance(settings, Mapping):
            if stored.get(part) != settings:
                raise ValueError(f"it holds another run: {part} is {stored.get(part)!r}, not {settings!r}")
            continue
        found = stored.get(part, {})
        for key in settings:
            if found.get(key) != expected[part].get(key) and (key in found or complete):
                raise ValueError(f"it holds another run: {part}.{key} is {found.get(key)!r}, not {settings[key]!r}")


def _check_numbers(record: RunRecord) -> None:
    costs = ("gradient_evaluations", "strategy_gradient_evaluations", "train_seconds")
    for name in (*costs, "samples_seen", "parameters", "peak_memory"):
        number = getattr(record, name)
        if number is not None and not 0 <= number < _LARGEST:
            raise ValueError(f"{name} cannot be {number}")
    for accuracy in record.initial_accuracy:
        if not 0 <= accuracy <= 1:
            raise ValueError(f"an initial accuracy cannot be {accuracy}")
    if not all(math.isfinite(number) for budget in record.budgets for number in budget.values()):
        raise ValueError("its budgets must be numbers")


def _check_told(record: RunRecord) -> None:
    """See that what is read of its environment and of its images has the form in which it is read."""
    if not isinstance(record.environment.get("extensions", {}), Mapping):
        raise ValueError("extensions of its environment must be a mapping")
    for key, kind in (("class_order", int), ("class_names", str)):
        found = record.data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(item, kind) for item in found):
            raise ValueError(f"{key} of its data must be a list of {'numbers' if kind is int else 'names'}")


def _check_matrix(record: RunRecord) -> None:
    T = record.experiences
    for trained, evaluated, accuracy in record.accuracy:
        if not (0 <= trained < T and 0 <= evaluated < T and 0 <= accuracy <= 1):
            raise ValueError(
                f"accuracy entry ({trained}, {evaluated}, {accuracy}) is not possible with {T} experiences"
            )
    if record.status != "done":
        return
    found = Counter((i, j) for i, j, _ in record.accuracy)
    if T < 1 or any((T - 1, j) not in found for j in range(T)):
        raise ValueError("it is done, but accuracies after the last experience are missing")
    (i, j), times = found.most_common(1)[0]
    if times > 1:
        raise ValueError(f"the accuracy on experience {j} after experience {i} is there {times} times")
    wanted = _matrices(record.config, T)
    if set(found) not in wanted:
        raise ValueError(f"it is done, but {_what_differs(set(found), wanted[0])}")


def _matrices(config: Mapping[str, Any], T: int) -> Sequence[set[tuple[int, int]]]:
    """Which entries a whole accuracy matrix has; several possibilities where the configuration leaves that open."""
    asked = config.get("evaluation", {}).get("experiences")
    seen = {(i, j) for i in range(T) for j in range(i + 1)}
    every = {(i, j) for i in range(T) for j in range(T)}
    last = {(T - 1, j) for j in range(T)}
    rows = {"seen": [seen], "all": [every]}.get(asked, [seen, every])
    strategy = STRATEGY_ENTRIES.get(config["strategy"]["name"])
    if strategy is None:  # of an extension that is not known here
        return [*rows, last]
    return [last] if strategy.trained_once else rows


def _what_differs(found: set[tuple[int, int]], wanted: set[tuple[int, int]]) -> str:
    lacking, further = sorted(wanted - found), sorted(found - wanted)
    (i, j), *more = lacking or further
    where = f"the accuracy on experience {j} after experience {i}" + (f" (and {len(more)} more)" if more else "")
    return f"{where} is {'missing' if lacking else 'there, which nobody asked for'}"


def _in_words(error: ValidationError) -> str:
    """What pydantic found, without its own vocabulary of links."""
    items = error.errors(include_url=False)
    first = items[0]
    where = ".".join(map(str, first["loc"]))
    came = repr(first["input"])
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{where} is missing{more}"
    return f"{where}: {message}; got {came if len(came) <= 60 else came[:57] + '...'}{more}"


@cache
def _records() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)
