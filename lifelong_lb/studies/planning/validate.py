"""What ``validate`` says of a study: its grid, and what running it takes."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np

from lifelong_lb.config import GridRun, StreamEntry, Study, Train, UserError, axis_labels, left_out, unsupported
from lifelong_lb.config.checks.labels import seeds_in_words
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.config.errors import listed_names
from lifelong_lb.config.runs import Combination, combinations, runs_of
from lifelong_lb.data import MissingImagesError, Source, already_prepared, cache_folder, data_roots, find_images
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.dealing import learnt_labels
from lifelong_lb.data.prepared import prepared
from lifelong_lb.data.selection import Labels, check_images
from lifelong_lb.studies.devices import cores
from lifelong_lb.studies.planning.external_optimizers import about_targets, check_targets
from lifelong_lb.studies.planning.forecast import Count, Training, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.planning.tuning_forecast import about_trials
from lifelong_lb.studies.telemetry import switch_off_telemetry
from lifelong_lb.untrusted import reason_text, shortened

MOST_TOLD = 20
"""Most rules, and most groups of pairs, that have a line of their own."""


@dataclass(frozen=True)
class Parts:
    """Labels of a stream's images, and what else is known of them before a run.

    Attributes:
        train: labels of the train part; None where the images are not there.
        test: labels of the test part; likewise.
        reason: why the number of images in each experience is not known, in a few words; empty where it is.
        missing: where images that are not there were looked for; empty where they are.
        notes: what a user should know of the images.
    """

    train: Labels | None = None
    test: Labels | None = None
    reason: str = ""
    missing: str = ""
    notes: tuple[str, ...] = ()


def images_of(streams: Sequence[StreamEntry], roots: Sequence[Path], *, prepare: bool = False) -> list[Parts]:
    """Check the images of streams as a run does, and find their labels.

    What is prepared is opened. Of other images, many are checked without being decoded, see
    :meth:`lifelong_lb.data.Source.check`.

    Args:
        streams: what the study file says.
        roots: folders of the data sets.
        prepare: whether images that are found may be decoded into the cache.

    Returns:
        What is known of each.

    Raises:
        UserError: when images are there that a run would refuse, with its message.
    """
    found = [_found(stream, roots) for stream in streams]
    return [
        one if isinstance(one, Parts) else _checked(stream, one, prepare)
        for stream, one in zip(streams, found, strict=True)
    ]


def _found(stream: StreamEntry, roots: Sequence[Path]) -> Source | Parts:
    try:
        source = find_images(stream, roots)
    except MissingImagesError as error:
        return Parts(reason=str(error).splitlines()[0].removesuffix(" Tried:"), missing=str(error))
    check_classes(stream, source.labels())
    return source


def _checked(stream: StreamEntry, source: Source, prepare: bool) -> Parts:
    cache = cache_folder()
    images = prepared(source, cache) if prepare else already_prepared(source, cache)
    if images is not None:
        train, test, left = images.train.y, images.test.y, ""
    else:
        checked = source.check()
        train, test, left = checked.train, checked.test, checked.note
    check_classes(stream, np.unique(train).tolist())
    check_images(stream, train, test)
    notes = [*source.notes(), *([f"{source.description}: {left}"] if left else [])]
    return Parts(train, test, notes=tuple(notes))


@dataclass(frozen=True)
class Plan:
    """A study spelled out, and what is known of its images.

    Attributes:
        study: the study.
        runs_of_rules: number of its runs with each of its rules.
        runs: its runs; of many, a sample that estimates are taken from.
        roots: folders of the data sets.
        found: labels of each of its streams.
        parts: run id to what the run trains on, where that is known.
    """

    study: Study
    runs_of_rules: Mapping[int, int]
    runs: Sequence[GridRun]
    roots: Sequence[Path]
    found: Sequence[Parts]
    parts: Mapping[str, list[Training]]

    @property
    def total(self) -> int:
        """Number of runs of the study."""
        return sum(self.runs_of_rules.values())


MOST_PARTS = 50_000
"""Most experiences and chunks, of all runs together, over which gradients are counted one by one."""

MOST_LABELS = 4_000_000
"""Most images that are dealt out, for all seeds together, to count them."""


def plan_of(study: Study, data: Path | None = None, *, prepare: bool = False) -> Plan:
    """Spell a study out.

    Args:
        study: the study.
        data: folder of the data sets; None for the usual places.
        prepare: whether images that are found may be decoded into the cache.

    Returns:
        The plan.

    Raises:
        UserError: when the folder does not exist, images that are there cannot be dealt out as asked, or an external
            optimizer is of a package that is not there.
    """
    check_targets(study)
    among, roots = combinations(study), data_roots(data)
    found = images_of(study.streams, roots, prepare=prepare)
    runs, of_rules = _sample(study, among, found), Counter(rule for _, _, rule, _ in among)
    dealt: dict[tuple[int, int], Sequence[Labels] | None] = {}
    parts = {}
    for run in runs:
        config, index = run.config, run.entries["streams"]
        train, test = found[index].train, found[index].test
        if train is None or test is None:
            continue
        key = (index, config.seed)
        if key not in dealt:
            dealt[key] = learnt_labels(config.stream, train, test, config.seed)
            if dealt[key] is None:
                dealt[key], reason = _built(config.stream, roots, config.seed) if prepare else (None, UNBUILT)
                found[index] = replace(found[index], reason=reason)
        learnt = dealt[key]
        if learnt is not None:
            parts[config.run_id] = trainings(config, learnt)
    runs_of_rules = {rule: count * len(study.seeds) for rule, count in of_rules.items()}
    return Plan(study, runs_of_rules, runs, roots, found, parts)


def _sample(study: Study, among: Sequence[Combination], found: Sequence[Parts]) -> list[GridRun]:
    """All runs of a study, or as many as can be counted in a few seconds, of each stream at least one."""
    images = [0 if parts.train is None else len(parts.train) for parts in found]
    parts = [max(s.learnt, 0 if s.chunk is None else n // s.chunk) for s, n in zip(study.streams, images, strict=True)]
    most = max(MOST_PARTS // max(parts), 1)
    seeds = study.seeds[: max(1, min(most // len(among), MOST_LABELS // max(sum(images), 1)))]
    if len(among) > most:
        firsts = {one[0]: one for one in reversed(among)}.values()
        among = sorted({*firsts, *Random(0).sample(among, most)})
    return list(runs_of(study, among, seeds))


UNBUILT = "the function of this stream decides, which --estimate calls"


def _built(stream: StreamEntry, roots: Sequence[Path], seed: int) -> tuple[Sequence[Labels] | None, str]:
    """Labels of each experience of a stream that a user has added, from its function; None and why where it fails."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # comes when avalanche is imported
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
    """What ``validate`` must not let a user overlook: images that are not there, and notes about those that are.

    Args:
        plan: the study.

    Yields:
        Texts, some of several lines.
    """
    for label, parts in zip(axis_labels(plan.study.streams, "streams"), plan.found, strict=True):
        if parts.missing:
            yield f"warning: {label}: run refuses this study until its images are there. {parts.missing}"
        yield from (f"note: {label}: {note}" for note in parts.notes)


