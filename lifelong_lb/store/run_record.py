"""What a run leaves behind, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

Status = Literal["done", "failed", "diverged", "timeout"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class RunRecord:
    """A finished run, whether it went well or not.

    Attributes:
        run: the run's id.
        config: its configuration as plain JSON values.
        status: how it ended.
        experiences: T, the number of experiences of its stream; 0 when it did not get so far.
        accuracy: entries ``(trained, evaluated, accuracy)`` of the accuracy matrix measured so far.
        initial_accuracy: accuracy on each experience at initialisation, where the study asks for it.
        gradient_evaluations: forward-backward passes over training minibatches, in total.
        strategy_gradient_evaluations: further passes that the strategy itself takes, in total.
        train_seconds: wall-clock seconds spent training, without set-up and evaluation.
        samples_seen: images of training minibatches, in total; None for a run of a version that did not count them.
        forward_passes: passes over minibatches while training, with or without a gradient; None likewise.
        parameters: numbers that the model is made of in the end; None likewise.
        peak_memory: most bytes in use at a time, see :func:`lifelong_lb.strategies.peak_memory`; None where not known.
        message: one line about what went wrong; empty when nothing did.
        traceback: the traceback of what went wrong; empty when there is none.
        environment: versions and hardware the run saw.
        data: what the images were: their source, number and hash, the class order, and how they were loaded.
        budgets: what each experience was given, what was spent of it and in how many iterations, where the study
            matches gradients or seconds.
    """

    run: str
    config: Mapping[str, Any]
    status: Status
    experiences: int = 0
    accuracy: Sequence[tuple[int, int, float]] = field(default_factory=list)
    initial_accuracy: Sequence[float] = field(default_factory=list)
    gradient_evaluations: int = 0
    strategy_gradient_evaluations: int = 0
    train_seconds: float = 0.0
    samples_seen: int | None = None
    forward_passes: int | None = None
    parameters: int | None = None
    peak_memory: int | None = None
    message: str = ""
    traceback: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    budgets: Sequence[Mapping[str, float]] = field(default_factory=list)


def check_place(record: RunRecord, seed: int | None) -> None:
    """See that a record is of the run that its folder is named after.

    Args:
        record: what was stored there.
        seed: seed of the run asked for; None where it is not known.

    Raises:
        ValueError: when it has another seed, or another number of experiences than its own configuration.
    """
    stored = record.config.get("seed", seed)
    if seed is not None and stored != seed:
        raise ValueError(f"it holds a run with seed {stored}, not {seed}")
    stream = record.config["stream"]
    asked = stream.get("first") or stream.get("experiences")
    if record.status == "done" and asked not in (None, record.experiences):
        raise ValueError(f"it holds {record.experiences} experiences, not {asked}")
    if record.status == "done" and record.initial_accuracy and len(record.initial_accuracy) != record.experiences:
        raise ValueError(f"it holds {len(record.initial_accuracy)} initial accuracies, not {record.experiences}")


def checked_record(raw: Mapping[str, Any]) -> RunRecord:
    """Build a record from what was stored, seeing that it holds together.

    Args:
        raw: the record's attributes.

    Returns:
        The record.

    Raises:
        ValueError: when an attribute is missing, of another type, or contradicts another.
    """
    record = _records().validate_python(dict(raw))
    for part in ("stream", "strategy", "rule", "optimizer", "model"):
        if not isinstance(record.config.get(part), Mapping) or "name" not in record.config[part]:
            raise ValueError(f"its configuration names no {part}")
    T = record.experiences
    for trained, evaluated, accuracy in record.accuracy:
        if not (0 <= trained < T and 0 <= evaluated < T and 0 <= accuracy <= 1):
            raise ValueError(
                f"accuracy entry ({trained}, {evaluated}, {accuracy}) is not possible with {T} experiences"
            )
    if record.status == "done":
        last = {evaluated for trained, evaluated, _ in record.accuracy if trained == T - 1}
        if T < 1 or last != set(range(T)):
            raise ValueError("it is done, but accuracies after the last experience are missing")
    return record


@cache
def _records() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)
