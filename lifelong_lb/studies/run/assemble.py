"""Build a run's strategy, with its rule, optimizer, plugins and monitors, from a configuration."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from lifelong_lb.config import RunConfig, UserError
from lifelong_lb.config.plugins.register import factory_of
from lifelong_lb.devices import takes_float16
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, Diagnostics, Passes, UpdateRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    AccuracyRecorder,
    Augmentation,
    Budget,
    DivergenceGuard,
    DuringTraining,
    ForwardPasses,
    OwnLoop,
    SamplesSeen,
    SeparateSeeds,
    SharpnessAwarePlugin,
    Stopwatch,
    StrategyGradients,
    TensorLoading,
    boundary_plugins,
    build_optimizer,
    build_strategy,
    follow_groups,
)
from lifelong_lb.streams import Stream
from lifelong_lb.studies.devices import no_float16
from lifelong_lb.studies.run.features import log_left_out
from lifelong_lb.studies.run.landscape import LandscapeMeter
from lifelong_lb.studies.run.state import RunState
from lifelong_lb.untrusted import quoted

Log = Callable[[str], None]
Applied = SharpnessAwarePlugin | OwnLoop
LOADER_VARIABLE = "LIFELONG_LB_LOADER"
"""Environment variable: ``avalanche`` selects Avalanche's data loading. Results are identical."""


@dataclass(frozen=True)
class Assembled:
    """A strategy with its plugins and monitors.

    Attributes:
        strategy: the Avalanche strategy.
        rule_plugin: applies the update rule and counts its passes; its substitute for strategies with a training loop
            of their own.
        own_gradients: counts the strategy's own gradients.
        stopwatch: measures training time.
        samples: counts images.
        forward: counts forward passes.
        loading: loads minibatches.
        recorder: measures accuracies.
        during: measures accuracies during training, if enabled.
        meter: measures the loss landscape, if enabled.
    """

    strategy: Any
    rule_plugin: Applied
    own_gradients: StrategyGradients
    stopwatch: Stopwatch
    samples: SamplesSeen
    forward: ForwardPasses
    loading: TensorLoading
    recorder: AccuracyRecorder
    during: DuringTraining | None
    meter: LandscapeMeter | None

    def account(self, progress: RunState) -> None:
        """Update a run's counts.

        Args:
            progress: receives the counts.
        """
        progress.gradient_evaluations = self.rule_plugin.gradient_evaluations
        progress.strategy_gradient_evaluations = self.own_gradients.count
        progress.train_seconds = self.stopwatch.seconds
        progress.samples_seen = self.samples.count
        progress.forward_passes = self.forward.count
        parameters = list(self.strategy.model.parameters())
        progress.parameters = progress.frozen_backbone + sum(p.numel() for p in parameters)
        progress.trained_parameters = sum(p.numel() for p in parameters if p.requires_grad)
        groups = [] if self.strategy.optimizer is None else self.strategy.optimizer.param_groups
        progress.learning_rate = float(groups[0].get("lr", math.nan)) if groups else math.nan
        progress.data["loading"] = self.loading.loaded_by
        if isinstance(self.rule_plugin, SharpnessAwarePlugin) and self.rule_plugin.float16 is not None:
            progress.data["skipped_steps"] = self.rule_plugin.float16.skipped_steps


