"""What an optimizer keeps from one experience to the next."""

from collections import defaultdict
from typing import Any

from avalanche.core import SupervisedPlugin

from lifelong_lb.strategies.schedule.position import begins_experience


class ResetOptimizerState(SupervisedPlugin):
    """Empties the optimizer's state (momentum, moments, L-BFGS's history) where an experience of the stream begins.

    Without it the state goes on: Avalanche empties it once, before a strategy's first experience, and later takes away
    only that of tensors that a growing head has replaced. What an update rule keeps between steps is not touched.
    """

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Empty the state."""
        if begins_experience(strategy):
            strategy.optimizer.state = defaultdict(dict)
