"""Measurements of an unfinished run."""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.studies.run.landscape import Row


@dataclass
class RunState:
    """Measurements of a run so far; also stored if the run ends early.

    Attributes:
        accuracy: the accuracy matrix; of T = 0 experiences before the stream is built.
        gradient_evaluations: passes over training minibatches.
        strategy_gradient_evaluations: additional gradients taken by the strategy.
        train_seconds: training time.
        samples_seen: images of training minibatches.
        forward_passes: forward passes during training, with or without a gradient.
        parameters: current number of parameters of the model.
        trained_parameters: current number of those that are trained.
        frozen_backbone: number of parameters of a backbone whose stored features are used instead of it.
        learning_rate: the base optimizer's at the last step; NaN if there is none.
        data: description of the images.
        diagnostics: one mapping per recorded pass, if enabled.
        continual: accuracies measured during training, if enabled, see
            :class:`~lifelong_lb.strategies.DuringTraining`.
        confusion: entries ``(trained, evaluated, class, predicted, count)``, if enabled, see
            :class:`~lifelong_lb.strategies.ConfusionCounts`.
        budgets: budget and use of each experience, see :class:`~lifelong_lb.strategies.Budget`; empty if rules are
            matched by steps.
        landscape: measurements of the loss landscape, if enabled.
        logged: values for loggers, with their experience, see
            :func:`~lifelong_lb.studies.run.loggers.dispatch.values_of`.
        earlier_peaks: peak memory of each earlier process of a resumed run, see
            :class:`~lifelong_lb.strategies.MemoryMeter`.
    """

    accuracy: AccuracyMatrix = field(default_factory=partial(AccuracyMatrix.unmeasured, 0))
    gradient_evaluations: int = 0
    strategy_gradient_evaluations: int = 0
    train_seconds: float = 0.0
    samples_seen: int = 0
    forward_passes: int = 0
    parameters: int = 0
    trained_parameters: int = 0
    frozen_backbone: int = 0
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
        """Number of times the run was resumed from a checkpoint."""
        return len(self.earlier_peaks)

    def peak_of_all(self, here: int | None) -> int | None:
        """Peak memory over all processes of the run.

        Args:
            here: peak memory of this process.

        Returns:
            Bytes; None if one of the peaks is unknown.
        """
        known = [peak for peak in (*self.earlier_peaks, here) if peak is not None]
        return max(known) if len(known) == 1 + self.continued else None
