"""Reset of the optimizer state between experiences."""

from collections import defaultdict
from typing import Any

from avalanche.core import SupervisedPlugin

from lifelong_lb.strategies.schedule.position import begins_experience


class ResetOptimizerState(SupervisedPlugin):
    """Empties the optimizer's state (momentum, moments, L-BFGS history) at the start of each experience.

    Without it the state is kept: Avalanche empties it once, before a strategy's first experience, and later removes
    only that of tensors replaced by a growing head. State of an update rule is not changed.
    """

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Empty the state at the start of an experience."""
        if begins_experience(strategy):
            strategy.optimizer.state = defaultdict(dict)
