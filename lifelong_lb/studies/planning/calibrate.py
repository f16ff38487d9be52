"""Measure the speed of each kind of run in a few steps, and estimate durations. Imports torch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from itertools import islice
from pathlib import Path

import torch

from lifelong_lb.config import Evaluation, GridRun, RunConfig
from lifelong_lb.streams import Stream, training_chunks
from lifelong_lb.studies.planning.forecast import Training, rule_gradients
from lifelong_lb.studies.run.assemble import Assembled, assemble
from lifelong_lb.studies.run.execute import found_config, load_stream
from lifelong_lb.studies.run.state import RunState
from lifelong_lb.studies.run.worker import quiet

SECONDS = 0.3
"""Training time per measured experience."""

CHUNKS = 12
"""Number of measured chunks of an online stream, without a time limit."""

TOTAL_SECONDS = 90.0
"""Time after which no further kind of run is measured."""


@dataclass(frozen=True)
class Speed:
    """Speed of one kind of run, in seconds.

    Attributes:
        first: per gradient evaluation in the first experience; per image for strategies that take no gradients.
        later: the same in the second experience; equal to ``first`` for chunks or a single experience.
        between: per experience or chunk, in addition to its training steps.
        image: per evaluated image.
        tested: number of images in the test part of each experience.
    """

    first: float
    later: float
    between: float
    image: float
    tested: Sequence[int]


@dataclass(frozen=True)
class Duration:
    """Range of a duration in seconds.

    Attributes:
        low: estimate from the faster of two measurements.
        high: estimate from the slower one.
    """

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.low + other.low, self.high + other.high)


Kind = tuple[int, ...]
"""Index of a run's entry on each grid axis except seeds."""


def kind_of(run: GridRun) -> Kind:
    """Return the kind of a run.

    Args:
        run: a run.

    Returns:
        Indices of its entries.
    """
    return tuple(run.entries.values())


