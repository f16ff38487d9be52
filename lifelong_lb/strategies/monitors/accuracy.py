"""Recorder of the accuracy matrix."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from lifelong_lb.strategies.loading.flatten import NotTensorsError
from lifelong_lb.strategies.monitors.predictions import TestImages, custom_evaluation, show

OnBatch = Callable[[int, Tensor, Tensor], None]
"""Called with the position of an experience among those evaluated, predicted labels and labels ``(B,)``."""


def _ignore(position: int, predicted: Tensor, labels: Tensor) -> None:
    pass


class AccuracyRecorder(SupervisedPlugin):
    """Counts correct predictions per experience, at any point of a strategy's training.

    Test images are looked up once and predicted batch by batch. If a strategy or a plugin overrides a part of the
    evaluation, or images are more than rows of tensors, the strategy's evaluation loop makes the predictions.

    Args:
        tensors: False to use the strategy's evaluation loop always.
    """

    def __init__(self, *, tensors: bool = True) -> None:
        super().__init__()
        self.tensors = tensors
        self._images = TestImages()
        self._checked: list[Any] = []
        self._direct = False
        self._correct: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._on_batch: OnBatch = _ignore

    def after_eval_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count a minibatch."""
        experience = int(strategy.experience.current_experience)
        predicted = strategy.mb_output.argmax(dim=1)
        correct = int((predicted == strategy.mb_y).sum())
        self._correct[experience] = self._correct.get(experience, 0) + correct
        self._seen[experience] = self._seen.get(experience, 0) + len(strategy.mb_y)
        if experience in self._positions:
            self._on_batch(self._positions[experience], predicted, strategy.mb_y)

    def evaluate(
        self, strategy: Any, experiences: Sequence[Any], *, unseen: bool = False, on_batch: OnBatch = _ignore
    ) -> list[float]:
        """Evaluate a strategy on some experiences.

        Args:
            strategy: the Avalanche strategy that this plugin belongs to.
            experiences: test experiences.
            unseen: whether some of them have not been learnt yet. A growing head grows at a new class even in
                evaluation; a copy of the model is evaluated then, so that training is not affected.
            on_batch: called for each minibatch with the predicted labels that are counted.

        Returns:
            The accuracy on each, a fraction.
        """
        model = strategy.model
        if unseen:
            strategy.model = copy.deepcopy(model)
        try:
            with torch.random.fork_rng(devices=[]):
                if self.tensors and self._predicts_only(strategy):
                    try:
                        return self._directly(strategy, experiences, on_batch)
                    except NotTensorsError:
                        pass
                return self._in_eval_loop(strategy, experiences, on_batch)
        finally:
            strategy.model = model

    def _predicts_only(self, strategy: Any) -> bool:
        kinds = [type(strategy), *strategy.plugins]
        if kinds != self._checked:
            self._checked, self._direct = kinds, custom_evaluation(strategy, [self]) is None
        return self._direct

    def _directly(self, strategy: Any, experiences: Sequence[Any], on_batch: OnBatch) -> list[float]:
        shared: dict[int, list[int]] = {}  # experiences with the same test part are evaluated once
        for position, experience in enumerate(experiences):
            shared.setdefault(id(experience.dataset), []).append(position)
        groups = list(shared.values())
        hits: list[list[Tensor]] = [[] for _ in groups]

        def count(group: int, output: Tensor, labels: Tensor) -> None:
            predicted = output.argmax(dim=1)
            hits[group].append(predicted == labels)
            for position in groups[group]:
                on_batch(position, predicted, labels)

        show(strategy, [experiences[positions[0]] for positions in groups], self._images, count)
        found = [int(each.sum()) / len(each) for each in map(torch.cat, hits)]
        of_position = {position: found[i] for i, positions in enumerate(groups) for position in positions}
        return [of_position[position] for position in range(len(experiences))]

    def _in_eval_loop(self, strategy: Any, experiences: Sequence[Any], on_batch: OnBatch) -> list[float]:
        indices = [int(experience.current_experience) for experience in experiences]
        self._correct, self._seen = {}, {}
        self._positions, self._on_batch = {index: i for i, index in enumerate(indices)}, on_batch
        try:
            strategy.eval(list(experiences))
        finally:
            self._positions, self._on_batch = {}, _ignore
        return [self._correct[i] / self._seen[i] for i in indices]
