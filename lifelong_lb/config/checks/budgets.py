"""Gradient evaluations that each experience may take, where a study matches them."""

from collections.abc import Sequence
from math import ceil

from lifelong_lb.config.entries.optimizers import OptimizerEntry
from lifelong_lb.config.entries.rules import RuleEntry
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.parse import Problems


def resolved(
    train: Train, rules: Sequence[RuleEntry], optimizers: Sequence[OptimizerEntry], problems: Problems
) -> Train:
    """Training settings whose budget is a number, so that every run's configuration says what it had.

    Args:
        train: what the study file says.
        rules: of the study; where the file gives no number, the costliest of them decides.
        optimizers: likewise.
        problems: receives what is wrong.

    Returns:
        The settings.
    """
    if train.match != "gradients" or train.budget is not None or train.passes is not None:
        return train
    greedy = next((optimizer for optimizer in optimizers if optimizer.takes_passes), None)
    if greedy is not None:
        problems.add(
            "train.match",
            f"gradients needs a budget, or passes, where nobody knows beforehand how many {greedy.called} takes",
        )
    return train.model_copy(update={"passes": float(max(rule.most_gradients() for rule in rules))})


def allowed(train: Train, minibatches: int, *, part: int = 1, parts: int = 1, experiences: int = 1) -> int:
    """Gradient evaluations that may be taken in an experience.

    Args:
        train: settings that match gradients, resolved.
        minibatches: of an epoch over what has arrived of the experience.
        part: how many chunks have arrived.
        parts: of how many.
        experiences: how many of the stream are trained on at once.

    Returns:
        Their number so far.

    Example:
        >>> three = Train(match="gradients", epochs=2, passes=3)
        >>> allowed(three, 4), allowed(Train(match="gradients", budget=10), 4, part=1, parts=3)
        (24, 3)
    """
    if train.passes is not None:
        return ceil(round(train.passes * train.epochs * minibatches, 6))
    assert train.budget is not None
    return int(train.budget) * experiences * part // parts


def within(rule: RuleEntry, minibatches: int, left: int) -> tuple[int, int]:
    """How far a rule gets, were each of its steps as cheap as it can be.

    Args:
        rule: the rule.
        minibatches: of an epoch, one at least.
        left: gradient evaluations that it may take.

    Returns:
        Epochs that it begins, and gradient evaluations that it takes.

    Example:
        >>> from lifelong_lb.config.entries.rules import SAM, LookSAM, NoRule
        >>> within(NoRule(), 3, 9), within(SAM(), 3, 9), within(LookSAM(k=2), 3, 9)
        ((3, 9), (2, 8), (2, 8))
    """
    an_epoch = sum(rule.gradients(step)[0] for step in range(minibatches))
    epochs, taken = left // an_epoch, left // an_epoch * an_epoch
    begun = taken
    for step in range(minibatches):
        if taken + rule.gradients(step)[0] > left:
            break
        taken += rule.gradients(step)[0]
    return epochs + (taken > begun), taken


def budget_problems(train: Train, rules: Sequence[RuleEntry], path: str, problems: Problems) -> None:
    """See that every rule can take one step at least.

    Args:
        train: the settings of a stream.
        rules: of the study.
        path: where the settings stood.
        problems: receives what is wrong.
    """
    if train.match != "gradients" or train.budget is None:
        return
    costliest = max(rules, key=lambda rule: rule.gradients(0)[1])
    if train.budget < costliest.gradients(0)[1]:
        problems.add(
            f"{path}.budget",
            f"must be {costliest.gradients(0)[1]} gradient evaluations at least, which one step of {costliest.name} "
            f"takes; got {train.budget:g}",
        )
