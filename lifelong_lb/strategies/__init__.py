"""The Avalanche side: the plugin that applies a rule, the strategies, and what every run measures."""

from lifelong_lb.strategies.build import OPTIMIZERS, STRATEGIES, build_optimizer, build_strategy
from lifelong_lb.strategies.guards import DivergedError, DivergenceGuard, SeparateSeeds, Stopwatch
from lifelong_lb.strategies.recorder import AccuracyRecorder
from lifelong_lb.strategies.sharpness_aware import SharpnessAwarePlugin

__all__ = [
    "OPTIMIZERS",
    "STRATEGIES",
    "AccuracyRecorder",
    "DivergedError",
    "DivergenceGuard",
    "SeparateSeeds",
    "SharpnessAwarePlugin",
    "Stopwatch",
    "build_optimizer",
    "build_strategy",
]
