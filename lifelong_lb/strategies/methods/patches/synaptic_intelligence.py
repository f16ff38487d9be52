"""Synaptic intelligence that works on the CPU."""

from typing import Any

from avalanche.training.plugins import SynapticIntelligencePlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class SynapticIntelligence(SynapticIntelligencePlugin):
    """Avalanche's plugin, with real copies of the weights.

    In avalanche-lib 0.6.0 ``extract_weights`` stores ``param.detach().cpu().flatten()``, which on the CPU shares
    memory with the parameter: the anchor moves with the weights, every displacement is zero, and so is the penalty. It
    also bounds importances from above only. A parameter whose steps increased the loss, possible with sharpness-aware
    rules, gets a negative one, and is rewarded without limit for moving further; here it gets zero.

    Args:
        si_lambda: weight of the penalty.
        eps: damping of the importances.
    """

    def __init__(self, si_lambda: float, eps: float) -> None:
        check_version("SynapticIntelligencePlugin")
        super().__init__(si_lambda=si_lambda, eps=eps)

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Copy the anchor."""
        super().before_training_exp(strategy)
        _copy(self.ewc_data[0])

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Copy the weights before the step."""
        super().before_training_iteration(strategy)
        _copy(self.syn_data["old_theta"])

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Compute importances, none of them negative."""
        super().after_training_exp(strategy)
        for importance in self.ewc_data[1].values():
            importance.data = importance.data.clamp(min=0)


def _copy(kept: dict[str, Any]) -> None:
    for entry in kept.values():
        entry.data = entry.data.clone()
