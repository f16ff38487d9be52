"""What an entry does at the boundary of an experience, checked against the streams and strategies of its study."""

from collections.abc import Callable, Iterator, Sequence

from lifelong_lb.config.entries.optimizers import OptimizerEntry
from lifelong_lb.config.entries.rules import RuleEntry
from lifelong_lb.config.entries.schedules import ScheduleEntry
from lifelong_lb.config.entries.strategies import StrategyEntry
from lifelong_lb.config.entries.streams import StreamEntry
from lifelong_lb.config.entries.train import Train
from lifelong_lb.untrusted import quoted

Problem = tuple[str, str]
"""Path of a field, and what must hold there."""


def rule_problems(
    rules: Sequence[RuleEntry], streams: Sequence[StreamEntry], strategies: Sequence[StrategyEntry]
) -> Iterator[Problem]:
    """Rules that would never begin, or that begin where nobody is told of a boundary.

    Args:
        rules: of a study.
        streams: likewise.
        strategies: likewise.

    Yields:
        One problem a rule.
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
                f"{rule.name} never begins; got {rule.from_experience}",
            )
        elif once is not None:
            yield path, f"{once} is trained once, so that {rule.name} would never begin; run it in a study of its own"
        elif (unknown := first_without_boundaries(streams)) is not None:
            yield path, _ask_for_boundaries(unknown)


def optimizer_problems(
    optimizers: Sequence[OptimizerEntry],
    streams: Sequence[StreamEntry],
    trains: Sequence[Train],
    strategies: Sequence[StrategyEntry] = (),
) -> Iterator[Problem]:
    """States reset, and schedules begun anew, where nobody is told of a boundary; schedules that would not be seen.

    Args:
        optimizers: of a study.
        streams: likewise.
        trains: the training settings of each stream.
        strategies: of the study.

    Yields:
        Problems.
    """
    unknown = first_without_boundaries(streams)
    for place, optimizer in enumerate(optimizers):
        path, schedule = f"optimizers[{place}]", optimizer.schedule
        if optimizer.state == "reset" and unknown is not None:
            yield f"{path}.state", _ask_for_boundaries(unknown)
        if schedule is None:
            continue
        once = next((strategy.name for strategy in strategies if strategy.trained_once), None)
        if once is not None and schedule.experience_factor != 1:
            sentence = f"{once} is trained once and has no later experience; run it in a study of its own"
            yield f"{path}.schedule.experience_factor", sentence
        if schedule.knows_boundaries() and unknown is not None:
            field = "over" if schedule.over == "experience" else "experience_factor"
            yield f"{path}.schedule.{field}", _ask_for_boundaries(unknown)
        for index, (stream, train) in enumerate(zip(streams, trains, strict=True)):
            given = schedule.experience_factor
            if isinstance(given, tuple) and len(given) != stream.experiences:
                yield (
                    f"{path}.schedule.experience_factor",
                    f"must hold one factor for each of the {stream.experiences} experiences of streams[{index}]; "
                    f"got {len(given)}",
                )
            if train.match != "steps" and (schedule.warmup or schedule.name in ("step", "multistep")):
                yield (
                    f"{path}.schedule",
                    f"counts {schedule.by}s, of which rules take different numbers where train.match is {train.match}; "
                    "use cosine, or constant with an experience_factor, without warmup",
                )
                break
            reason = _not_seen(schedule, stream, train, f"streams[{index}]", once) if schedule.by == "epoch" else None
            if reason is not None:
                yield f"{path}.schedule", f"{reason}; set by: iteration"


def _not_seen(schedule: ScheduleEntry, stream: StreamEntry, train: Train, called: str, once: str | None) -> str | None:
    """Why a schedule that counts epochs cannot do all that it names."""
    if stream.chunk is not None:
        return f"counts epochs over experiences, and the chunks of {called} have none"
    whole = schedule.over == "stream"
    last, epochs = schedule.last_change(), train.epochs * (stream.experiences if whole and once is None else 1)
    if last < epochs:
        return None
    called = called if once is None or not whole else f"{called} learnt by {once}"
    what = "the stream" if whole else "an experience"
    return f"changes the rate after epoch {last} of {what}, which in {called} ends with epoch {epochs}"


def first_without_boundaries(streams: Sequence[StreamEntry]) -> int | None:
    """The first stream whose boundaries nobody is told of.

    Args:
        streams: of a study.

    Returns:
        Its index; None when there is none.
    """
    return next((i for i, s in enumerate(streams) if s.chunk is not None and not s.task_boundaries), None)


def _ask_for_boundaries(stream: int) -> str:
    return (
        f"needs task_boundaries: true in streams[{stream}], whose images arrive in chunks: otherwise nobody is told "
        "where an experience begins"
    )


ACTS: dict[str, Callable[[RuleEntry], bool]] = {
    "penalty": lambda rule: rule.most_gradients() > 1,
    "project": lambda rule: rule.name != "none",
}
"""Fields of a strategy, and whether another value than the default changes anything with a rule."""


def unused_settings(
    strategies: Sequence[StrategyEntry], rules: Sequence[RuleEntry], optimizers: Sequence[OptimizerEntry]
) -> Iterator[Problem]:
    """Settings that no run of a study would show.

    Args:
        strategies: of a study.
        rules: likewise.
        optimizers: likewise; those that take passes of their own take further ones, too.

    Yields:
        Problems.
    """
    if any(optimizer.takes_passes for optimizer in optimizers):
        return
    for place, strategy in enumerate(strategies):
        for field, value in strategy.passes().items():
            if value != type(strategy).model_fields[field].default and not any(map(ACTS[field], rules)):
                yield (
                    f"strategies[{place}].{field}",
                    f"says what a rule's further passes do, and no rule of the study takes any ({_named(rules)}); "
                    f"leave it out, or add a rule such as sam; got {quoted(value)}",
                )


def _named(rules: Sequence[RuleEntry]) -> str:
    return ", ".join(dict.fromkeys(rule.name for rule in rules))