def calibrate(runs: Sequence[GridRun], roots: Sequence[Path]) -> tuple[dict[Kind, Speed], dict[Kind, str]]:
    """Measure each kind of run once, on the CPU with one thread.

    Args:
        runs: runs of a study whose images are available.
        roots: folders of the data sets.

    Returns:
        The speeds, and the reasons why some were not measured.
    """
    speeds: dict[Kind, Speed] = {}
    reasons: dict[Kind, str] = {}
    streams: dict[tuple[int, int], Stream] = {}
    started, threads = time.monotonic(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for run in {kind_of(run): run for run in reversed(runs)}.values():
            if time.monotonic() - started > TOTAL_SECONDS:
                reasons[kind_of(run)] = f"the limit of {TOTAL_SECONDS:.0f} s for all measurements was reached"
                continue
            key = (run.entries["streams"], run.config.seed)
            try:
                with quiet():
                    config = found_config(run.config, roots)
                    if key not in streams:
                        streams[key] = load_stream(config, RunState(), roots)
                    speeds[kind_of(run)] = measure(config, streams[key])
            except Exception as error:  # noqa: BLE001  the run itself reports the details
                reasons[kind_of(run)] = f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(threads)
    return speeds, reasons


def measure(config: RunConfig, stream: Stream, seconds: float = SECONDS) -> Speed:
    """Train briefly on one or two experiences, and evaluate one.

    Args:
        config: the run's configuration.
        stream: its stream.
        seconds: training time per experience.

    Returns:
        The speed.
    """
    once, experiences = config.strategy.trained_once, len(stream.train)
    if config.stream.chunk is None:
        budget = seconds / experiences if once else seconds
        timed = {"match": "seconds", "budget": budget, "passes": None, "epochs": 1, "later_epochs": None}
        rule = config.rule.model_copy(update={"passes": None})
        config = config.model_copy(update={"train": config.train.model_copy(update=timed), "rule": rule})
    if config.train.precision == "float16":  # which the CPU is not used for
        config = config.model_copy(update={"train": config.train.model_copy(update={"precision": "float32"})})
    plain = Evaluation(batch_size=config.evaluation.batch_size)
    config = config.model_copy(update={"evaluation": plain})
    run = assemble(config, stream, RunState(), device="cpu", log=lambda line: None)
    unit_seconds, parts, between = [], 0, 0.0
    for i in range(1 if once or config.stream.chunk is not None else min(2, experiences)):
        units, trained, started = (
            _units_done(run, config.strategy.takes_gradients),
            run.stopwatch.seconds,
            time.perf_counter(),
        )
        arrives = (
            [stream.train]
            if once
            else list(islice(training_chunks(stream.train, i, config.stream, config.seed), CHUNKS))
        )
        for part in arrives:
            run.strategy.train(part, eval_streams=[])
        trained = run.stopwatch.seconds - trained
        unit_seconds.append(trained / max(1, _units_done(run, config.strategy.takes_gradients) - units))
        between, parts = between + time.perf_counter() - started - trained, parts + len(arrives)
    run.recorder.evaluate(run.strategy, stream.test[:1])  # warm-up: loads the images
    started = time.perf_counter()
    run.recorder.evaluate(run.strategy, stream.test[:1])
    tested = [len(experience.dataset) for experience in stream.test]
    image = (time.perf_counter() - started) / tested[0]
    return Speed(unit_seconds[0], unit_seconds[-1], between / parts, image, tested)


def _units_done(run: Assembled, takes_gradients: bool) -> int:
    """Gradient evaluations taken so far, or images for strategies that take no gradients."""
    return run.rule_plugin.gradient_evaluations if takes_gradients else run.samples.count


def _units_total(config: RunConfig, parts: Sequence[Training]) -> int:
    """Expected total of :func:`_units_done`."""
    if config.strategy.takes_gradients:
        return rule_gradients(config, parts).least
    return sum(config.train.epochs_of(part.experience) * part.images for part in parts)


def evaluated_images(config: RunConfig, parts: Sequence[Training], tested: Sequence[int]) -> int:
    """Count the test images that a run evaluates: before the first experience, after each one, and during training.

    Args:
        config: the run's configuration.
        parts: what it trains on.
        tested: images in the test part of each experience.

    Returns:
        Their number, without those during training if the number of iterations is not known in advance.
    """
    T = len(tested)
    if config.strategy.trained_once:
        return sum(tested)
    if config.evaluation.experiences == "all":
        return (T + 1) * sum(tested)  # T + 1: also at initialisation
    images = sum(sum(tested[: i + 1]) for i in range(T))
    if config.evaluation.every is not None and config.training.match == "steps":
        for i in range(T):
            minibatches = sum(part.minibatches.least for part in parts if part.experience == i)
            images += config.train.epochs_of(i) * minibatches // config.evaluation.every * sum(tested[: i + 1])
    return images


def duration(config: RunConfig, parts: Sequence[Training], speed: Speed) -> Duration:
    """Estimate the duration of a run.

    Args:
        config: the run's configuration.
        parts: what it trains on.
        speed: the speed of its kind.

    Returns:
        Seconds: a range that spans the estimates from the first, the later, and both measured speeds.
    """
    T = len(speed.tested)
    rest = speed.between * len(parts) + speed.image * evaluated_images(config, parts, speed.tested)
    if config.train.match == "seconds":
        assert config.train.budget is not None
        return Duration(rest, rest) + Duration(config.train.budget * T, config.train.budget * T)
    first = _units_total(config, [part for part in parts if part.experience == 0])
    later = _units_total(config, [part for part in parts if part.experience > 0])
    expected = first * speed.first + later * speed.later
    low = min(expected, (first + later) * min(speed.first, speed.later))
    return Duration(rest + low, rest + max(expected, (first + later) * max(speed.first, speed.later)))


def with_workers(durations: Mapping[str, Duration], workers: int) -> Duration:
    """Estimate the duration of a study.

    Args:
        durations: durations of its runs, in order of execution.
        workers: number of concurrent runs.

    Returns:
        Seconds, if each run starts as soon as a worker is free and runs do not slow each other down.
    """
    low, high = [0.0] * workers, [0.0] * workers
    for each in durations.values():
        heapreplace(low, low[0] + each.low)
        heapreplace(high, high[0] + each.high)
    return Duration(max(low), max(high))
