"""What stands in the place of a rule where a strategy trains in a loop of its own."""

from typing import Any

from avalanche.core import SupervisedMetaLearningPlugin

from lifelong_lb.optim import RebuiltOptimizer
from lifelong_lb.optim.modes import loop_conflict
from lifelong_lb.strategies.monitors.guards import check_loss


class OwnLoop(SupervisedMetaLearningPlugin):
    """Counts what :class:`~lifelong_lb.strategies.SharpnessAwarePlugin` counts without a rule: a pass a minibatch.

    A strategy with a loop of its own (La-MAML, MER) goes over each minibatch once at least, in parts; what it takes
    beside that is counted by :class:`~lifelong_lb.strategies.StrategyGradients`. The loss that its meta-update leaves
    is looked at, too, since such a loop has no other update after which it could be.

    Args:
        takes_gradients: False for a strategy that takes none, of which nothing is counted.

    Attributes:
        gradient_evaluations: passes over training minibatches so far.
    """

    def __init__(self, *, takes_gradients: bool = True) -> None:
        super().__init__()
        self.gradient_evaluations = 0
        self._takes_gradients = takes_gradients

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse an optimizer that evaluates other weights than it trains: such a loop moves weights past it.

        Raises:
            TypeError: if the optimizer is one.
        """
        optimizer = strategy.optimizer
        if isinstance(optimizer, RebuiltOptimizer) and optimizer.keeps_evaluated:
            raise TypeError(loop_conflict(type(strategy).__name__, type(optimizer.base).__name__))

    def after_outer_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the loss.

        Raises:
            DivergedError: if it is not finite.
        """
        check_loss(strategy)

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the minibatch."""
        self.gradient_evaluations += self._takes_gradients
