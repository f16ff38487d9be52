"""Budgets of gradient evaluations per experience, for ``train.match: gradients``."""

from collections.abc import Sequence
from math import ceil

from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.problems import Problems


def resolved(
    train: Train, rules: Sequence[RuleEntry], optimizers: Sequence[OptimizerEntry], problems: Problems
) -> Train:
    """Make the budget explicit, so it is part of every run's configuration.

    Args:
        train: training settings of the study file.
        rules: rules of the study; the costliest one sets the budget if the file gives none.
        optimizers: optimizers of the study.
        problems: receives the problems.

    Returns:
        The settings.
    """
    if train.match != "gradients" or train.budget is not None or train.passes is not None:
        return train
    closure = next((optimizer for optimizer in optimizers if optimizer.takes_passes), None)
    if closure is not None:
        problems.add(
            "train.match",
            f"gradients needs a budget or passes, because the passes of {closure.called} are not known in advance",
        )
    return train.model_copy(update={"passes": float(max(rule.most_gradients() for rule in rules))})


def gradient_limit(train: Train, minibatches: int, *, part: int = 1, parts: int = 1, experiences: int = 1) -> int:
    """Number of gradient evaluations allowed in an experience so far.

    Args:
        train: settings with ``match: gradients``, resolved.
        minibatches: minibatches per epoch over the images that have arrived.
        part: number of chunks that have arrived.
        parts: number of chunks of the experience.
        experiences: number of experiences trained on together.

    Returns:
        The limit.

    Example:
        >>> three = Train(match="gradients", epochs=2, passes=3)
        >>> gradient_limit(three, 4), gradient_limit(Train(match="gradients", budget=10), 4, part=1, parts=3)
        (24, 3)
    """
    if train.passes is not None:
        return ceil(round(train.passes * train.epochs * minibatches, 6))
    assert train.budget is not None
    return int(train.budget) * experiences * part // parts


def affordable_epochs(rule: RuleEntry, minibatches: int, left: int) -> tuple[int, int]:
    """Epochs and gradient evaluations within a budget, if every step takes the fewest gradients possible.

    Args:
        rule: the rule.
        minibatches: minibatches per epoch, at least 1.
        left: remaining gradient evaluations.

    Returns:
        Epochs started, and gradient evaluations taken.

    Example:
        >>> from lifelong_lb.config.entries.rules import SAM, LookSAM, NoRule
        >>> affordable_epochs(NoRule(), 3, 9), affordable_epochs(SAM(), 3, 9), affordable_epochs(LookSAM(k=2), 3, 9)
        ((3, 9), (2, 8), (2, 8))
    """
    per_epoch = sum(rule.gradients(step)[0] for step in range(minibatches))
    epochs, taken = left // per_epoch, left // per_epoch * per_epoch
    whole_epochs = taken
    for step in range(minibatches):
        if taken + rule.gradients(step)[0] > left:
            break
        taken += rule.gradients(step)[0]
    return epochs + (taken > whole_epochs), taken


def budget_problems(train: Train, rules: Sequence[RuleEntry], path: str, problems: Problems) -> None:
    """Check that the budget allows every rule at least one step.

    Args:
        train: training settings of a stream.
        rules: rules of the study.
        path: path of the settings.
        problems: receives the problems.
    """
    if train.match != "gradients" or train.budget is None:
        return
    costliest = max(rules, key=lambda rule: rule.gradients(0)[1])
    if train.budget < costliest.gradients(0)[1]:
        problems.add(
            f"{path}.budget",
            f"must be at least {costliest.gradients(0)[1]} gradient evaluations, the cost of one step of "
            f"{costliest.name}; got {train.budget:g}",
        )
