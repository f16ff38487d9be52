"""Choices about a rule's further passes in studies whose rules take none."""

from collections.abc import Callable, Iterator, Sequence

from lifelong_lb.config.boundaries import Problem
from lifelong_lb.config.optimizers import OptimizerEntry
from lifelong_lb.config.rules import RuleEntry
from lifelong_lb.config.strategies import StrategyEntry
from lifelong_lb.untrusted import quoted

ACTS: dict[str, Callable[[RuleEntry], bool]] = {
    "penalty": lambda rule: rule.most_gradients() > 1,
    "project": lambda rule: rule.name != "none",
}
"""Fields of a strategy, and whether another value than the default changes anything with a rule."""


def idle_choices(
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
