"""What an entry does at the boundary of an experience, checked against the streams and strategies of its study."""

from collections.abc import Iterator, Sequence

from lifelong_lb.config.rules import RuleEntry
from lifelong_lb.config.strategies import StrategyEntry
from lifelong_lb.config.streams import StreamEntry

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
        shortest = min(streams, key=lambda stream: stream.experiences)
        if not rule.from_experience:
            continue
        if rule.from_experience >= shortest.experiences:
            yield (
                path,
                f"must be less than the {shortest.experiences} experiences of streams[{streams.index(shortest)}], else "
                f"{rule.name} never begins; got {rule.from_experience}",
            )
        elif once is not None:
            yield path, f"{once} is trained once, so that {rule.name} would never begin; run it in a study of its own"
        elif (unknown := without_boundaries(streams)) is not None:
            yield path, _ask_for_boundaries(unknown)


def without_boundaries(streams: Sequence[StreamEntry]) -> int | None:
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
