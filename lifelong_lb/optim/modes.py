"""Detection of optimizers that evaluate other weights than they train, and of optimizers that maximise."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.optim import Optimizer

PAIRS = (("train", "eval"), ("clear_and_load_backup", "backup_and_load_cache"))
"""Names of the methods that load the weights to train and the weights to evaluate: of schedule-free optimizers
(Defazio et al. 2024, arXiv 2405.15682), and of pytorch_optimizer's Lookahead."""

Mode = Callable[[], Any]


def modes_of(optimizer: Optimizer) -> tuple[Mode, Mode] | None:
    """Methods that switch an optimizer between the weights to train and those to evaluate.

    Args:
        optimizer: any torch optimizer.

    Returns:
        The methods that load the weights to train and those to evaluate; None if the weights are the same.

    Example:
        >>> import torch
        >>> modes_of(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)) is None
        True
    """
    for train, evaluate in PAIRS:
        first, second = getattr(optimizer, train, None), getattr(optimizer, evaluate, None)
        if callable(first) and callable(second):
            return first, second
    return None


def averages(kind: type[Optimizer]) -> bool:
    """Whether an optimizer averages the weights over its steps, with one step count for all parameters.

    Args:
        kind: the optimizer's class.

    Returns:
        True for schedule-free ones: a tensor added later would be averaged as if it had been there from the start.
    """
    return all(callable(getattr(kind, name, None)) for name in PAIRS[0])


def expect_training(optimizer: Optimizer) -> None:
    """Switch a new optimizer to train mode, which some require before their first step.

    Args:
        optimizer: any torch optimizer.
    """
    modes = modes_of(optimizer)
    if modes is not None and modes[0].__name__ == PAIRS[0][0]:
        modes[0]()


def held_in(optimizer: Optimizer) -> Iterator[Optimizer]:
    """Optimizers within an optimizer.

    Args:
        optimizer: any torch optimizer.

    Yields:
        Optimizers held as attributes, recursively.
    """
    todo, seen = [optimizer], {id(optimizer)}
    while todo:
        for value in vars(todo.pop()).values():
            if isinstance(value, Optimizer) and id(value) not in seen:
                seen.add(id(value))
                todo.append(value)
                yield value


def check_held(optimizer: Optimizer) -> None:
    """Check that no nested optimizer evaluates other weights than it trains; the outer one would not load them.

    Args:
        optimizer: any torch optimizer.

    Raises:
        ValueError: if one does.
    """
    for inner in held_in(optimizer):
        if modes_of(inner) is not None:
            raise ValueError(
                f"{type(inner).__name__} keeps the weights to evaluate apart from those to train, and must not be used "
                f"within {type(optimizer).__name__}, which never loads them"
            )


def check_downhill(optimizer: Optimizer) -> None:
    """Check that an optimizer that takes its own passes minimises; its ascents might not change direction.

    Args:
        optimizer: any torch optimizer.

    Raises:
        ValueError: if it maximises.
    """
    if (where := maximising(optimizer)) is not None:
        raise ValueError(
            f"{where}, and takes its own passes, which must not ascend together with its steps: negate the loss and "
            "minimise it"
        )


def maximising(optimizer: Optimizer) -> str | None:
    """Where an optimizer is set to maximise.

    Args:
        optimizer: any torch optimizer.

    Returns:
        For example ``"SGD has maximize=True in parameter group 1"``; None if it minimises.

    Example:
        >>> import torch
        >>> groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "maximize": m} for m in (False, True)]
        >>> maximising(torch.optim.SGD(groups, lr=0.1))
        'SGD has maximize=True in parameter group 1'
    """
    for index, group in enumerate(optimizer.param_groups):
        if group.get("maximize"):
            return f"{type(optimizer).__name__} has maximize=True in parameter group {index}"
    for each in (optimizer, *held_in(optimizer)):
        if vars(each).get("maximize"):
            return f"{type(each).__name__} has maximize=True"
    return None
