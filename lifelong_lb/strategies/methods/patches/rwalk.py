"""Riemannian walk that trains in train mode and accepts short experiences."""

from typing import Any

import torch
from avalanche.models import MultiTaskModule
from avalanche.training.plugins import RWalkPlugin
from avalanche.training.utils import ParamData
from torch import Tensor

from lifelong_lb.strategies.methods.patches.version import check_version


class RiemannianWalk(RWalkPlugin):
    """Avalanche's plugin, with the model in train mode.

    In avalanche-lib 0.6.0 it puts the model in eval mode at each iteration, to take a gradient, and leaves it
    there: BatchNorm trains on frozen statistics, dropout has no effect. Scores are divided by their maximum, 0 / 0
    after an experience with fewer than ``delta_t`` iterations; here they are zero then. Weights are copied before the
    model is adapted to an experience, so that new outputs of a growing head are scored as if they had started at zero;
    here from their initial weights. With several heads it reads importances of parameters that have none.

    Args:
        ewc_lambda: weight of the penalty.
        ewc_alpha: weight of new importances in the moving average.
        delta_t: iterations between two updates of the scores.
    """

    def __init__(self, ewc_lambda: float, ewc_alpha: float, delta_t: int) -> None:
        check_version("RWalkPlugin")
        super().__init__(ewc_lambda, ewc_alpha, delta_t)

    def before_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Initialize the scores.

        Raises:
            TypeError: for a model with one head per experience.
        """
        if isinstance(strategy.model, MultiTaskModule):
            raise TypeError("RWalk needs a model with one head for all experiences: it cannot score heads not in use")
        super().before_training(strategy)

    @torch.no_grad()
    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Set the starting weights of scores: initial weights of new outputs, those at the last update of others.

        Args:
            strategy: the Avalanche strategy, its model adapted to the experience.
        """
        for name, p in strategy.model.named_parameters():
            start = p.detach().clone()
            if name in self.checkpoint_params:
                known = self.checkpoint_params[name].data
                start[tuple(map(slice, known.shape))] = known
            self.checkpoint_params[name] = ParamData(name, init_tensor=start, device=start.device)
            self.checkpoint_loss.setdefault(name, _zeros(name, start))
            self.checkpoint_scores.setdefault(name, _zeros(name, start))

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Update importances, and switch back to train mode."""
        super().before_training_iteration(strategy)
        strategy.model.train()

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Compute the penalties of the next experience."""
        super().after_training_exp(strategy)
        if all(bool((score.data <= 0).all()) for score in self.exp_scores.values()):
            largest = max(importance.data.max() for importance in self.exp_importance.values())
            for name, penalty in self.exp_penalties.items():
                penalty.data = torch.div(self.exp_importance[name].data, largest)


def _zeros(name: str, like: Tensor) -> ParamData:
    return ParamData(name, init_tensor=torch.zeros_like(like), device=like.device)
