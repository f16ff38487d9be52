"""From the entries of a study file to Avalanche strategies and torch optimizers."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive, Replay
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from lifelong_lb.config import Evaluation, OptimizerEntry, StrategyEntry, Train
from lifelong_lb.config.optimizers import SGD as SGDEntry
from lifelong_lb.config.strategies import Replay as ReplayEntry


def _naive(entry: StrategyEntry, common: dict[str, Any]) -> Any:
    return Naive(**common)


def _replay(entry: StrategyEntry, common: dict[str, Any]) -> Any:
    assert isinstance(entry, ReplayEntry)
    strategy = Replay(mem_size=entry.mem_size, **common)
    for plugin in strategy.plugins:
        if hasattr(plugin, "batch_size_mem"):
            plugin.batch_size_mem = entry.batch_size_mem
    return strategy


STRATEGIES: dict[str, Callable[[StrategyEntry, dict[str, Any]], Any]] = {"naive": _naive, "replay": _replay}
"""Names that a study file knows, and the functions that build them."""

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
"""Names that a study file knows, and torch's optimizers."""


def build_optimizer(entry: OptimizerEntry, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build a base optimizer.

    Args:
        entry: what the study file says.
        parameters: the model's.

    Returns:
        A plain torch optimizer.
    """
    settings = entry.model_dump(exclude={"name", "label"})
    if not isinstance(entry, SGDEntry):
        settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
    return OPTIMIZERS[entry.name](parameters, **settings)


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
    """Build an Avalanche strategy that prints nothing and computes no metrics of its own.

    Args:
        entry: what the study file says.
        model: the model.
        optimizer: a plain torch optimizer over its parameters.
        train: epochs and batch size.
        evaluation: batch size of evaluation.
        plugins: plugins that come before the strategy's own.
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
    return STRATEGIES[entry.name](entry, common)
