"""Result of a run as one value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

from numpy.typing import ArrayLike
from pydantic import InstanceOf

from lifelong_lb.evaluation import AccuracyMatrix, Outcome, outcomes

Status = Literal["done", "failed", "diverged", "timeout"]
STATUSES: tuple[Status, ...] = get_args(Status)
COSTS = (
    "gradient_evaluations",
    "strategy_gradient_evaluations",
    "train_seconds",
    "samples_seen",
    "forward_passes",
    "parameters",
    "peak_memory",
)
"""Attributes of a record, and columns of ``results.csv``, that are costs."""


@dataclass(frozen=True)
class RunRecord:
    """Result of a run that has ended, with any status.

    Attributes:
        run: the run's id.
        config: its configuration as plain JSON values.
        status: how it ended.
        accuracy: the accuracy matrix measured so far; of T = 0 experiences if the stream is unknown.
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
        data: source, numbers and hash of the images, class order, and how they were loaded.
        budgets: budget, amount spent and number of iterations per experience, if the study matches gradients or
            seconds.
    """

    run: str
    config: Mapping[str, Any]
    status: Status
    accuracy: InstanceOf[AccuracyMatrix] = field(default_factory=partial(AccuracyMatrix.unmeasured, 0))
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

    @property
    def experiences(self) -> int:
        """T, the number of experiences of the stream; 0 if unknown."""
        return self.accuracy.experiences

    def outcomes(self, joint: ArrayLike | None = None) -> dict[str, Outcome]:
        """Evaluate all metrics of the accuracy matrix.

        Args:
            joint: ``(T,)`` final accuracies of the joint run it is compared with; None for no run.

        Returns:
            Value, or reason why it is undefined, by metric; empty unless the run is done.
        """
        return outcomes(self.accuracy, joint, self.data.get("evaluation_images")) if self.status == "done" else {}

    def costs(self) -> dict[str, float]:
        """List the costs of the run.

        Returns:
            Number by column of ``results.csv``; NaN if it was not measured.
        """
        return {name: math.nan if getattr(self, name) is None else getattr(self, name) for name in COSTS}
