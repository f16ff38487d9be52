"""How long runs take on this machine, from a few steps of each kind of run. Importing this module imports torch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from itertools import islice
from pathlib import Path

import torch

from lifelong_lb.config import Evaluation, GridRun, RunConfig
from lifelong_lb.streams import Stream, arriving
from lifelong_lb.studies.planning.forecast import Training, rule_gradients
from lifelong_lb.studies.run.assemble import Assembled, assemble
from lifelong_lb.studies.run.execute import load_stream
from lifelong_lb.studies.run.state import RunState
from lifelong_lb.studies.run.worker import quiet

SECONDS = 0.3
"""Training time that each of two experiences gets."""

CHUNKS = 12
"""How many chunks of an online stream are trained on, for as long as they take."""

TOTAL_SECONDS = 90.0
"""Seconds after which no further kind of run is measured."""


@dataclass(frozen=True)
class Speed:
    """How fast runs of one kind are, in seconds.

    Attributes:
        first: a gradient evaluation in the first experience; an image, of a strategy that takes no gradients.
        later: one in the second; of chunks, and where there is one experience only, the same.
        between: what each experience or chunk takes beside its training steps.
        image: evaluating one image.
        tested: images in the test part of each experience.
    """

    first: float
    later: float
    between: float
    image: float
    tested: Sequence[int]


@dataclass(frozen=True)
class Duration:
    """Seconds, as a range.

    Attributes:
        low: by the faster of two measurements.
        high: by the slower one.
    """

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.low + other.low, self.high + other.high)


Kind = tuple[int, ...]
"""Index of a run's entry on each grid axis: what tells runs apart whatever their seed."""


def kind_of(run: GridRun) -> Kind:
    """The kind of a run.

    Args:
        run: a run.

    Returns:
        Indices.
    """
    return tuple(run.entries.values())


def calibrate(runs: Sequence[GridRun], roots: Sequence[Path]) -> tuple[dict[Kind, Speed], dict[Kind, str]]:
    """Measure each kind of run once, on the CPU with one thread.

    Args:
        runs: of a study, all of whose images are there.
        roots: folders of the data sets.

    Returns:
        The speeds, and why some were not measured.
    """
    speeds: dict[Kind, Speed] = {}
    reasons: dict[Kind, str] = {}
    streams: dict[tuple[int, int], Stream] = {}
    started, threads = time.monotonic(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for run in {kind_of(run): run for run in reversed(runs)}.values():
            if time.monotonic() - started > TOTAL_SECONDS:
                reasons[kind_of(run)] = f"{TOTAL_SECONDS:.0f} seconds of measuring were over"
                continue
            key = (run.entries["streams"], run.config.seed)
            try:
                with quiet():
                    if key not in streams:
                        streams[key] = load_stream(run.config, RunState(), roots)
                    speeds[kind_of(run)] = measure(run.config, streams[key])
            except Exception as error:  # noqa: BLE001  the run will tell more of it
                reasons[kind_of(run)] = f"{type(error).__name__}: {error}"
    finally:
        torch.set_num_threads(threads)
    return speeds, reasons


def measure(config: RunConfig, stream: Stream, seconds: float = SECONDS) -> Speed:
    """Train a little on one or two experiences, and evaluate one.

    Args:
        config: the run's configuration.
        stream: its stream.
        seconds: training time that each of them gets.

    Returns:
        The speed.
    """
    once, experiences = config.strategy.trained_once, len(stream.train)
    if config.stream.chunk is None:
        budget = seconds / experiences if once else seconds
        timed = {"match": "seconds", "budget": budget, "passes": None, "epochs": 1}
        config = config.model_copy(update={"train": config.train.model_copy(update=timed)})
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
            [stream.train] if once else list(islice(arriving(stream.train, i, config.stream, config.seed), CHUNKS))
        )
        for part in arrives:
            run.strategy.train(part, eval_streams=[])
        trained = run.stopwatch.seconds - trained
        unit_seconds.append(trained / max(1, _units_done(run, config.strategy.takes_gradients) - units))
        between, parts = between + time.perf_counter() - started - trained, parts + len(arrives)
    run.recorder.evaluate(run.strategy, stream.test[:1])  # looks images up
    started = time.perf_counter()
    run.recorder.evaluate(run.strategy, stream.test[:1])
    tested = [len(experience.dataset) for experience in stream.test]
    image = (time.perf_counter() - started) / tested[0]
    return Speed(unit_seconds[0], unit_seconds[-1], between / parts, image, tested)


def _units_done(run: Assembled, takes_gradients: bool) -> int:
    """What a run has done so far, in the units of :class:`Speed`."""
    return run.rule_plugin.gradient_evaluations if takes_gradients else run.samples.count


def _units_total(config: RunConfig, parts: Sequence[Training]) -> int:
    """What a run is going to do, likewise."""
    if config.strategy.takes_gradients:
        return rule_gradients(config, parts).least
    return config.train.epochs * sum(part.images for part in parts)


def evaluated_images(config: RunConfig, parts: Sequence[Training], tested: Sequence[int]) -> int:
    """How many test images a run evaluates: after each experience, before the first, and during training.

    Args:
        config: the run's configuration.
        parts: what it trains on.
        tested: images in the test part of each experience.

    Returns:
        Their number; without those during training where the number of iterations is not known beforehand.
    """
    T = len(tested)
    if config.strategy.trained_once:
        return sum(tested)
    if config.evaluation.experiences == "all":
        return (T + 1) * sum(tested)  # at initialisation, too
    images = sum(sum(tested[: i + 1]) for i in range(T))
    if config.evaluation.every is not None and config.train.match == "steps":
        for i in range(T):
            minibatches = sum(part.minibatches.least for part in parts if part.experience == i)
            images += config.train.epochs * minibatches // config.evaluation.every * sum(tested[: i + 1])
    return images


def duration(config: RunConfig, parts: Sequence[Training], speed: Speed) -> Duration:
    """How long a run takes.

    Args:
        config: the run's configuration.
        parts: what it trains on.
        speed: how fast runs of its kind are.

    Returns:
        Seconds: by what was measured for each experience, and the same by the faster and the slower of both.
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
    """How long a study takes.

    Args:
        durations: of its runs.
        workers: runs at a time.

    Returns:
        Seconds, if runs do not slow each other down, each begun in its turn as soon as a worker is free.
    """
    low, high = [0.0] * workers, [0.0] * workers
    for each in durations.values():
        heapreplace(low, low[0] + each.low)
        heapreplace(high, high[0] + each.high)
    return Duration(max(low), max(high))
