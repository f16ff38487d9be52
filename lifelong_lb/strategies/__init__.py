"""The Avalanche side: the plugin that applies a rule, the strategies, and what every run measures."""

import lifelong_lb.avalanche_import  # noqa: F401  first: Avalanche creates a folder when it is imported
from lifelong_lb.strategies.augmentation import Augmentation
from lifelong_lb.strategies.budget import Budget
from lifelong_lb.strategies.build import OPTIMIZERS, boundary_plugins, build_optimizer, build_strategy
from lifelong_lb.strategies.builders import STRATEGIES
from lifelong_lb.strategies.confusion import ConfusionCounts
from lifelong_lb.strategies.costs import ForwardPasses, MemoryMeter, SamplesSeen
from lifelong_lb.strategies.during import DuringTraining
from lifelong_lb.strategies.guards import DivergedError, DivergenceGuard, SeparateSeeds, Stopwatch
from lifelong_lb.strategies.learning_rate import SCHEDULES, Moment, ScheduledLearningRate
from lifelong_lb.strategies.mir import MIR
from lifelong_lb.strategies.optimizer_state import ResetOptimizerState
from lifelong_lb.strategies.own_loop import OwnLoop
from lifelong_lb.strategies.passes import PARTS, Part
from lifelong_lb.strategies.patches import load_checkpoint, save_checkpoint
from lifelong_lb.strategies.recorder import AccuracyRecorder
from lifelong_lb.strategies.replayed import DER, ERACE, ERAML
from lifelong_lb.strategies.saving import NotCarriedError, load_with, parts_of, save_apart
from lifelong_lb.strategies.sharpness_aware import SharpnessAwarePlugin
from lifelong_lb.strategies.strategy_gradients import StrategyGradients
from lifelong_lb.strategies.tensor_loading import TensorLoading

__all__ = [
    "DER",
    "ERACE",
    "ERAML",
    "MIR",
    "OPTIMIZERS",
    "PARTS",
    "SCHEDULES",
    "STRATEGIES",
    "AccuracyRecorder",
    "Augmentation",
    "Budget",
    "ConfusionCounts",
    "DivergedError",
    "DivergenceGuard",
    "DuringTraining",
    "ForwardPasses",
    "MemoryMeter",
    "Moment",
    "NotCarriedError",
    "OwnLoop",
    "Part",
    "ResetOptimizerState",
    "SamplesSeen",
    "ScheduledLearningRate",
    "SeparateSeeds",
    "SharpnessAwarePlugin",
    "Stopwatch",
    "StrategyGradients",
    "TensorLoading",
    "boundary_plugins",
    "build_optimizer",
    "build_strategy",
    "load_checkpoint",
    "load_with",
    "parts_of",
    "save_apart",
    "save_checkpoint",
]
