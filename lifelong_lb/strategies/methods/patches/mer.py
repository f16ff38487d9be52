"""Meta-experience replay with its memory in tensors."""

from typing import Any

from avalanche.core import SupervisedMetaLearningPlugin
from avalanche.training.supervised import MER as AvalanchesMER  # noqa: N811

from lifelong_lb.strategies.methods.patches.version import check_version
from lifelong_lb.strategies.methods.reservoir import DrawnMemory


class MER(AvalanchesMER):
    """Avalanche's strategy (Riemer et al. 2019, arXiv 1810.11910), with its memory in tensors.

    avalanche-lib 0.6.0 looks up each drawn image three times, and warns of every plugin that uses the hooks of this
    loop.

    Args:
        mem_size: number of images kept.
        batch_size_mem: images appended to each minibatch.
        settings: other arguments of Avalanche's class.
    """

    PLUGIN_CLASS = SupervisedMetaLearningPlugin

    def __init__(self, *, mem_size: int, batch_size_mem: int, **settings: Any) -> None:
        check_version("MER")
        super().__init__(**settings)
        self.buffer: Any = DrawnMemory(mem_size, batch_size_mem, self.device)
