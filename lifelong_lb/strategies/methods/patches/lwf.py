"""Learning without forgetting, with its teacher in eval mode."""

from typing import Any

from avalanche.training.plugins import LwFPlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class LearningWithoutForgetting(LwFPlugin):
    """Avalanche's plugin, with its teacher in eval mode.

    In avalanche-lib 0.6.0 the teacher stays in train mode, like the model when it was copied: it normalises by the
    statistics of each minibatch, updates its running statistics, and draws dropout masks.

    Args:
        alpha: weight of the distillation, or one per experience.
        temperature: temperature of the softmax.
    """

    def __init__(self, alpha: float | tuple[float, ...], temperature: float) -> None:
        check_version("LwFPlugin")
        super().__init__(alpha, temperature)

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Copy the model as teacher."""
        super().after_training_exp(strategy)
        self.lwf.prev_model.eval()
