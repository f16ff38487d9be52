"""The accuracy matrix, recorded where predictions are made."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from avalanche.core import SupervisedPlugin


class AccuracyRecorder(SupervisedPlugin):
    """Counts correct predictions while a strategy evaluates, one count for each experience.

    Works with every strategy, since it looks at the outputs that the strategy's own evaluation loop makes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._correct: dict[int, int] = {}
        self._seen: dict[int, int] = {}

    def after_eval_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count one minibatch.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        experience = int(strategy.experience.current_experience)
        correct = int((strategy.mb_output.argmax(dim=1) == strategy.mb_y).sum())
        self._correct[experience] = self._correct.get(experience, 0) + correct
        self._seen[experience] = self._seen.get(experience, 0) + len(strategy.mb_y)

    def evaluate(self, strategy: Any, experiences: Sequence[Any], *, unseen: bool = False) -> list[float]:
        """Let a strategy evaluate some experiences.

        Args:
            strategy: the Avalanche strategy that this plugin belongs to.
            experiences: test experiences.
            unseen: whether some of them are still to be learnt. Avalanche lets a growing head grow when it meets a
                new class even in evaluation; a copy of the model grows then, and training goes on as if nobody had
                looked.

        Returns:
            The accuracy on each, a fraction.
        """
        self._correct, self._seen = {}, {}
        model = strategy.model
        if unseen:
            strategy.model = copy.deepcopy(model)
        try:
            with torch.random.fork_rng(devices=[]):
                strategy.eval(list(experiences))
        finally:
            strategy.model = model
        indices = [int(experience.current_experience) for experience in experiences]
        return [self._correct[i] / self._seen[i] for i in indices]
