"""Fixes of faults in Avalanche, one file per class, each for the version it names."""

from lifelong_lb.strategies.methods.patches.agem import AverageGEM
from lifelong_lb.strategies.methods.patches.checkpoints import load_checkpoint, save_checkpoint
from lifelong_lb.strategies.methods.patches.gdumb import GDumb
from lifelong_lb.strategies.methods.patches.gem import GEM
from lifelong_lb.strategies.methods.patches.gss import GSS
from lifelong_lb.strategies.methods.patches.icarl import Exemplars, ICaRLLoss, NearestClassMean
from lifelong_lb.strategies.methods.patches.lamaml import LaMAML
from lifelong_lb.strategies.methods.patches.lwf import LearningWithoutForgetting
from lifelong_lb.strategies.methods.patches.mas import MemoryAwareSynapses
from lifelong_lb.strategies.methods.patches.mer import MER
from lifelong_lb.strategies.methods.patches.rwalk import RiemannianWalk
from lifelong_lb.strategies.methods.patches.slda import StreamingLDA
from lifelong_lb.strategies.methods.patches.synaptic_intelligence import SynapticIntelligence

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
