"""Plugin that loads a strategy's minibatches as rows of tensors, and augments them."""

import warnings
from collections.abc import Iterator
from typing import Any

from avalanche.core import SupervisedPlugin

from lifelong_lb.models.task_labels import keep_on_host
from lifelong_lb.strategies.loading.augmentation import Augmentation, Augmented
from lifelong_lb.strategies.loading.flatten import NotTensorsError
from lifelong_lb.strategies.loading.loader import Endless, LoadedBatch, TensorLoader
from lifelong_lb.strategies.loading.random_draws import RandomDraws

OURS = (TensorLoader, Augmented)


class TensorLoading(SupervisedPlugin):
    """Replaces Avalanche's loaders of rows of tensors by faster ones, without changing results.

    Images, their order and random draws are the same, so a strategy trains to the same weights bit for bit. Loaders are
    replaced at the start of a training epoch and of the evaluation of an experience, after the hooks of other plugins:
    that of the strategy, and every :class:`~lifelong_lb.strategies.loading.loader.Endless` that the strategy or a
    plugin holds. Data that a strategy loads once per experience, e.g. for importances, are loaded by Avalanche and not
    augmented.

    Args:
        augment: augmentation of training images, including replayed ones; None for none.
        tensors: False leaves all loading to Avalanche.

    Attributes:
        refused: distinct reasons why loaders were not replaced; each is also a warning.
    """

    def __init__(self, augment: Augmentation | None = None, *, tensors: bool = True) -> None:
        super().__init__()
        self.augment, self.tensors = augment, tensors
        self.refused: list[str] = []

    @property
    def loaded_by(self) -> str:
        """How minibatches are loaded, for the record: ``tensors``, or ``avalanche`` with reasons."""
        if self.tensors and not self.refused:
            return "tensors"
        return ": ".join(["avalanche", *(["; ".join(self.refused)] if self.refused else [])])

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Replace new loaders."""
        if self.augment is not None:
            self.augment.start(strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs)
        strategy.dataloader = self._training(strategy.dataloader)
        for owner in (strategy, *strategy.plugins):
            for memory in _memories(owner):
                memory.loader = self._training(memory.loader)

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Pass the task labels on the host to the head."""
        if isinstance(strategy.mbatch, LoadedBatch) and strategy.device.type != "cpu":
            keep_on_host(strategy.mbatch[-1], strategy.mbatch.task_labels)

    def before_eval_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Replace the loader of a test experience."""
        strategy.dataloader = self._fast(strategy.dataloader)

    def _training(self, loader: Any) -> Any:
        if isinstance(loader, OURS):
            return loader
        loader = self._fast(loader)
        return loader if self.augment is None else Augmented(loader, self.augment)

    def _fast(self, loader: Any) -> Any:
        if not self.tensors or isinstance(loader, RandomDraws):
            return loader
        try:
            return TensorLoader(loader)
        except NotTensorsError as error:
            if str(error) not in self.refused:
                self.refused.append(str(error))
                warnings.warn(f"minibatches are loaded sample by sample: {error}", stacklevel=2)
            return loader


def _memories(owner: Any) -> Iterator[Endless]:
    """Loaders of memories that a strategy or a plugin keeps as attributes, alone or in lists."""
    for value in list(vars(owner).values()):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Endless):
                yield item