def assemble(config: RunConfig, stream: Stream, progress: RunState, *, device: str, log: Log) -> Assembled:
    """Build model, rule, base optimizer and strategy, and the plugins of a run.

    Args:
        config: what to run.
        stream: its stream.
        progress: its lists are filled during training.
        device: kind of the current device, e.g. ``"cpu"``.
        log: receives messages about the loss landscape.

    Returns:
        The untrained strategy.

    Raises:
        UserError: if an environment variable has an unknown value, the optimizer cannot be built, or the device cannot
            train in float16.
    """
    scaler = _scaler(config, device)
    seed_all(config.seed, INITIALISATION)
    # with a scaler, the plugin of the rule applies autocast, to training passes alone
    model = build_model(config.model, stream.shape, "float32" if scaler is not None else config.train.precision)
    log_left_out(model, log)
    passes = Passes(**config.rule.pass_options(), clip_norm=config.train.clip_norm)
    rule = factory_of("rule", config.rule.name, RULES)(**config.rule.hyper_parameters(), passes=passes)
    evaluation, once = config.evaluation, config.strategy.trained_once
    if evaluation.diagnostics_every is not None:
        rule.observer = diagnostics = Diagnostics(evaluation.diagnostics_every)
        progress.diagnostics = diagnostics.rows
    applied = _applied(config, rule, scaler)
    loading = _loading(config)
    own_gradients, stopwatch, samples, forward = StrategyGradients(), Stopwatch(), SamplesSeen(), ForwardPasses(model)
    recorder = AccuracyRecorder(tensors=loading.tensors)
    during = meter = None
    if evaluation.every is not None and not once:
        during = DuringTraining(evaluation.every, recorder, rule, stopwatch)
    if evaluation.landscape is not None:
        meter = LandscapeMeter(evaluation.landscape, stream, config.seed, device, log)
        progress.landscape = meter.rows
    budget = _budget(config, applied, stopwatch, len(stream.train) if once else 1)
    if budget is not None:
        progress.budgets = budget.rows
    boundaries = boundary_plugins(
        config.optimizer,
        1 if once else stream.shape.experiences,
        None if budget is None else budget.spent_share,
        None if config.rule.rho_follows is None else rule,
    )
    monitors = [DivergenceGuard(), own_gradients, stopwatch, recorder, samples, forward, *([during] if during else [])]
    strategy = build_strategy(
        config.strategy,
        model=model,
        optimizer=build_optimizer(config.optimizer, [(n, p) for n, p in model.named_parameters() if p.requires_grad]),
        train=config.train,
        evaluation=evaluation,
        plugins=[SeparateSeeds(config.seed), loading, *([budget] if budget else []), *boundaries, applied, *monitors],
        device=device,
    )
    follow_groups(strategy, config.optimizer)
    return Assembled(strategy, applied, own_gradients, stopwatch, samples, forward, loading, recorder, during, meter)


def _scaler(config: RunConfig, device: str) -> torch.amp.GradScaler | None:
    """Gradient scaler of a run in float16."""
    if config.train.precision != "float16":
        return None
    if not takes_float16(device):
        raise UserError(no_float16(device))
    return torch.amp.GradScaler(device)


def _applied(config: RunConfig, rule: UpdateRule, scaler: torch.amp.GradScaler | None) -> Applied:
    if config.strategy.own_loop is None:
        begin = config.rule.from_experience
        return SharpnessAwarePlugin(rule, from_experience=begin, scaler=scaler, **config.strategy.passes())
    return OwnLoop(takes_gradients=config.strategy.takes_gradients)


def _budget(config: RunConfig, applied: Applied, stopwatch: Stopwatch, experiences_per_call: int) -> Budget | None:
    train = config.training
    if train.match == "steps":
        return None
    counts = {
        "gradients": partial(getattr, applied, "gradient_evaluations"),
        "seconds": partial(getattr, stopwatch, "seconds"),
    }  # partials, because lambdas cannot be pickled into a checkpoint
    return Budget(train, config.rule, counts[train.match], config.seed, experiences_per_call)


def _loading(config: RunConfig) -> TensorLoading:
    value = os.environ.get(LOADER_VARIABLE, "")
    if value not in ("", "avalanche"):
        raise UserError(f"{LOADER_VARIABLE} must be avalanche or empty; got {quoted(value)}")
    crop, flip = config.train.random_crop, config.train.random_flip
    augment = Augmentation(crop=crop, flip=flip, seed=config.seed) if crop or flip else None
    return TensorLoading(augment, tensors=not value)
