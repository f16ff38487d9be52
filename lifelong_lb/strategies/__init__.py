"""The Avalanche side: the plugin that applies a rule, the strategies, and what every run measures."""

from lifelong_lb.strategies.build import OPTIMIZERS, build_optimizer, build_strategy
from lifelong_lb.strategies.builders import STRATEGIES
from lifelong_lb.strategies.costs import SamplesSeen, forget_peak_memory, peak_memory
from lifelong_lb.strategies.during import DuringTraining
from lifelong_lb.strategies.guards import DivergedError, DivergenceGuard, SeparateSeeds, Stopwatch
from lifelong_lb.strategies.mir import MIR
from lifelong_lb.strategies.recorder import AccuracyRecorder
from lifelong_lb.strategies.replayed import DER, ERACE, ERAML
from lifelong_lb.strategies.sharpness_aware import SharpnessAwarePlugin
from lifelong_lb.strategies.strategy_gradients import StrategyGradients

__all__ = [
    "DER",
    "ERACE",
    "ERAML",
    "MIR",
    "OPTIMIZERS",
    "STRATEGIES",
    "AccuracyRecorder",
    "DivergedError",
    "DivergenceGuard",
    "DuringTraining",
    "SamplesSeen",
    "SeparateSeeds",
    "SharpnessAwarePlugin",
    "Stopwatch",
    "StrategyGradients",
    "build_optimizer",
    "build_strategy",
    "forget_peak_memory",
    "peak_memory",
]
