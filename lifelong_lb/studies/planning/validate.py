"""Output of ``validate``: the grid of a study and its cost."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from os import PathLike
from pathlib import Path
from random import Random

import numpy as np

from lifelong_lb.config import GridRun, StreamEntry, Study, Train, UserError, axis_labels, left_out, unsupported
from lifelong_lb.config.checks.labels import seeds_in_words
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.config.errors import listed_names
from lifelong_lb.config.runs import Combination, combinations, runs_of
from lifelong_lb.data import data_roots, find_images
from lifelong_lb.data.experiences import learnt_labels
from lifelong_lb.data.selection import Labels
from lifelong_lb.studies.checks import check_weights
from lifelong_lb.studies.devices import cores
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.studies.planning.external_optimizers import about_targets, check_targets
from lifelong_lb.studies.planning.forecast import Count, Training, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.planning.tuning_forecast import about_trials
from lifelong_lb.studies.stream_images import StreamImages, images_of
from lifelong_lb.studies.telemetry import switch_off_telemetry
from lifelong_lb.untrusted import reason_text, shortened

MAX_LINES = 20
"""Maximum number of rules, and of groups of pairs, listed."""


@dataclass(frozen=True)
class Plan:
    """An expanded study with the labels of its images.

    Attributes:
        study: the study.
        runs_of_rules: index of a rule to its number of runs.
        runs: the runs; for large studies, a sample for estimates.
        roots: folders of the data sets.
        images: labels and notes of each stream's images.
        trainings: run id to the run's training calls, if known.
    """

    study: Study
    runs_of_rules: Mapping[int, int]
    runs: Sequence[GridRun]
    roots: Sequence[Path]
    images: Sequence[StreamImages]
    trainings: Mapping[str, list[Training]]

    @property
    def total(self) -> int:
        """Number of runs."""
        return sum(self.runs_of_rules.values())


MAX_PARTS = 50_000
"""Maximum number of experiences and chunks, over all runs, for which gradients are counted."""

MAX_LABELS = 4_000_000
"""Maximum number of images, over all seeds, distributed to experiences for counting."""


def plan_of(study: Study, data: str | PathLike[str] | None = None, *, prepare: bool = False) -> Plan:
    """Expand a study and check its images.

    Args:
        study: the study.
        data: folder of the data sets; None for the default locations.
        prepare: whether images may be decoded into the cache.

    Returns:
        The plan.

    Raises:
        UserError: if the folder does not exist, images do not fit a stream's settings, weights are not found, or the
            package of an external optimizer is not installed.
    """
    check_targets(study)
    among, roots = combinations(study), data_roots(data)
    check_weights(study, roots)
    images = images_of(study.streams, roots, prepare=prepare)
    runs, of_rules = _sample(study, among, images), Counter(rule for _, _, rule, _ in among)
    dealt: dict[tuple[int, int], Sequence[Labels] | None] = {}
    training_calls = {}
    for run in runs:
        config, index = run.config, run.entries["streams"]
        train, test = images[index].train, images[index].test
        if train is None or test is None:
            continue
        key = (index, config.seed)
        if key not in dealt:
            dealt[key] = learnt_labels(images[index].stream or config.stream, train, test, config.seed)
            if dealt[key] is None:
                dealt[key], reason = _built(config.stream, roots, config.seed) if prepare else (None, UNBUILT)
                images[index] = replace(images[index], reason=reason)
        learnt = dealt[key]
        if learnt is not None:
            training_calls[config.run_id] = trainings(config, learnt)
    runs_of_rules = {rule: count * len(study.seeds) for rule, count in of_rules.items()}
    return Plan(study, runs_of_rules, runs, roots, images, training_calls)


def _sample(study: Study, among: Sequence[Combination], images: Sequence[StreamImages]) -> list[GridRun]:
    """All runs of a study, or a sample that takes a few seconds to count, with at least one run per stream."""
    sizes = [0 if one.train is None else len(one.train) for one in images]
    parts = [max(s.learnt, 0 if s.chunk is None else n // s.chunk) for s, n in zip(study.streams, sizes, strict=True)]
    most = max(MAX_PARTS // max(parts), 1)
    seeds = study.seeds[: max(1, min(most // len(among), MAX_LABELS // max(sum(sizes), 1)))]
    if len(among) > most:
        firsts = {one[0]: one for one in reversed(among)}.values()
        among = sorted({*firsts, *Random(0).sample(among, most)})
    return list(runs_of(study, among, seeds))


UNBUILT = "it depends on the stream's function, which only --estimate calls"


def _built(stream: StreamEntry, roots: Sequence[Path], seed: int) -> tuple[Sequence[Labels] | None, str]:
    """Labels of each experience of a custom stream, from its function; None and the reason if it fails."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # issued when avalanche is imported
        from lifelong_lb.data import load_images
        from lifelong_lb.streams import build_stream
    try:
        built = build_stream(stream, load_images(find_images(stream, roots)), seed)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  a user's function may raise anything
        return None, f"its function raised {type(error).__name__}: {reason_text(error)}"
    return [np.array(list(experience.dataset.targets), dtype=np.int64) for experience in built.train], ""


