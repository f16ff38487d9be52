"""Avalanche side: the plugin that applies a rule, strategies, and the monitors of a run."""

import lifelong_lb.avalanche_import  # noqa: F401  first, because importing Avalanche creates a folder
from lifelong_lb.strategies.build import boundary_plugins, build_strategy
from lifelong_lb.strategies.checkpoint import NotCarriedError, load_with, parts_of, save_apart
from lifelong_lb.strategies.loading.augmentation import Augmentation
from lifelong_lb.strategies.loading.plugin import TensorLoading
from lifelong_lb.strategies.methods.builders import STRATEGIES
from lifelong_lb.strategies.methods.mir import MIR
from lifelong_lb.strategies.methods.patches import load_checkpoint, save_checkpoint
from lifelong_lb.strategies.methods.replay import DER, ERACE, ERAML
from lifelong_lb.strategies.monitors.accuracy import AccuracyRecorder
from lifelong_lb.strategies.monitors.confusion import ConfusionCounts
from lifelong_lb.strategies.monitors.costs import ForwardPasses, MemoryMeter, SamplesSeen
from lifelong_lb.strategies.monitors.during_training import DuringTraining
from lifelong_lb.strategies.monitors.guards import DivergedError, DivergenceGuard, SeparateSeeds, Stopwatch
from lifelong_lb.strategies.monitors.strategy_gradients import StrategyGradients
from lifelong_lb.strategies.optimizers import OPTIMIZERS, build_optimizer, check_patterns, follow_groups
from lifelong_lb.strategies.rule.further_passes import PARTS, Part, register_plugin
from lifelong_lb.strategies.rule.own_loop import OwnLoop
from lifelong_lb.strategies.rule.plugin import SharpnessAwarePlugin
from lifelong_lb.strategies.schedule.budget import Budget
from lifelong_lb.strategies.schedule.learning_rate import SCHEDULES, Moment, ScheduledLearningRate
from lifelong_lb.strategies.schedule.optimizer_state import ResetOptimizerState

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
    "check_patterns",
    "follow_groups",
    "load_checkpoint",
    "load_with",
    "parts_of",
    "register_plugin",
    "save_apart",
    "save_checkpoint",
]
