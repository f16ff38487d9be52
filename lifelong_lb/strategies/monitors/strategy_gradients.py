"""Count of the gradients that a strategy takes besides those of its minibatches."""

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any

from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import AGEMPlugin, EWCPlugin, GEMPlugin, MASPlugin, RWalkPlugin

from lifelong_lb.strategies.methods.mir import Retrieval
from lifelong_lb.strategies.methods.patches import GSS, MER, LaMAML


def _minibatches(plugin: Any, strategy: Any) -> int:
    return ceil(len(strategy.experience.dataset) / int(strategy.train_mb_size))


PER_ITERATION: dict[type, Callable[[Any, Any], int]] = {
    AGEMPlugin: lambda plugin, strategy: int(len(plugin.buffers) > 0),  # the reference gradient
    GEMPlugin: lambda plugin, strategy: int(strategy.clock.train_exp_counter),  # one for each past experience
    Retrieval: lambda plugin, strategy: int(plugin.active),  # the virtual step
    RWalkPlugin: lambda plugin, strategy: 1,  # the gradient without penalty
    LaMAML: lambda strategy, _: strategy.parts_of(len(strategy.mb_y)),  # the meta-losses, one after each inner update
    MER: lambda strategy, _: int(strategy.n_inner_steps) - 1,  # passes over the minibatch after the first
}
"""Functions from (owner, strategy) to the gradients that a plugin or strategy takes per iteration."""

PER_EXPERIENCE: dict[type, Callable[[Any, Any], int]] = {
    EWCPlugin: _minibatches,  # importances
    MASPlugin: _minibatches,
    GSS: lambda plugin, strategy: int(plugin.newly_taken()),  # gradients of compared images, a varying number
}
"""Functions from (plugin, strategy) to the gradients that a plugin takes per experience."""


class StrategyGradients(SupervisedPlugin):
    """Counts the extra gradients over minibatches that a strategy takes.

    Attributes:
        count: gradients so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._iteration: list[Callable[[Any], int]] = []

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Collect the plugins that take gradients per iteration."""
        self._iteration = _takers(PER_ITERATION, strategy)

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the gradients of the iteration."""
        for taken in self._iteration:
            self.count += taken(strategy)

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the gradients of the experience."""
        self.count += sum(taken(strategy) for taken in _takers(PER_EXPERIENCE, strategy))
        self._iteration = []  # so that checkpoints hold no functions


def _takers(table: dict[type, Callable[[Any, Any], int]], strategy: Any) -> list[Callable[[Any], int]]:
    owners = (strategy, *strategy.plugins)
    pairs = [(owner, count) for owner in owners for kind, count in table.items() if isinstance(owner, kind)]
    return [partial(count, owner) for owner, count in pairs]
