"""Riemannian walk that trains in train mode, and whose first experiences may be short."""

from typing import Any

import torch
from avalanche.models import MultiTaskModule
from avalanche.training.plugins import RWalkPlugin
from avalanche.training.utils import ParamData
from torch import Tensor

from lifelong_lb.strategies.methods.patches.version import check_version


class RiemannianWalk(RWalkPlugin):
    """Avalanche's plugin, which leaves the model in train mode.

    In avalanche-lib 0.6.0 it puts the model in eval mode at each iteration, to take a gradient of its own, and leaves
    it there: BatchNorm trains on frozen statistics, dropout does not act. Scores are divided by the largest of them,
    0 / 0 where an experience had fewer than ``delta_t`` iterations; they count as zero then. Weights are copied before
    the model is adapted to an experience, so that outputs that a growing head adds are scored as if they had started at
    zero; here from their initial weights. With several heads it looks for importances of parameters that have none.

    Args:
        ewc_lambda: weight of the penalty.
        ewc_alpha: weight of new importances in the moving average.
        delta_t: iterations between two updates of the scores.
    """

    def __init__(self, ewc_lambda: float, ewc_alpha: float, delta_t: int) -> None:
        check_version("RWalkPlugin")
        super().__init__(ewc_lambda, ewc_alpha, delta_t)

    def before_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start the scores.

        Raises:
            TypeError: for a model with a head an experience.
        """
        if isinstance(strategy.model, MultiTaskModule):
            raise TypeError("RWalk needs a model with one head for all experiences: it cannot score heads not in use")
        super().before_training(strategy)

    @torch.no_grad()
    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Let new outputs be scored from their initial weights; old ones from the last update of the scores.

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
        """Update importances, and go back to train mode."""
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