def warnings_about(plan: Plan) -> Iterator[str]:
    """Report missing images, and notes on images.

    Args:
        plan: the study.

    Yields:
        Texts of one or more lines.
    """
    for label, images in zip(axis_labels(plan.study.streams, "streams"), plan.images, strict=True):
        if images.missing:
            yield f"warning: {label}: images are missing, run will refuse this study. {images.missing}"
        yield from (f"note: {label}: {note}" for note in images.notes)


def without_images(plan: Plan) -> list[str]:
    """List the streams whose images were not found.

    Args:
        plan: the study.

    Returns:
        Their labels.
    """
    labels = axis_labels(plan.study.streams, "streams")
    return [label for label, images in zip(labels, plan.images, strict=True) if images.missing]


def gradients_of(plan: Plan) -> dict[str, tuple[Count, Count]]:
    """Count the gradient evaluations of each run.

    Args:
        plan: the study.

    Returns:
        Run id to those of the rule and the strategy's own; at least 0 if the images are unknown.
    """
    unknown = Count(exact=False), Count(exact=False)
    return {
        run.config.run_id: (rule_gradients(run.config, parts), strategy_gradients(run.config, parts))
        if (parts := plan.trainings.get(run.config.run_id)) is not None
        else unknown
        for run in plan.runs
    }


def lines_about(plan: Plan) -> Iterator[str]:
    """Describe a valid study.

    Args:
        plan: the study.

    Yields:
        Lines.
    """
    study = plan.study
    for axis in ("streams", "strategies", "rules", "optimizers"):
        yield f"{axis:<10} {listed_names(axis_labels(getattr(study, axis), axis))}"
    yield f"{'seeds':<10} {seeds_in_words(study.seeds)}"
    yield from _about_what_is_left_out(study)
    yield ""
    yield from _about_budget(study.train)
    yield from _about_gradients(plan)
    if study.tuning is not None:
        streams = tuple(each.stream or given for each, given in zip(plan.images, study.streams, strict=True))
        with_labels = study.model_copy(update={"streams": streams})
        yield from about_trials(with_labels, [(images.train, images.test) for images in plan.images])
    yield from about_targets(study)
    yield from _about_timm(plan.runs)
    yield ""


def _about_timm(runs: Sequence[GridRun]) -> Iterator[str]:
    """Models of timm, whose names and settings only timm can check."""
    models = {repr(run.config.model): run.config.model for run in runs}.values()
    for model in (model for model in models if isinstance(model, Timm)):
        missing = "" if find_spec("timm") else "; the package timm is not installed"
        yield f"not tried: {shortened(model.model)} (model of timm), which run builds before anything else{missing}"


def _about_what_is_left_out(study: Study) -> Iterator[str]:
    runs = left_out(study)
    if runs:
        yield f"left out: {runs} run{'s' * (runs != 1)}, by only or exclude"
    yield from about_unsupported(study)


def about_unsupported(study: Study) -> Iterator[str]:
    """List the pairs that ``skip_unsupported`` leaves out.

    Args:
        study: the study.

    Yields:
        A line per group of pairs with the same reason.
    """
    groups = unsupported(study)
    for pairs, reason in islice(groups.items(), MAX_LINES):
        yield f"left out as unsupported: {pairs} ({reason})"
    if len(groups) > MAX_LINES:
        yield f"left out as unsupported: {len(groups) - MAX_LINES} more groups of pairs"


def _about_budget(train: Train) -> Iterator[str]:
    if train.match == "seconds":
        yield f"train: at most {train.budget:g} seconds per experience; results vary between repeated runs"
    elif train.match == "gradients" and train.passes is not None:
        yield f"train: {train.passes:g} gradient evaluations per minibatch of {train.epochs} epochs"
    elif train.match == "gradients":
        yield f"train: {train.budget:g} gradient evaluations per experience"


