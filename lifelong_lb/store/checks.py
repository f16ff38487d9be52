"""Consistency checks of stored run records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lifelong_lb.config.runs import run_id_of, without_later
from lifelong_lb.store.run_record import COSTS, RunRecord
from lifelong_lb.store.stored_matrix import stored_matrix
from lifelong_lb.store.values import MAX_EXPERIENCES, real_number, short_text, whole_number
from lifelong_lb.untrusted import quoted, shortened

ConfigLookup = Callable[[str], Mapping[str, Any] | None]
"""Maps a run id to the configuration it must have, in plain JSON values; None if unknown."""

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
        record = _records().validate_python({key: value for key, value in raw.items() if key != "accuracy"})
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
    T, done = whole_number(raw.get("experiences", 0), "experiences"), record.status == "done"
    _check_evaluation_images(record.data, T)
    matrix = stored_matrix(raw.get("accuracy", ()), T, raw.get("initial_accuracy", ()), record.config, done=done)
    return replace(record, accuracy=matrix)


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
    experiences = stream.get("experiences")
    length = stream.get("first") or (len(experiences) if isinstance(experiences, list) else experiences)
    if record.status == "done" and length not in (None, record.experiences):
        raise ValueError(f"it holds {record.experiences} experiences, not {quoted(length)}")
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
    for name in (*COSTS, "experiences"):
        if raw.get(name) is not None:
            (real_number if name == "train_seconds" else whole_number)(raw[name], name)
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


def _check_evaluation_images(data: Mapping[str, Any], T: int) -> None:
    """Check the numbers of images that accuracies are measured on, which earlier versions did not record."""
    numbers = data.get("evaluation_images")
    if numbers is None:
        return
    if not isinstance(numbers, list) or len(numbers) != T:
        raise ValueError(f"evaluation_images of its data must be a list of {T} numbers; got {quoted(numbers)}")
    for number in numbers:
        if not whole_number(number, "an item of evaluation_images"):
            raise ValueError("an item of evaluation_images must be at least 1; got 0")


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
