"""Meta-experience replay whose memory is read as one."""

from typing import Any

from avalanche.core import SupervisedMetaLearningPlugin
from avalanche.training.supervised import MER as AvalanchesMER  # noqa: N811

from lifelong_lb.strategies.methods.patches.version import check_version
from lifelong_lb.strategies.methods.reservoir import DrawnMemory


class MER(AvalanchesMER):
    """Avalanche's strategy (Riemer et al. 2019, arXiv 1810.11910), its memory in tensors, its own hooks known to it.

    avalanche-lib 0.6.0 looks each drawn image up three times, and warns of every plugin that uses the hooks which its
    loop fires.

    Args:
        mem_size: images kept.
        batch_size_mem: images that join each minibatch.
        settings: the other arguments of Avalanche's class.
    """

    PLUGIN_CLASS = SupervisedMetaLearningPlugin

    def __init__(self, *, mem_size: int, batch_size_mem: int, **settings: Any) -> None:
        check_version("MER")
        super().__init__(**settings)
        self.buffer: Any = DrawnMemory(mem_size, batch_size_mem, self.device)
