"""Accuracies measured during training, without affecting it."""

from collections.abc import Sequence
from typing import Any

from avalanche.core import SupervisedPlugin

from lifelong_lb.optim import UpdateRule
from lifelong_lb.optim.base_optimizers.rebuilding import load_evaluation_weights
from lifelong_lb.strategies.monitors.accuracy import AccuracyRecorder
from lifelong_lb.strategies.monitors.guards import Stopwatch


class DuringTraining(SupervisedPlugin):
    """Measures the accuracy on all experiences seen so far, every n training iterations of an experience.

    A copy of the model is evaluated, with the weights to evaluate of rule and optimizer (slow or averaged ones) and a
    fork of the random generators; training is not affected, and the stopwatch is paused.

    Args:
        every: n.
        recorder: recorder of the strategy.
        rule: the update rule that the strategy trains with.
        stopwatch: stopwatch of the strategy.

    Attributes:
        rows: ``(iteration, experience, evaluated, accuracy)``: iterations taken over the whole stream, the experience
            that was being learnt, the one that was evaluated, and the accuracy on it.
    """

    def __init__(self, every: int, recorder: AccuracyRecorder, rule: UpdateRule, stopwatch: Stopwatch) -> None:
        super().__init__()
        self.rows: list[tuple[int, int, int, float]] = []
        self._every, self._recorder, self._rule, self._stopwatch = every, recorder, rule, stopwatch
        self._experience = self._iteration = self._within = 0
        self._tested: Sequence[Any] = ()

    def begin(self, experience: int, tested: Sequence[Any]) -> None:
        """Start an experience, with all of its chunks.

        Args:
            experience: its number.
            tested: test experiences to evaluate on, those of the experiences seen so far.
        """
        self._experience, self._tested, self._within = experience, tested, 0

    def end(self, accuracies: Sequence[float]) -> None:
        """Record the accuracies at the end of an experience.

        Args:
            accuracies: those on the test experiences seen so far; they replace any taken at the same iteration.
        """
        self.rows[:] = [row for row in self.rows if row[0] < self._iteration]
        self._record(accuracies)

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the iteration, and measure every n-th one."""
        self._iteration, self._within = self._iteration + 1, self._within + 1
        if self._within % self._every == 0:
            with self._stopwatch.stopped(strategy):
                self._record(self._measure(strategy))

    def _measure(self, strategy: Any) -> list[float]:
        kept = strategy.mbatch, strategy.mb_output, strategy.loss
        hide_slow = load_evaluation_weights(self._rule, strategy.optimizer)
        try:
            return self._recorder.evaluate(strategy, self._tested, unseen=True)
        finally:
            hide_slow()
            strategy.mbatch, strategy.mb_output, strategy.loss = kept

    def _record(self, accuracies: Sequence[float]) -> None:
        self.rows += [(self._iteration, self._experience, j, accuracy) for j, accuracy in enumerate(accuracies)]
