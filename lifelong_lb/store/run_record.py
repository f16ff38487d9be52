"""What a run leaves behind, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

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
        peak_memory: most bytes in use at a time, see :class:`lifelong_lb.strategies.MemoryMeter`; None where not known.
        message: one line about what went wrong; empty when nothing did. Of a run that is done: why it was not saved
            while it ran, where that was tried.
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
