"""GDumb whose model is not changed by evaluations."""

from typing import Any

from avalanche.training.plugins import GDumbPlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class GDumb(GDumbPlugin):
    """Avalanche's plugin, whose initial model grows with learnt experiences only.

    In avalanche-lib 0.6.0 evaluating a future experience adds its outputs to the model that every training starts from,
    so that an evaluation changes later training.

    Args:
        mem_size: images kept.
    """

    def __init__(self, mem_size: int) -> None:
        check_version("GDumbPlugin")
        super().__init__(mem_size)

    def before_eval_dataset_adaptation(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: training adapts the initial model to its experience."""
