"""What a run has measured so far."""

import math
from dataclasses import dataclass, field
from typing import Any

from lifelong_lb.studies.run.landscape import Row


@dataclass
class RunState:
    """What a run has measured so far; it is read even when the run ends early.

    Attributes:
        experiences: T.
        accuracy: entries ``(trained, evaluated, accuracy)``.
        initial_accuracy: accuracy on each experience at initialisation, where asked for.
        gradient_evaluations: passes over training minibatches so far.
        strategy_gradient_evaluations: gradients that the strategy has taken beside those so far.
        train_seconds: seconds spent training so far.
        samples_seen: images of training minibatches so far.
        forward_passes: passes over minibatches while training so far, with or without a gradient.
        parameters: numbers that the model is made of, as it is now.
        learning_rate: the base optimizer's at the last step taken; NaN where it, or the strategy, has none.
        data: what the images were.
        diagnostics: one mapping a recorded pass, where the study asks for them.
        continual: accuracies measured during training, where it asks for them, see
            :class:`~lifelong_lb.strategies.DuringTraining`.
        confusion: entries ``(trained, evaluated, class, predicted, count)``, where the study asks for them, see
            :class:`~lifelong_lb.strategies.ConfusionCounts`.
        budgets: what each experience was given and has spent, see :class:`~lifelong_lb.strategies.Budget`; empty where
            rules take the same number of steps.
        landscape: what was measured of the loss landscape, where the study asks for it.
        logged: what loggers were told, or would have been: an experience and its numbers, see
            :func:`~lifelong_lb.studies.run.loggers.dispatch.values_of`.
        earlier_peaks: of each process that the run was continued from, the most memory in use at a time, see
            :class:`~lifelong_lb.strategies.MemoryMeter`.
    """

    experiences: int = 0
    accuracy: list[tuple[int, int, float]] = field(default_factory=list)
    initial_accuracy: list[float] = field(default_factory=list)
    gradient_evaluations: int = 0
    strategy_gradient_evaluations: int = 0
    train_seconds: float = 0.0
    samples_seen: int = 0
    forward_passes: int = 0
    parameters: int = 0
    learning_rate: float = math.nan
    data: dict[str, Any] = field(default_factory=dict)
    diagnostics: list[dict[str, float]] = field(default_factory=list)
    continual: list[tuple[int, int, int, float]] = field(default_factory=list)
    confusion: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    budgets: list[dict[str, float]] = field(default_factory=list)
    landscape: list[Row] = field(default_factory=list)
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    earlier_peaks: list[int | None] = field(default_factory=list)

    @property
    def continued(self) -> int:
        """How often the run was continued from a checkpoint."""
        return len(self.earlier_peaks)

    def peak_of_all(self, here: int | None) -> int | None:
        """The most memory that was in use at a time in any of the run's processes.

        Args:
            here: that of this process.

        Returns:
            Bytes; None where one of them is not known.
        """
        known = [peak for peak in (*self.earlier_peaks, here) if peak is not None]
        return max(known) if len(known) == 1 + self.continued else None
