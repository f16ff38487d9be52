"""GDumb that an evaluation leaves alone."""

from typing import Any

from avalanche.training.plugins import GDumbPlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class GDumb(GDumbPlugin):
    """Avalanche's plugin, whose initial model grows with what is learnt, not with what is evaluated.

    In avalanche-lib 0.6.0 evaluating an experience that is still to be learnt adds its outputs to the model that every
    training starts from, so that looking changes what is trained afterwards.

    Args:
        mem_size: images kept.
    """

    def __init__(self, mem_size: int) -> None:
        check_version("GDumbPlugin")
        super().__init__(mem_size)

    def before_eval_dataset_adaptation(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: training adapts the initial model when the experience's turn comes."""
