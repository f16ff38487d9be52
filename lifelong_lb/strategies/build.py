"""Build Avalanche strategies from the entries of a study file."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from torch import nn
from torch.optim import Optimizer

from lifelong_lb.config import Evaluation, OptimizerEntry, StrategyEntry, Train
from lifelong_lb.config.plugins.hooks import check_hooks
from lifelong_lb.config.plugins.register import EXTENSIONS, factory_of
from lifelong_lb.optim import UpdateRule
from lifelong_lb.strategies.methods.builders import STRATEGIES
from lifelong_lb.strategies.schedule.learning_rate import ScheduledLearningRate, rate_factor
from lifelong_lb.strategies.schedule.optimizer_state import ResetOptimizerState


def boundary_plugins(
    entry: OptimizerEntry,
    experiences: int,
    spent_share: Callable[[], float] | None = None,
    follower: UpdateRule | None = None,
) -> list[Any]:
    """Build the plugins that act on the optimizer at the boundaries of experiences.

    Args:
        entry: entry of the study file.
        experiences: number of experiences that the strategy is trained on.
        spent_share: see :class:`~lifelong_lb.strategies.ScheduledLearningRate`.
        follower: rule whose radius follows the learning rate; None for none.

    Returns:
        Plugins of a strategy; empty if state and learning rate are kept.
    """
    plugins: list[Any] = []
    if entry.state == "reset":
        plugins.append(ResetOptimizerState())
    if entry.schedule is not None:
        counting: Any = {"by": entry.schedule.by, "over": entry.schedule.over, "experiences": experiences}
        settings = {**counting, "spent_share": spent_share, "follower": follower}
        plugins.append(ScheduledLearningRate(partial(rate_factor, entry.schedule), **settings))
    return plugins


def build_strategy(
    entry: StrategyEntry,
    *,
    model: nn.Module,
    optimizer: Optimizer,
    train: Train,
    evaluation: Evaluation,
    plugins: Sequence[Any],
    device: str = "cpu",
) -> Any:
    """Build an Avalanche strategy without loggers and metrics.

    Args:
        entry: entry of the study file.
        model: the model.
        optimizer: a plain torch optimizer over its parameters.
        train: epochs and batch size.
        evaluation: batch size of evaluation.
        plugins: plugins placed before those of the strategy.
        device: where to train.

    Returns:
        The strategy.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No loggers specified")
        evaluator = EvaluationPlugin(loggers=[], collect_all=False)
    common = {
        "model": model,
        "optimizer": optimizer,
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": train.batch_size,
        "train_epochs": train.epochs,
        "eval_mb_size": evaluation.batch_size,
        "device": torch.device(device),
        "plugins": list(plugins),
        "evaluator": evaluator,
    }
    added = EXTENSIONS.get(("strategy", entry.name))
    if added is None:
        strategy = STRATEGIES[entry.name](entry, common)
    else:
        strategy = factory_of("strategy", entry.name, {})(common=common, **added.arguments(entry))
        for plugin in strategy.plugins:
            check_hooks(type(plugin), f"strategy {entry.name}: its plugin {type(plugin).__name__}")
    strategy.plugins.remove(evaluator)  # without metrics it costs 0.1 ms per iteration
    return strategy
