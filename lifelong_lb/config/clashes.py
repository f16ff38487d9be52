"""Entries of different axes that do not go together: told, or left out where a study skips what is unsupported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lifelong_lb.config.axes import AXES
from lifelong_lb.config.of_stream import stream_model, stream_train
from lifelong_lb.config.pairs import why_not, why_not_by, why_not_on
from lifelong_lb.config.parse import Problem, Problems
from lifelong_lb.config.selections import Combination
from lifelong_lb.config.strategies import STRATEGY_ENTRIES

_POSITION = {axis: position for position, axis in enumerate(AXES)}


@dataclass(frozen=True)
class Clash:
    """A strategy that does not go with an entry of another axis.

    Attributes:
        strategy: index of the strategy.
        axis: streams, rules or optimizers.
        index: of the entry on it.
        reason: why not.
    """

    strategy: int
    axis: str
    index: int
    reason: str

    def within(self, one: Combination) -> bool:
        """Whether a combination has both of them.

        Args:
            one: the combination.

        Returns:
            True or false.
        """
        return one[1] == self.strategy and one[_POSITION[self.axis]] == self.index


def clashes(parts: Mapping[str, Any]) -> list[Clash]:
    """Strategies that do not go with a rule, an optimizer or a stream, one element a pair.

    Args:
        parts: the study's axes, ``model`` and ``train``, checked one by one.

    Returns:
        The pairs.
    """
    found = [
        Clash(place, axis, index, reason)
        for axis, why in (("rules", why_not_by), ("optimizers", why_not_on))
        for place, strategy in enumerate(parts["strategies"])
        for index, entry in enumerate(parts[axis])
        if (reason := why(strategy, entry)) is not None
    ]
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


def check_pairs(parts: dict[str, Any], asked: Sequence[Combination], problems: Problems) -> None:
    """See that all entries go together, or that something is left where what does not is skipped.

    Args:
        parts: the study's axes, ``model``, ``train`` and ``skip_unsupported``, checked one by one.
        asked: the combinations that the study asks for.
        problems: receives what is wrong.
    """
    found = clashes(parts)
    told = [clash for clash in found if any(clash.within(one) for one in asked)]
    works = any(not any(clash.within(one) for clash in told) for one in asked)
    reasons = [
        Problem(f"strategies[{c.strategy}] with {c.axis}[{c.index}]", c.reason, f"strategies[{c.strategy}]")
        for c in told
    ]
    if reasons and not parts["skip_unsupported"]:
        hint = " (or set skip_unsupported: true to leave such pairs out)" if works else ""
        problems.found += [replace(each, sentence=each.sentence + hint) for each in reasons]
    elif not works:
        why = "; ".join(map(str, reasons)) or f"known: {', '.join(STRATEGY_ENTRIES)}"
        problems.add("strategies", f"none is left that can learn any of the streams ({why})")
