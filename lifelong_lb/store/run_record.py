"""Result of a run as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Status = Literal["done", "failed", "diverged", "timeout"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class RunRecord:
    """Result of a run that has ended, with any status.

    Attributes:
        run: the run's id.
        config: its configuration as plain JSON values.
        status: how it ended.
        experiences: T, the number of experiences of its stream; 0 if unknown.
        accuracy: entries ``(trained, evaluated, accuracy)`` of the accuracy matrix measured so far.
        initial_accuracy: accuracy on each experience at initialisation, if the study requests it.
        gradient_evaluations: forward-backward passes over training minibatches, in total.
        strategy_gradient_evaluations: additional passes of the strategy, in total.
        train_seconds: wall-clock seconds spent training, without set-up and evaluation.
        samples_seen: images of training minibatches, in total; None if an earlier version did not count them.
        forward_passes: passes over training minibatches, with or without a gradient; None as above.
        parameters: number of parameters of the final model; None as above.
        peak_memory: peak memory in bytes, see :class:`lifelong_lb.strategies.MemoryMeter`; None if unknown.
        message: one line about what went wrong; empty if nothing did. For a run that is done: why checkpoints could
            not be written.
        traceback: traceback of the error; empty if there was none.
        environment: versions and hardware.
        data: source, number and hash of the images, class order, and how they were loaded.
        budgets: budget, amount spent and number of iterations per experience, if the study matches gradients or
            seconds.
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