def without_images(plan: Plan) -> list[str]:
    """Streams whose images were not found.

    Args:
        plan: the study.

    Returns:
        Their labels.
    """
    labels = axis_labels(plan.study.streams, "streams")
    return [label for label, parts in zip(labels, plan.found, strict=True) if parts.missing]


def gradients_of(plan: Plan) -> dict[str, tuple[Count, Count]]:
    """Gradient evaluations of each run.

    Args:
        plan: the study.

    Returns:
        Run id to those of the rule, and the strategy's own; at least 0 where the images are not known.
    """
    unknown = Count(exact=False), Count(exact=False)
    return {
        run.config.run_id: (rule_gradients(run.config, parts), strategy_gradients(run.config, parts))
        if (parts := plan.parts.get(run.config.run_id)) is not None
        else unknown
        for run in plan.runs
    }


def lines_about(plan: Plan) -> Iterator[str]:
    """What ``validate`` prints about a checked study.

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
        yield from about_trials(study, [(parts.train, parts.test) for parts in plan.found])
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
    """What to say of pairs that ``skip_unsupported`` leaves out.

    Args:
        study: the study.

    Yields:
        A line for each group of pairs that have a reason in common.
    """
    groups = unsupported(study)
    for pairs, reason in islice(groups.items(), MOST_TOLD):
        yield f"left out as unsupported: {pairs} ({reason})"
    if len(groups) > MOST_TOLD:
        yield f"left out as unsupported: {len(groups) - MOST_TOLD} more groups of pairs"


def _about_budget(train: Train) -> Iterator[str]:
    if train.match == "seconds":
        yield f"train: at most {train.budget:g} seconds an experience; another run gives other numbers"
    elif train.match == "gradients" and train.passes is not None:
        yield f"train: {train.passes:g} gradient evaluations for each minibatch of {train.epochs} epochs"
    elif train.match == "gradients":
        yield f"train: {train.budget:g} gradient evaluations an experience"


def _about_gradients(plan: Plan) -> Iterator[str]:
    counts, sampled = gradients_of(plan), plan.total > len(plan.runs)
    scale = Fraction(plan.total, len(plan.runs))
    yield f"gradient evaluations of all runs: {_told(sum((rule for rule, _ in counts.values()), Count()), scale)}"
    names = axis_labels(plan.study.rules, "rules")
    of_rules: dict[int, list[Count]] = {}
    for run in plan.runs:
        of_rules.setdefault(run.entries["rules"], []).append(counts[run.config.run_id][0])
    for index, own in islice(sorted(of_rules.items()), MOST_TOLD):
        runs = plan.runs_of_rules[index]
        told = _told(sum(own, Count()), Fraction(runs, len(own)))
        yield f"  {shortened(names[index])}: {told} in {runs:,} run{'s' * (runs != 1)}"
    if len(names) > MOST_TOLD:
        yield f"  and {len(names) - min(len(of_rules), MOST_TOLD):,} more rules"
    strategies = sum((counts[run][1] for run in plan.parts), Count())
    if strategies.least or not strategies.exact:
        yield f"  and the strategies' own: {_told(strategies, scale) if strategies.least else strategies}"
    if sampled:
        yield f"  estimated from {len(plan.runs):,} of the {plan.total:,} runs"
    for stream, parts in zip(axis_labels(plan.study.streams, "streams"), plan.found, strict=True):
        if parts.reason:
            yield f"  without {shortened(stream)}, the number of whose images is not known: {parts.reason}"


def _told(total: Count, scale: Fraction) -> str:
    if not total.least and not total.exact:
        return "unknown"
    return str(total) if scale == 1 else f"about {round(total.least * scale):,}{' or more' * (not total.exact)}"


def lines_about_time(plan: Plan, workers: int | None = None) -> Iterator[str]:
    """What ``validate --estimate`` prints: how long the study takes on this machine, after measuring a little.

    Args:
        plan: the study.
        workers: runs at a time; None for one a core.

    Yields:
        Lines.

    Raises:
        UserError: when there are less than one worker.
    """
    if workers is not None and workers < 1:
        raise UserError(f"workers must be at least 1; got {workers}")
    switch_off_telemetry()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # told when avalanche is imported
        from lifelong_lb.studies.planning.calibrate import Duration, calibrate, duration, kind_of, with_workers
    from lifelong_lb.studies.planning.overhead import measure_overhead

    known = [run for run in plan.runs if run.config.run_id in plan.parts]
    workers = workers or cores()
    speeds, reasons = calibrate(known, plan.roots)
    durations = {
        run.config.run_id: duration(run.config, plan.parts[run.config.run_id], speeds[kind_of(run)])
        for run in known
        if kind_of(run) in speeds
    }
    if not durations:
        yield ": ".join(["time: not known, since nothing could be measured", *dict.fromkeys(reasons.values())])
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
        f"  of it: {clock(overhead.start)} until the first run begins, {clock(overhead.run)} of each run beside its "
        f"training and evaluation, {clock(overhead.report)} for the report"
    )
    yield (
        "  not in it: decoding images, landscape and diagnostics, workers that slow each other down, what else runs on "
        "the machine then, experiences slower than the second"
    )
    yield ""


def _all_exact(plan: Plan) -> bool:
    return all(rule.exact for rule, _ in gradients_of(plan).values())


def clock(seconds: float) -> str:
    """A time for people.

    Args:
        seconds: how long.

    Returns:
        Such as ``"2.5 min"``.

    Example:
        >>> clock(4.21), clock(150), clock(9000)
        ('4.2 s', '2.5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
