"""Entries of different axes that do not go together: told, or left out where a study skips what is unsupported."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from lifelong_lb.config.axes import AXES
from lifelong_lb.config.of_stream import stream_model, stream_train
from lifelong_lb.config.pairs import why_not, why_not_by, why_not_on
from lifelong_lb.config.parse import Problem, Problems
from lifelong_lb.config.selections import meeting
from lifelong_lb.config.strategies import STRATEGY_ENTRIES

if TYPE_CHECKING:
    from lifelong_lb.config.selections import Combinations

_POSITION = {axis: position for position, axis in enumerate(AXES)}


class Clash(NamedTuple):
    """A strategy that does not go with an entry of another axis.

    Attributes:
        strategy: index of the strategy.
        axis: streams, rules or optimizers.
        entry: index of the entry on it.
        reason: why not.
    """

    strategy: int
    axis: str
    entry: int
    reason: str


def clashes(parts: Mapping[str, Any]) -> list[Clash]:
    """Strategies that do not go with a rule, an optimizer or a stream, one element a pair.

    Args:
        parts: the study's axes, ``model`` and ``train``, checked one by one.

    Returns:
        The pairs.
    """
    found: list[Clash] = []
    for axis, why in (("rules", why_not_by), ("optimizers", why_not_on)):
        of_kind: dict[Any, list[tuple[int, str]]] = {}  # both reasons depend on no other setting of a strategy
        for place, strategy in enumerate(parts["strategies"]):
            kind = (type(strategy), strategy.steps_optimizer())
            if kind not in of_kind:
                reasons = ((index, why(strategy, entry)) for index, entry in enumerate(parts[axis]))
                of_kind[kind] = [(index, reason) for index, reason in reasons if reason is not None]
            found += [Clash(place, axis, index, reason) for index, reason in of_kind[kind]]
    for index, stream in enumerate(parts["streams"]):
        problems = Problems()
        model = stream_model(parts["model"], stream, f"streams[{index}]", problems)
        train = stream_train(parts["train"], stream, f"streams[{index}]", problems)
        assert model is not None, problems.found  # both were checked before
        assert train is not None, problems.found
        for place, strategy in enumerate(parts["strategies"]):
            reason = why_not(strategy, stream, model, train)
            if reason is not None:
                found.append(Clash(place, "streams", index, reason))
    return found


def asked_clashes(found: Sequence[Clash], asked: "Combinations") -> list[Clash]:
    """Those of the clashes that a combination asked for has.

    Args:
        found: all clashes of a study.
        asked: the combinations that it asks for.

    Returns:
        Clashes.
    """
    pairs = {axis: meeting(asked, "strategies", axis) for axis in ("rules", "optimizers")}
    pairs["streams"] = meeting(asked, "streams", "strategies").T
    return [clash for clash in found if pairs[clash.axis][clash.strategy, clash.entry]]


def without_clashes(asked: "Combinations", found: Sequence[Clash]) -> "Combinations":
    """The combinations that have none of the clashes.

    Args:
        asked: combinations.
        found: the clashes.

    Returns:
        Those of them that can be run.
    """
    left = asked.copy()
    for axis, position in _POSITION.items():
        own = [clash for clash in found if clash.axis == axis]
        if own:
            beside = left.swapaxes(0, 1).swapaxes(1, position or 1)  # a view: strategies, this axis, the two others
            beside[[clash.strategy for clash in own], [clash.entry for clash in own]] = False
    return left


MOST_REASONS = 5
"""Most reasons that one message lists."""


def check_pairs(parts: dict[str, Any], asked: "Combinations", problems: Problems) -> "Combinations":
    """See that all entries go together, or that something is left where what does not is skipped.

    Args:
        parts: the study's axes, ``model``, ``train`` and ``skip_unsupported``, checked one by one.
        asked: the combinations that the study asks for.
        problems: receives what is wrong.

    Returns:
        The combinations that can be run.
    """
    told = asked_clashes(clashes(parts), asked)
    left = without_clashes(asked, told)
    reasons = (
        Problem(f"strategies[{c.strategy}] with {c.axis}[{c.entry}]", c.reason, f"strategies[{c.strategy}]")
        for c in told
    )
    if told and not parts["skip_unsupported"]:
        hint = " (or set skip_unsupported: true to leave such pairs out)" if left.any() else ""
        problems.extend(replace(each, sentence=each.sentence + hint) for each in reasons)
    elif not left.any():
        some = [*map(str, islice(reasons, MOST_REASONS)), *["..."][: len(told) > MOST_REASONS]]
        why = "; ".join(some) or f"known: {', '.join(STRATEGY_ENTRIES)}"
        problems.add("strategies", f"none is left that can learn any of the streams ({why})")
    return left
