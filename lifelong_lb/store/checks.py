"""Consistency checks of stored run records."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.runs import run_id_of, without_later
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.values import MAX_EXPERIENCES, real_number, short_text, whole_number
from lifelong_lb.untrusted import quoted, shortened

ConfigLookup = Callable[[str], Mapping[str, Any] | None]
"""Maps a run id to the configuration it must have, in plain JSON values; None if unknown."""

_COUNTS = (
    "gradient_evaluations",
    "strategy_gradient_evaluations",
    "samples_seen",
    "forward_passes",
    "parameters",
    "peak_memory",
)
_MAX_CLASSES = 100_000
_MAX_MESSAGE_CHARACTERS = 2000


def checked_record(raw: Mapping[str, Any]) -> RunRecord:
    """Build a record from stored values and check that they are consistent.

    Args:
        raw: the record's attributes.

    Returns:
        The record.

    Raises:
        ValueError: if an attribute is missing, of the wrong type, or contradicts another.
    """
    _check_numbers(raw)
    try:
        record = _records().validate_python(dict(raw))
    except ValidationError as error:
        raise ValueError(_describe(error)) from None
    record = replace(record, message=shortened(record.message, _MAX_MESSAGE_CHARACTERS))
    for part in ("stream", "strategy", "rule", "optimizer", "model"):
        if not isinstance(record.config.get(part), Mapping) or not isinstance(record.config[part].get("name"), str):
            raise ValueError(f"its configuration names no {part}")
    for part in ("train", "evaluation"):
        if not isinstance(record.config.get(part, {}), Mapping):
            raise ValueError(f"its configuration holds no settings of {part}")
    _check_environment_and_data(record)
    _check_matrix(record)
    return record


def check_identity(record: RunRecord, seed: int | None = None, expected: ConfigLookup | None = None) -> None:
    """Check that a record belongs to the run its folder is named after.

    Args:
        record: the stored record.
        seed: the required seed; None for any.
        expected: maps a run id to its configuration. It is used if the stored configuration does not hash to the run
            id, e.g. because another version wrote it.

    Raises:
        ValueError: if the seed or a setting differs, or the number of experiences contradicts the configuration.
    """
    stored = record.config.get("seed", seed)
    if seed is not None and stored != seed:
        raise ValueError(f"it holds a run with seed {quoted(stored)}, not {seed}")
    stream = record.config["stream"]
    length = stream.get("first") or stream.get("experiences")
    if record.status == "done" and length not in (None, record.experiences):
        raise ValueError(f"it holds {record.experiences} experiences, not {quoted(length)}")
    if record.status == "done" and record.initial_accuracy and len(record.initial_accuracy) != record.experiences:
        raise ValueError(f"it holds {len(record.initial_accuracy)} initial accuracies, not {record.experiences}")
    if expected is not None and run_id_of(record.config) != record.run:
        required = expected(record.run) or {}
        _check_settings(record.config, required, complete=bool(required) and run_id_of(required) == record.run)


def _check_settings(config: Mapping[str, Any], required: Mapping[str, Any], *, complete: bool) -> None:
    """Check that stored settings equal the required ones.

    A later version may have stored more settings; an earlier one, with other run ids, fewer.

    Args:
        config: the stored settings.
        required: the required settings.
        complete: whether a missing setting counts as a difference.

    Raises:
        ValueError: if a setting differs.
    """
    stored, expected = without_later(config), without_later(required)
    for part, settings in required.items():
        if not isinstance(settings, Mapping):
            if stored.get(part) != settings:
                raise ValueError(f"it holds another run: {part} is {quoted(stored.get(part))}, not {quoted(settings)}")
            continue
        values = stored.get(part, {})
        for key in settings:
            if values.get(key) != expected[part].get(key) and (key in values or complete):
                actual, needed = quoted(values.get(key)), quoted(settings[key])
                raise ValueError(f"it holds another run: {part}.{key} is {actual}, not {needed}")


def _check_numbers(raw: Mapping[str, Any]) -> None:
    """Check numbers before pydantic converts them: ``true`` and ``"3"`` are not numbers."""
    for name in _COUNTS:
        if raw.get(name) is not None:
            whole_number(raw[name], name)
    for name, check in (("train_seconds", real_number), ("experiences", whole_number)):
        if raw.get(name) is not None:
            check(raw[name], name)
    for accuracy in _short(raw, "initial_accuracy"):
        real_number(accuracy, "an initial accuracy", 1)
    for budget in _short(raw, "budgets"):
        for number in budget.values() if isinstance(budget, Mapping) else ():
            real_number(number, "a number of its budgets")


def _short(raw: Mapping[str, Any], key: str) -> Sequence[Any]:
    items = raw.get(key, [])
    if not isinstance(items, list) or len(items) > MAX_EXPERIENCES:
        raise ValueError(f"{key} must be a list of at most {MAX_EXPERIENCES}; got {quoted(items)}")
    return items


def _check_environment_and_data(record: RunRecord) -> None:
    """Check the types of the fields of environment and data that are read later."""
    if not isinstance(record.environment.get("extensions", {}), Mapping):
        raise ValueError("extensions of its environment must be a mapping")
    for key, check, what in (("class_order", whole_number, "numbers"), ("class_names", short_text, "names")):
        items = record.data.get(key, [])
        if not isinstance(items, list) or len(items) > _MAX_CLASSES:
            raise ValueError(f"{key} of its data must be a list of {what}")
        for item in items:
            check(item, f"an item of {key}")


def _check_matrix(record: RunRecord) -> None:
    """Check the entries of the accuracy matrix, in time linear in their number."""
    T = record.experiences
    for trained, evaluated, accuracy in record.accuracy:
        if not (0 <= trained < T and 0 <= evaluated < T and 0 <= accuracy <= 1):
            entry = f"({quoted(trained)}, {quoted(evaluated)}, {accuracy})"
            raise ValueError(f"accuracy entry {entry} is not possible with {T} experiences")
    if record.status != "done":
        return
    entries = Counter((i, j) for i, j, _ in record.accuracy)
    if T < 1 or len(entries) < T or any((T - 1, j) not in entries for j in range(T)):
        raise ValueError("it is done, but accuracies after the last experience are missing")
    whole_number(T, "experiences", MAX_EXPERIENCES)  # bounds the T x T matrix, however few entries are stored
    (i, j), times = entries.most_common(1)[0]
    if times > 1:
        raise ValueError(f"the accuracy on experience {j} after experience {i} occurs {times} times")
    shapes = _shapes(record.config)
    if not any(shape.is_complete(entries, T) for shape in shapes):
        raise ValueError(f"it is done, but {shapes[0].difference(entries, T)}")


@dataclass(frozen=True)
class _Shape:
    """Shape of a complete accuracy matrix.

    Attributes:
        first: T to the first row with entries.
        columns: i, T to the number of entries of row i.
    """

    first: Callable[[int], int]
    columns: Callable[[int, int], int]

    def is_complete(self, entries: Collection[tuple[int, int]], T: int) -> bool:
        return len(entries) == self._size(T) and all(self._has(entry, T) for entry in entries)

    def difference(self, entries: Collection[tuple[int, int]], T: int) -> str:
        extra = [entry for entry in entries if not self._has(entry, T)]
        missing = self._size(T) - len(entries) + len(extra)
        required = ((i, j) for i in range(self.first(T), T) for j in range(self.columns(i, T)))
        i, j = next(entry for entry in required if entry not in entries) if missing else min(extra)
        more = (missing or len(extra)) - 1
        where = f"the accuracy on experience {j} after experience {i}" + (f" (and {more} more)" if more else "")
        return f"{where} is {'missing' if missing else 'unexpected'}"

    def _size(self, T: int) -> int:
        return sum(self.columns(i, T) for i in range(self.first(T), T))

    def _has(self, entry: tuple[int, int], T: int) -> bool:
        return entry[0] >= self.first(T) and entry[1] < self.columns(entry[0], T)


_LOWER_TRIANGLE = _Shape(lambda T: 0, lambda i, T: i + 1)
_FULL_MATRIX = _Shape(lambda T: 0, lambda i, T: T)
_LAST_ROW = _Shape(lambda T: T - 1, lambda i, T: T)


def _shapes(config: Mapping[str, Any]) -> Sequence[_Shape]:
    """Possible shapes of the accuracy matrix; several if the configuration is ambiguous."""
    evaluated = config.get("evaluation", {}).get("experiences")
    rows = {"seen": [_LOWER_TRIANGLE], "all": [_FULL_MATRIX]}.get(evaluated, [_LOWER_TRIANGLE, _FULL_MATRIX])
    strategy = STRATEGY_ENTRIES.get(config["strategy"]["name"])
    if strategy is None:  # of an extension that is not registered
        return [*rows, _LAST_ROW]
    return [_LAST_ROW] if strategy.trained_once else rows


def _describe(error: ValidationError) -> str:
    """Describe the first of pydantic's errors, without its links."""
    items = error.errors(include_url=False)
    first = items[0]
    where = ".".join(map(str, first["loc"]))
    value = quoted(first["input"], 60)
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{where} is missing{more}"
    return f"{where}: {message}; got {value}{more}"


@cache
def _records() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)