def _about_gradients(plan: Plan) -> Iterator[str]:
    counts, sampled = gradients_of(plan), plan.total > len(plan.runs)
    scale = Fraction(plan.total, len(plan.runs))
    yield f"gradient evaluations of all runs: {_total_text(sum((rule for rule, _ in counts.values()), Count()), scale)}"
    names = axis_labels(plan.study.rules, "rules")
    of_rules: dict[int, list[Count]] = {}
    for run in plan.runs:
        of_rules.setdefault(run.entries["rules"], []).append(counts[run.config.run_id][0])
    for index, of_rule in islice(sorted(of_rules.items()), MAX_LINES):
        runs = plan.runs_of_rules[index]
        count = _total_text(sum(of_rule, Count()), Fraction(runs, len(of_rule)))
        yield f"  {shortened(names[index])}: {count} in {runs:,} run{'s' * (runs != 1)}"
    if len(names) > MAX_LINES:
        yield f"  and {len(names) - min(len(of_rules), MAX_LINES):,} more rules"
    strategies = sum((counts[run][1] for run in plan.trainings), Count())
    if strategies.least or not strategies.exact:
        yield f"  and the strategies' own: {_total_text(strategies, scale) if strategies.least else strategies}"
    if sampled:
        yield f"  estimated from {len(plan.runs):,} of the {plan.total:,} runs"
    for stream, images in zip(axis_labels(plan.study.streams, "streams"), plan.images, strict=True):
        if images.reason:
            yield f"  without {shortened(stream)}, whose number of images is unknown: {images.reason}"


def _total_text(total: Count, scale: Fraction) -> str:
    if not total.least and not total.exact:
        return "unknown"
    return str(total) if scale == 1 else f"about {round(total.least * scale):,}{' or more' * (not total.exact)}"


def lines_about_time(plan: Plan, options: RunOptions) -> Iterator[str]:
    """Estimate the duration of a study on this machine from short measurements, for ``validate --estimate``.

    Args:
        plan: the study.
        options: only the number of workers is used; None for one per core.

    Yields:
        Lines.
    """
    switch_off_telemetry()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # issued when avalanche is imported
        from lifelong_lb.studies.planning.calibrate import Duration, calibrate, duration, kind_of, with_workers
    from lifelong_lb.studies.planning.overhead import measure_overhead

    known = [run for run in plan.runs if run.config.run_id in plan.trainings]
    workers = options.workers or cores()
    speeds, reasons = calibrate(known, plan.roots)
    durations = {
        run.config.run_id: duration(run.config, plan.trainings[run.config.run_id], speeds[kind_of(run)])
        for run in known
        if kind_of(run) in speeds
    }
    if not durations:
        yield ": ".join(["time: unknown, because nothing could be measured", *dict.fromkeys(reasons.values())])
        yield ""
        return
    overhead = measure_overhead()
    each, once = Duration(overhead.run, overhead.run), overhead.start + overhead.report
    took = with_workers({run: seconds + each for run, seconds in durations.items()}, workers)
    scale = plan.total / len(plan.runs)
    kinds = len({kind_of(run) for run in plan.runs})
    least = "at least " if len(durations) < len(plan.runs) or not _all_exact(plan) else ""
    low, high = (clock(seconds * scale + once) for seconds in (took.low, took.high))
    yield (
        f"time on this machine: {least}{low} to {high} with {workers} worker{'s' * (workers != 1)}, from "
        f"{len(speeds)} of {kinds} kinds of runs measured on the CPU with one thread"
    )
    for reason in dict.fromkeys(reasons.values()):
        left = sum(other == reason for other in reasons.values())
        yield f"  not measured: {left} kind{'s' * (left != 1)} of runs ({reason})"
    yield (
        f"  included: {clock(overhead.start)} until the first run starts, {clock(overhead.run)} per run besides "
        f"training and evaluation, {clock(overhead.report)} for the report"
    )
    yield (
        "  not included: decoding images, landscape and diagnostics, slowdown from parallel workers or other programs, "
        "experiences slower than the second"
    )
    yield ""


def _all_exact(plan: Plan) -> bool:
    return all(rule.exact for rule, _ in gradients_of(plan).values())


def clock(seconds: float) -> str:
    """Format a duration with one decimal.

    Args:
        seconds: the duration.

    Returns:
        E.g. ``"2.5 min"``.

    Example:
        >>> clock(4.21), clock(150), clock(9000)
        ('4.2 s', '2.5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
