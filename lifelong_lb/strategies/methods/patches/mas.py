"""Memory-aware synapses that accept a loss of zero."""

from typing import Any

from avalanche.training.plugins import MASPlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class MemoryAwareSynapses(MASPlugin):
    """Avalanche's plugin, which also adds its penalty to a loss of zero.

    In avalanche-lib 0.6.0 a loss of exactly zero, which cross-entropy reaches in single precision, is treated as
    missing: training fails with "Loss is not available".

    Args:
        lambda_reg: weight of the penalty.
        alpha: weight of older importances.
    """

    def __init__(self, lambda_reg: float, alpha: float) -> None:
        check_version("MASPlugin")
        super().__init__(lambda_reg, alpha)

    def before_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Add the penalty."""
        if strategy.loss or strategy.clock.train_exp_counter == 0:
            super().before_backward(strategy)
            return
        for name, p in strategy.model.named_parameters():
            if name in self.importance:
                importance, anchor = self.importance[name].expand(p.shape), self.params[name].expand(p.shape)
                strategy.loss += self._lambda * (importance * (p - anchor) ** 2).sum()
