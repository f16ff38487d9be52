"""What must hold of a stored run for its numbers to count."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.runs import run_id_of, without_later
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.values import MOST_EXPERIENCES, real_number, short_text, whole_number
from lifelong_lb.untrusted import quoted, shortened

ConfigLookup = Callable[[str], Mapping[str, Any] | None]
"""A run's id to the configuration that it must have, in plain JSON values; None where that is not known."""

_COUNTS = (
    "gradient_evaluations",
    "strategy_gradient_evaluations",
    "samples_seen",
    "forward_passes",
    "parameters",
    "peak_memory",
)
_MOST_CLASSES = 100_000
_LONGEST_MESSAGE = 2000


def checked_record(raw: Mapping[str, Any]) -> RunRecord:
    """Build a record from what was stored, seeing that it holds together.

    Args:
        raw: the record's attributes.

    Returns:
        The record.

    Raises:
        ValueError: when an attribute is missing, of another type, or contradicts another.
    """
    _check_numbers(raw)
    try:
        record = _records().validate_python(dict(raw))
    except ValidationError as error:
        raise ValueError(_describe(error)) from None
    record = replace(record, message=shortened(record.message, _LONGEST_MESSAGE))
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
    """See that a record is of the run that its folder is named after.

    Args:
        record: what was stored there.
        seed: seed of the run asked for; None where it is not known.
        expected: knows its configuration. It is asked where the one stored is not that which the run is named after, as
            when another version has written it.

    Raises:
        ValueError: when it has another seed or other settings, or another number of experiences than its own
            configuration.
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
        wanted = expected(record.run) or {}
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
                raise ValueError(f"it holds another run: {part} is {quoted(stored.get(part))}, not {quoted(settings)}")
            continue
        found = stored.get(part, {})
        for key in settings:
            if found.get(key) != expected[part].get(key) and (key in found or complete):
                came, wanted = quoted(found.get(key)), quoted(settings[key])
                raise ValueError(f"it holds another run: {part}.{key} is {came}, not {wanted}")


def _check_numbers(raw: Mapping[str, Any]) -> None:
    """Check numbers while they are as they were stored: ``true`` and ``"3"`` are none."""
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
    found = raw.get(key, [])
    if not isinstance(found, list) or len(found) > MOST_EXPERIENCES:
        raise ValueError(f"{key} must be a list of at most {MOST_EXPERIENCES}; got {quoted(found)}")
    return found


def _check_environment_and_data(record: RunRecord) -> None:
    """See that what is read of its environment and of its images has the form in which it is read."""
    if not isinstance(record.environment.get("extensions", {}), Mapping):
        raise ValueError("extensions of its environment must be a mapping")
    for key, check, what in (("class_order", whole_number, "numbers"), ("class_names", short_text, "names")):
        found = record.data.get(key, [])
        if not isinstance(found, list) or len(found) > _MOST_CLASSES:
            raise ValueError(f"{key} of its data must be a list of {what}")
        for item in found:
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
    found = Counter((i, j) for i, j, _ in record.accuracy)
    if T < 1 or len(found) < T or any((T - 1, j) not in found for j in range(T)):
        raise ValueError("it is done, but accuracies after the last experience are missing")
    whole_number(T, "experiences", MOST_EXPERIENCES)  # the matrix has T x T entries, however few are stored
    (i, j), times = found.most_common(1)[0]
    if times > 1:
        raise ValueError(f"the accuracy on experience {j} after experience {i} is there {times} times")
    wanted = _shapes(record.config)
    if not any(shape.is_whole(found, T) for shape in wanted):
        raise ValueError(f"it is done, but {wanted[0].what_differs(found, T)}")


@dataclass(frozen=True)
class _Shape:
    """Which entries a whole accuracy matrix has.

    Attributes:
        first: first row that has entries, for T experiences.
        columns: number of entries of row i, for T experiences.
    """

    first: Callable[[int], int]
    columns: Callable[[int, int], int]

    def is_whole(self, found: Collection[tuple[int, int]], T: int) -> bool:
        return len(found) == self._size(T) and all(self._has(entry, T) for entry in found)

    def what_differs(self, found: Collection[tuple[int, int]], T: int) -> str:
        further = [entry for entry in found if not self._has(entry, T)]
        lacking = self._size(T) - len(found) + len(further)
        entries = ((i, j) for i in range(self.first(T), T) for j in range(self.columns(i, T)))
        i, j = next(entry for entry in entries if entry not in found) if lacking else min(further)
        more = (lacking or len(further)) - 1
        where = f"the accuracy on experience {j} after experience {i}" + (f" (and {more} more)" if more else "")
        return f"{where} is {'missing' if lacking else 'there, which nobody asked for'}"

    def _size(self, T: int) -> int:
        return sum(self.columns(i, T) for i in range(self.first(T), T))

    def _has(self, entry: tuple[int, int], T: int) -> bool:
        return entry[0] >= self.first(T) and entry[1] < self.columns(entry[0], T)


_SEEN = _Shape(lambda T: 0, lambda i, T: i + 1)
_EVERY = _Shape(lambda T: 0, lambda i, T: T)
_LAST = _Shape(lambda T: T - 1, lambda i, T: T)


def _shapes(config: Mapping[str, Any]) -> Sequence[_Shape]:
    """The possible shapes of the accuracy matrix; several if the configuration does not decide."""
    asked = config.get("evaluation", {}).get("experiences")
    rows = {"seen": [_SEEN], "all": [_EVERY]}.get(asked, [_SEEN, _EVERY])
    strategy = STRATEGY_ENTRIES.get(config["strategy"]["name"])
    if strategy is None:  # of an extension that is not known here
        return [*rows, _LAST]
    return [_LAST] if strategy.trained_once else rows


def _describe(error: ValidationError) -> str:
    """What pydantic found, without its own vocabulary of links."""
    items = error.errors(include_url=False)
    first = items[0]
    where = ".".join(map(str, first["loc"]))
    came = quoted(first["input"], 60)
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{where} is missing{more}"
    return f"{where}: {message}; got {came}{more}"


@cache
def _records() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)
