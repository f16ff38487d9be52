"""Parts of Avalanche that are at fault in the version they name, set right; one file each."""

from lifelong_lb.strategies.patches.agem import AverageGEM
from lifelong_lb.strategies.patches.checkpoints import load_checkpoint, save_checkpoint
from lifelong_lb.strategies.patches.gdumb import GDumb
from lifelong_lb.strategies.patches.gem import GEM
from lifelong_lb.strategies.patches.gss import GSS
from lifelong_lb.strategies.patches.icarl import Exemplars, ICaRLLoss, NearestClassMean
from lifelong_lb.strategies.patches.lamaml import LaMAML
from lifelong_lb.strategies.patches.lwf import LearningWithoutForgetting
from lifelong_lb.strategies.patches.mas import MemoryAwareSynapses
from lifelong_lb.strategies.patches.mer import MER
from lifelong_lb.strategies.patches.rwalk import RiemannianWalk
from lifelong_lb.strategies.patches.slda import StreamingLDA
from lifelong_lb.strategies.patches.synaptic_intelligence import SynapticIntelligence

__all__ = [
    "GEM",
    "GSS",
    "MER",
    "AverageGEM",
    "Exemplars",
    "GDumb",
    "ICaRLLoss",
    "LaMAML",
    "LearningWithoutForgetting",
    "MemoryAwareSynapses",
    "NearestClassMean",
    "RiemannianWalk",
    "StreamingLDA",
    "SynapticIntelligence",
    "load_checkpoint",
    "save_checkpoint",
]
