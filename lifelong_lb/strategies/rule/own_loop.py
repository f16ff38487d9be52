"""Substitute of the rule plugin for strategies with their own training loop."""

from typing import Any

from avalanche.core import SupervisedMetaLearningPlugin

from lifelong_lb.averaging import loop_conflict
from lifelong_lb.optim import RebuiltOptimizer
from lifelong_lb.strategies.monitors.guards import check_loss


class OwnLoop(SupervisedMetaLearningPlugin):
    """Counts one pass per minibatch, as :class:`~lifelong_lb.strategies.SharpnessAwarePlugin` does without a rule.

    La-MAML and MER pass over each minibatch at least once, in parts; their other gradients are counted by
    :class:`~lifelong_lb.strategies.StrategyGradients`. The loss is checked after the meta-update, the only update of
    such a loop.

    Args:
        takes_gradients: False for a strategy without gradients; nothing is counted then.

    Attributes:
        gradient_evaluations: passes over training minibatches so far.
    """

    def __init__(self, *, takes_gradients: bool = True) -> None:
        super().__init__()
        self.gradient_evaluations = 0
        self._takes_gradients = takes_gradients

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse an optimizer that evaluates other weights than it trains: such a loop bypasses it.

        Raises:
            TypeError: if the optimizer is such an optimizer.
        """
        optimizer = strategy.optimizer
        if isinstance(optimizer, RebuiltOptimizer) and optimizer.keeps_evaluated:
            raise TypeError(loop_conflict(type(strategy).__name__, type(optimizer.base).__name__))

    def after_outer_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Check the loss.

        Raises:
            DivergedError: if it is not finite.
        """
        check_loss(strategy)

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the minibatch."""
        self.gradient_evaluations += self._takes_gradients
