"""One run: a stream learnt by one strategy with one rule from one seed, and the accuracy matrix that comes of it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifelong_lb.config import RunConfig, UserError
from lifelong_lb.data import find_images, load_images
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, Diagnostics, Passes
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    AccuracyRecorder,
    Augmentation,
    DivergenceGuard,
    DuringTraining,
    SamplesSeen,
    SeparateSeeds,
    SharpnessAwarePlugin,
    Stopwatch,
    StrategyGradients,
    TensorLoading,
    boundary_plugins,
    build_optimizer,
    build_strategy,
)
from lifelong_lb.streams import STREAMS, Stream, arriving
from lifelong_lb.studies.landscape import LandscapeMeter, Row, packed

Log = Callable[[str], None]
LOADER_VARIABLE = "LIFELONG_LB_LOADER"
"""Environment variable: ``avalanche`` leaves all loading to Avalanche. Results are the same, bit for bit."""
Keep = Callable[[int, bytes], None]
"""Takes an experience and the weights that the model had after it."""


@dataclass
class Progress:
    """What a run has measured so far; it is read even when the run ends early.

    Attributes:
        experiences: T.
        accuracy: entries ``(trained, evaluated, accuracy)``.
        initial_accuracy: accuracy on each experience at initialisation, where asked for.
        gradient_evaluations: passes over training minibatches so far.
        strategy_gradient_evaluations: gradients that the strategy has taken beside those so far.
        train_seconds: seconds spent training so far.
        samples_seen: images of training minibatches so far.
        parameters: numbers that the model is made of, as it is now.
        data: what the images were.
        diagnostics: one mapping a recorded pass, where the study asks for them.
        continual: accuracies measured during training, where it asks for them, see
            :class:`~lifelong_lb.strategies.DuringTraining`.
        landscape: what was measured of the loss landscape, where the study asks for it.
    """

    experiences: int = 0
    accuracy: list[tuple[int, int, float]] = field(default_factory=list)
    initial_accuracy: list[float] = field(default_factory=list)
    gradient_evaluations: int = 0
    strategy_gradient_evaluations: int = 0
    train_seconds: float = 0.0
    samples_seen: int = 0
    parameters: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    diagnostics: list[dict[str, float]] = field(default_factory=list)
    continual: list[tuple[int, int, int, float]] = field(default_factory=list)
    landscape: list[Row] = field(default_factory=list)


def execute(
    config: RunConfig, progress: Progress, *, roots: Sequence[Path], device: str, log: Log, keep: Keep | None = None
) -> None:
    """Train through the whole stream, measuring after each experience.

    Args:
        config: what to run.
        progress: filled as the run goes on.
        roots: folders of the data sets, see :func:`lifelong_lb.data.data_roots`.
        device: ``"cpu"`` or ``"cuda"``.
        log: receives a line an experience.
        keep: receives the model after each experience, where the study asks for it.

    Raises:
        DivergedError: when loss or weights are no longer finite.
        UserError: when the images cannot be read, or an environment variable has a value that means nothing.
    """
    stream = _load_stream(config, progress, roots)
    seed_all(config.seed, INITIALISATION)
    model = build_model(config.model, stream.shape, config.train.precision)
    rule = RULES[config.rule.name](**config.rule.hyper_parameters(), passes=Passes(**config.rule.passes()))
    if config.evaluation.diagnostics_every is not None:
        rule.observer = diagnostics = Diagnostics(config.evaluation.diagnostics_every)
        progress.diagnostics = diagnostics.rows
    sharpness_aware = SharpnessAwarePlugin(
        rule, from_experience=config.rule.from_experience, **config.strategy.passes()
    )
    loading = _loading(config)
    own_gradients, stopwatch, recorder = StrategyGradients(), Stopwatch(), AccuracyRecorder(tensors=loading.tensors)
    samples = SamplesSeen()
    watching = [DivergenceGuard(), own_gradients, stopwatch, recorder, samples]
    everything, once = config.evaluation.experiences == "all", config.strategy.trained_once
    every = config.evaluation.every
    during = [] if every is None or once else [DuringTraining(every, recorder, rule, stopwatch)]
    boundaries = boundary_plugins(config.optimizer, 1 if once else stream.shape.experiences)
    strategy = build_strategy(
        config.strategy,
        model=model,
        optimizer=build_optimizer(config.optimizer, model.parameters()),
        train=config.train,
        evaluation=config.evaluation,
        plugins=[SeparateSeeds(config.seed), loading, *boundaries, sharpness_aware, *watching, *during],
        device=device,
    )
    meter = None
    if config.evaluation.landscape is not None:
        meter = LandscapeMeter(config.evaluation.landscape, stream, config.seed, device, log)
        progress.landscape = meter.rows
    if everything and not once:
        progress.initial_accuracy = recorder.evaluate(strategy, stream.test, unseen=True)
    last = stream.shape.experiences - 1
    for i in [last] if once else range(last + 1):
        seed_all(config.seed, INITIALISATION, i + 1)  # outputs that a growing head adds
        arrives = stream.train if once else arriving(stream.train, i, config.stream, config.seed)
        for measuring in during:
            measuring.begin(i, stream.test[: i + 1])
            progress.continual = measuring.rows
        try:
            strategy.train(arrives, eval_streams=[])
        finally:
            progress.gradient_evaluations = sharpness_aware.gradient_evaluations
            progress.strategy_gradient_evaluations = own_gradients.count
            progress.train_seconds = stopwatch.seconds
            progress.data["loading"] = loading.told
            progress.samples_seen = samples.count
            progress.parameters = sum(p.numel() for p in strategy.model.parameters())
        started = time.perf_counter()
        tested = stream.test if everything else stream.test[: i + 1]
        row = recorder.evaluate(strategy, tested, unseen=everything)
        progress.accuracy += [(i, j, accuracy) for j, accuracy in enumerate(row)]
        for measuring in during:
            measuring.end(row[: i + 1])
        log(
            f"experience {i}: accuracy {row[i]:.4f} on it, {sum(row[: i + 1]) / (i + 1):.4f} on all seen "
            f"({stopwatch.seconds:.1f} s trained, evaluated in {time.perf_counter() - started:.1f} s)"
        )
        if config.evaluation.save_models and keep is not None:
            keep(i, packed(strategy.model))
        if meter is not None:
            meter.after(i, strategy.model)


def _loading(config: RunConfig) -> TensorLoading:
    wanted = os.environ.get(LOADER_VARIABLE, "")
    if wanted not in ("", "avalanche"):
        raise UserError(f"{LOADER_VARIABLE} must be avalanche or empty; got {wanted!r}")
    crop, flip = config.train.random_crop, config.train.random_flip
    augment = Augmentation(crop=crop, flip=flip, seed=config.seed) if crop or flip else None
    return TensorLoading(augment, tensors=not wanted)


def _load_stream(config: RunConfig, progress: Progress, roots: Sequence[Path]) -> Stream:
    images = load_images(find_images(config.stream, roots))
    stream = STREAMS[config.stream.name](config.stream, images, config.seed)
    progress.experiences = stream.shape.experiences
    progress.data = {
        "source": images.source,
        "sha256": images.sha256,
        "train_images": len(images.train.y),
        "test_images": len(images.test.y),
        "class_order": list(stream.class_order),
        "class_names": list(stream.class_names),
        "label_map": {str(label): list(place) for label, place in stream.label_map.items()},
        "arrangement": stream.arrangement,
        "permutations": stream.permutations,
        "angles": list(stream.angles),
    }
    return stream
