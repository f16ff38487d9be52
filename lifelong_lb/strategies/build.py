"""From the entries of a study file to Avalanche strategies and torch optimizers."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from torch import nn
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer

from lifelong_lb.config import Evaluation, OptimizerEntry, StrategyEntry, Train, UserError
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.plugins.hooks import check_hooks
from lifelong_lb.config.plugins.register import EXTENSIONS, factory_of
from lifelong_lb.optim import ClosureOptimizer, ExternalOptimizer, RebuiltOptimizer
from lifelong_lb.optim.modes import averages
from lifelong_lb.strategies.methods.builders import STRATEGIES
from lifelong_lb.strategies.schedule.learning_rate import ScheduledLearningRate, rate_factor
from lifelong_lb.strategies.schedule.optimizer_state import ResetOptimizerState


def _sgd(entry: OptimizerEntry, parameters: list[nn.Parameter]) -> Optimizer:
    return SGD(parameters, **entry.hyper_parameters())


def _adam(entry: OptimizerEntry, parameters: list[nn.Parameter]) -> Optimizer:
    return Adam(parameters, **_with_betas(entry))


def _adamw(entry: OptimizerEntry, parameters: list[nn.Parameter]) -> Optimizer:
    return AdamW(parameters, **_with_betas(entry))


def _with_betas(entry: OptimizerEntry) -> dict[str, Any]:
    settings = entry.hyper_parameters()
    betas = settings.pop("beta1"), settings.pop("beta2")
    return {**settings, "betas": betas, "fused": True}  # one kernel instead of ten


def _lbfgs(entry: OptimizerEntry, parameters: list[nn.Parameter]) -> Optimizer:
    return ClosureOptimizer(partial(LBFGS, **entry.hyper_parameters()), parameters, restart=True)


def _external(entry: OptimizerEntry, parameters: list[nn.Parameter]) -> Optimizer:
    assert isinstance(entry, External)
    build = ExternalOptimizer(entry.target, entry.settings, entry.classes)
    try:
        restart = entry.restart or issubclass(build.kind(), LBFGS) or averages(build.kind())
        return (ClosureOptimizer if entry.closure else RebuiltOptimizer)(build, parameters, restart=restart)
    except ValueError as error:
        raise UserError(str(error)) from None


OPTIMIZERS: dict[str, Callable[[OptimizerEntry, list[nn.Parameter]], Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adamw,
    "lbfgs": _lbfgs,
    "external": _external,
}
"""Names that a study file knows, and the functions that build them."""


def build_optimizer(entry: OptimizerEntry, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build a base optimizer.

    Args:
        entry: what the study file says.
        parameters: the model's.

    Returns:
        A torch optimizer: a plain one, or one that keeps a foreign optimizer in step with the model.

    Raises:
        UserError: when an external optimizer cannot be imported or built.
    """
    return OPTIMIZERS[entry.name](entry, list(parameters))


def boundary_plugins(entry: OptimizerEntry, experiences: int, behind: Callable[[], float] | None = None) -> list[Any]:
    """What an optimizer's entry says of the boundaries of experiences, as plugins.

    Args:
        entry: what the study file says.
        experiences: how often the strategy is going to be trained.
        behind: see :class:`~lifelong_lb.strategies.ScheduledLearningRate`.

    Returns:
        Plugins of a strategy; none where state and learning rate go on as they are.
    """
    plugins: list[Any] = []
    if entry.state == "reset":
        plugins.append(ResetOptimizerState())
    if entry.schedule is not None:
        factor, by, over = partial(rate_factor, entry.schedule), entry.schedule.by, entry.schedule.over
        plugins.append(ScheduledLearningRate(factor, by=by, over=over, experiences=experiences, behind=behind))
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
    added = EXTENSIONS.get(("strategy", entry.name))
    if added is None:
        strategy = STRATEGIES[entry.name](entry, common)
    else:
        strategy = factory_of("strategy", entry.name, {})(common=common, **added.arguments(entry))
        for plugin in strategy.plugins:
            check_hooks(type(plugin), f"strategy {entry.name}: its plugin {type(plugin).__name__}")
    strategy.plugins.remove(evaluator)  # without metrics it does nothing, in 0.1 ms an iteration
    return strategy
