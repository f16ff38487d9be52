"""Check settings that depend on experience boundaries against the streams and strategies of a study."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lifelong_lb.config.checks.selections import meeting
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.schedules import ScheduleEntry
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import quoted

if TYPE_CHECKING:
    from lifelong_lb.config.checks.selections import Combinations

Problem = tuple[str, str]
"""Path of a field, and the message."""


def rule_problems(
    rules: Sequence[RuleEntry], streams: Sequence[StreamEntry], strategies: Sequence[StrategyEntry]
) -> Iterator[Problem]:
    """Find rules that would never start, or whose start is unknown because the stream hides its boundaries.

    Args:
        rules: rules of a study.
        streams: streams of the study.
        strategies: strategies of the study.

    Yields:
        At most one problem per rule.
    """
    once = next((strategy.name for strategy in strategies if strategy.trained_once), None)
    for place, rule in enumerate(rules):
        path = f"rules[{place}].from_experience"
        shortest = min(streams, key=lambda stream: stream.learnt)
        if not rule.from_experience:
            continue
        if rule.from_experience >= shortest.learnt:
            yield (
                path,
                f"must be less than the {shortest.learnt} experiences of streams[{streams.index(shortest)}], else "
                f"{rule.name} never starts; got {rule.from_experience}",
            )
        elif once is not None:
            yield path, f"{once} is trained once, so {rule.name} would never start; run it in a separate study"
        elif (unknown := first_without_boundaries(streams)) is not None:
            yield path, _boundaries_needed(unknown)


def optimizer_problems(
    optimizers: Sequence[OptimizerEntry],
    streams: Sequence[StreamEntry],
    trains: Sequence[Train],
    strategies: Sequence[StrategyEntry] = (),
) -> Iterator[Problem]:
    """Find optimizers that need unknown boundaries or cannot be clipped, and schedules without effect.

    Args:
        optimizers: optimizers of a study.
        streams: streams of the study.
        trains: training settings of each stream.
        strategies: strategies of the study.

    Yields:
        Problems.
    """
    unknown = first_without_boundaries(streams)
    for place, optimizer in enumerate(optimizers):
        path, schedule = f"optimizers[{place}]", optimizer.schedule
        if optimizer.state == "reset" and unknown is not None:
            yield f"{path}.state", _boundaries_needed(unknown)
        yield from _own_step_problems(path, optimizer, trains)
        if schedule is None:
            continue
        once = next((strategy.name for strategy in strategies if strategy.trained_once), None)
        if once is not None and (field := _of_later_experiences(schedule)) is not None:
            sentence = f"{once} is trained once and has no later experience; run it in a separate study"
            yield f"{path}.schedule.{field}", sentence
        if schedule.knows_boundaries() and unknown is not None:
            field = "over" if schedule.over == "experience" else "experience_factor"
            yield f"{path}.schedule.{field}", _boundaries_needed(unknown)
        for index, (stream, train) in enumerate(zip(streams, trains, strict=True)):
            given = schedule.experience_factor
            if isinstance(given, tuple) and len(given) != stream.length:
                yield (
                    f"{path}.schedule.experience_factor",
                    f"must have one factor for each of the {stream.length} experiences of streams[{index}]; "
                    f"got {len(given)}",
                )
            if train.match != "steps" and counts_steps(schedule):
                yield (
                    f"{path}.schedule",
                    f"counts {schedule.by}s, whose number differs between rules if train.match is {train.match}; "
                    "use cosine, or constant with an experience_factor, without warmup",
                )
                break
            reason = (
                _unreached_change(schedule, stream, train, f"streams[{index}]", once)
                if schedule.by == "epoch"
                else None
            )
            if reason is not None:
                yield f"{path}.schedule", reason


def _of_later_experiences(schedule: ScheduleEntry) -> str | None:
    """The field of a schedule that distinguishes later experiences from the first one."""
    if schedule.experience_factor != 1:
        return "experience_factor"
    return "milestones" if schedule.changes_with_phase() else None


def counts_steps(schedule: ScheduleEntry | None) -> bool:
    """Whether a schedule counts epochs or iterations, whose number a budget changes.

    Args:
        schedule: the schedule; None for a constant rate.

    Returns:
        False if it spans the budget, or does not change within an experience.
    """
    return schedule is not None and (schedule.warmup > 0 or schedule.name in ("step", "multistep"))


def _own_step_problems(path: str, optimizer: OptimizerEntry, trains: Sequence[Train]) -> Iterator[Problem]:
    if not optimizer.takes_passes:
        return
    if any(train.precision == "float16" for train in trains):
        yield (
            path,
            "takes its own steps, which cannot be skipped if a gradient of train.precision: float16 overflows; use "
            "bfloat16",
        )
    clip_norm = next((train.clip_norm for train in trains if train.clip_norm is not None), None)
    if clip_norm is not None:
        yield path, f"takes its own steps, whose gradients train.clip_norm cannot clip; leave it out; got {clip_norm:g}"


def _unreached_change(
    schedule: ScheduleEntry, stream: StreamEntry, train: Train, called: str, once: str | None
) -> str | None:
    """Reason why a schedule that counts epochs does not reach its last change, and what to do; None if it does."""
    if schedule.by != "epoch":
        return None
    if stream.chunk is not None:
        return f"counts epochs of experiences, which the chunks of {called} do not have; set by: iteration"
    whole = schedule.over == "stream"
    phases = [train.epochs_of(experience) for experience in range(stream.length if once is None else 1)]
    called = called if once is None or not whole else f"{called} trained by {once}"
    what = "the stream" if whole else "an experience"
    if schedule.changes_with_phase():
        ends = [(index, phases[index], f"experience {index}") for index in range(min(2, len(phases)))]
    else:
        ends = [(0, sum(phases) if whole else max(phases), what)]
    late = next((each for each in ends if schedule.last_change(each[0]) >= each[1]), None)
    if late is None:
        return None
    experience, epochs, what = late
    last, remedy = schedule.last_change(experience), _remedy(schedule, experience, epochs)
    length = f"{epochs} epoch{'s' * (epochs != 1)}"
    return f"changes the rate after epoch {last} of {what}, which has {length} in {called}; {remedy}"


_COUNTS = {"step": "every", "multistep": "milestones"}
"""Setting of a schedule that counts epochs, beside ``warmup``."""


def _remedy(schedule: ScheduleEntry, experience: int, epochs: int) -> str:
    """What to do if an experience or the stream has fewer epochs than a schedule counts."""
    counts = {"warmup": schedule.warmup, _COUNTS.get(schedule.name): schedule.own_change(experience)}
    late = [key for key, count in counts.items() if key is not None and count >= epochs]
    if epochs == 1 or not late:  # no smaller number has an effect
        return "use more epochs, or by: iteration"
    return f"use {' and '.join(late)} below {epochs}, more epochs, or by: iteration"


def first_without_boundaries(streams: Sequence[StreamEntry]) -> int | None:
    """Find the first online stream without ``task_boundaries``.

    Args:
        streams: streams of a study.

    Returns:
        Its index; None if there is none.
    """
    return next((i for i, s in enumerate(streams) if s.chunk is not None and not s.task_boundaries), None)


def _boundaries_needed(stream: int) -> str:
    return (
        f"needs task_boundaries: true in streams[{stream}], whose images arrive in chunks: otherwise task boundaries "
        "are unknown"
    )


def passes_problems(
    rules: Sequence[RuleEntry], optimizers: Sequence[OptimizerEntry], train: Train, trains: Sequence[Train] = ()
) -> Iterator[Problem]:
    """Find rules whose own budget contradicts that of the study, or the schedule of an optimizer.

    Args:
        rules: rules of a study.
        optimizers: optimizers of the study.
        train: training settings of the study.
        trains: training settings of each stream.

    Yields:
        At most one problem per rule.
    """
    phased = any(each.later_epochs is not None for each in trains)
    counting = next((i for i, entry in enumerate(optimizers) if counts_steps(entry.schedule)), None)
    for place, rule in enumerate(rules):
        if rule.passes is None:
            continue
        path = f"rules[{place}].passes"
        if train.match != "steps":
            yield path, f"must not be set if train.match is {train.match}, which sets the budget of all rules"
        elif phased:
            yield path, "needs the same train.epochs for all experiences; leave out later_epochs"
        elif counting is not None:
            yield (
                path,
                f"changes the number of epochs and iterations, which the schedule of optimizers[{counting}] counts; "
                "use cosine, or constant with an experience_factor, without warmup",
            )


HAS_EFFECT: dict[str, Callable[[RuleEntry], bool]] = {
    "penalty": lambda rule: rule.most_gradients() > 1,
    "project": lambda rule: rule.name != "none",
}
"""Fields of a strategy, and whether a value other than the default has an effect with a rule."""


def unused_settings(
    strategies: Sequence[StrategyEntry], rules: Sequence[RuleEntry], optimizers: Sequence[OptimizerEntry]
) -> Iterator[Problem]:
    """Find settings that have no effect in any run of a study.

    Args:
        strategies: strategies of a study.
        rules: rules of the study.
        optimizers: optimizers of the study; those that evaluate the loss themselves take further passes, too.

    Yields:
        Problems.
    """
    if any(optimizer.takes_passes for optimizer in optimizers):
        return
    for place, strategy in enumerate(strategies):
        for field, value in strategy.passes().items():
            if value != type(strategy).model_fields[field].default and not any(map(HAS_EFFECT[field], rules)):
                yield (
                    f"strategies[{place}].{field}",
                    f"applies to a rule's further passes, but no rule of the study takes any ({_names(rules)}); "
                    f"remove it, or add a rule such as sam; got {quoted(value)}",
                )


def _names(rules: Sequence[RuleEntry]) -> str:
    return ", ".join(dict.fromkeys(rule.name for rule in rules))


def check_online(parts: dict[str, Any], selected: "Combinations", problems: Problems) -> None:
    """Check rules on online streams, where state that is reset per experience would be reset per chunk.

    Args:
        parts: the study's axes.
        selected: the combinations that the study asks for.
        problems: receives the problems.
    """
    together = meeting(selected, "streams", "rules")
    for index, stream in enumerate(parts["streams"]):
        if stream.chunk is None:
            continue
        path = f"streams[{index}].chunk"
        for rule in (rule for rule, meets in zip(parts["rules"], together[index], strict=True) if meets):
            if rule.spans_iterations():
                problems.add(path, f"the rule {rule.name} spans several minibatches, interrupted by the end of a chunk")
            elif rule.batch_norm == "recomputed":
                problems.add(
                    path, f"{rule.name} with batch_norm: recomputed would use a single chunk for its statistics"
                )


def check_boundaries(parts: dict[str, Any], trains: Sequence[Train], problems: Problems) -> None:
    """Check settings that depend on experience boundaries, and those without effect.

    Args:
        parts: the study's axes.
        trains: training settings of each stream.
        problems: receives the problems.
    """
    streams = parts["streams"]
    found = [*rule_problems(parts["rules"], streams, parts["strategies"])]
    found += passes_problems(parts["rules"], parts["optimizers"], parts["train"], trains)
    found += unused_settings(parts["strategies"], parts["rules"], parts["optimizers"])
    for path, sentence in [*found, *optimizer_problems(parts["optimizers"], streams, trains, parts["strategies"])]:
        problems.add(path, sentence)
