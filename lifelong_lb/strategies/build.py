"""From the entries of a study file to Avalanche strategies and torch optimizers."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from lifelong_lb.config import Evaluation, OptimizerEntry, StrategyEntry, Train
from lifelong_lb.config.optimizers import SGD as SGDEntry
from lifelong_lb.strategies.builders import STRATEGIES

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
