"""Recomputation of BatchNorm's running statistics over the experience just trained on."""

from typing import Any

from avalanche.models import avalanche_forward

from lifelong_lb.optim import recomputed_statistics
from lifelong_lb.optim.passes import RandomState, drawn_again


def recompute_statistics(strategy: Any) -> None:
    """Recompute statistics in one forward pass over the minibatches of the experience, replayed samples included.

    Args:
        strategy: the Avalanche strategy, after it has trained on the experience.
    """
    strategy.model.train()
    with drawn_again(RandomState({strategy.device})), recomputed_statistics(strategy.model):
        for minibatch in strategy.dataloader:
            x, task = (minibatch[part].to(strategy.device, non_blocking=True) for part in (0, -1))
            avalanche_forward(strategy.model, x, task)
