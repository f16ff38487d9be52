"""Synaptic intelligence that works on the CPU."""

from typing import Any

from avalanche.training.plugins import SynapticIntelligencePlugin

from lifelong_lb.strategies.methods.patches.version import check_version


class SynapticIntelligence(SynapticIntelligencePlugin):
    """Avalanche's plugin, its copies of the weights made real ones.

    In avalanche-lib 0.6.0 ``extract_weights`` stores ``param.detach().cpu().flatten()``, which on the CPU is the
    parameter's own memory: the anchor moves along with the weights, every displacement is zero, and so is the penalty.
    It also bounds importances from above only. A parameter whose steps have gone up the loss, as those of
    sharpness-aware rules may, gets a negative one, and is rewarded without limit for moving on; here it gets none.

    Args:
        si_lambda: weight of the penalty.
        eps: damping of the importances.
    """

    def __init__(self, si_lambda: float, eps: float) -> None:
        check_version("SynapticIntelligencePlugin")
        super().__init__(si_lambda=si_lambda, eps=eps)

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the anchor."""
        super().before_training_exp(strategy)
        _own(self.ewc_data[0])

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the weights before the step."""
        super().before_training_iteration(strategy)
        _own(self.syn_data["old_theta"])

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Compute importances, none of them negative."""
        super().after_training_exp(strategy)
        for importance in self.ewc_data[1].values():
            importance.data = importance.data.clamp(min=0)


def _own(kept: dict[str, Any]) -> None:
    for entry in kept.values():
        entry.data = entry.data.clone()
