"""Gradients that are there before a step: those of an earlier step are cleared, any other ones are not dropped."""

from collections.abc import Sequence
from typing import NoReturn

from torch import Tensor

Gradients = list[tuple[Tensor, Tensor]]
"""Parameters with their gradients."""

_USED = "_used_by_step"
"""Attribute of a gradient: its version when a step had used it."""


def mark_used(params: Sequence[Tensor]) -> None:
    """Mark the gradients that a step has used, for the next step.

    Args:
        params: parameters.
    """
    for p in params:
        if (grad := p.grad) is not None:
            grad.__dict__[_USED] = grad._version


def clear_gradients(params: Sequence[Tensor]) -> None:
    """Remove all gradients.

    Args:
        params: parameters.
    """
    for p in params:
        p.grad = None


def clear_used(params: Sequence[Tensor]) -> Gradients:
    """Remove the gradients that an earlier step has used, and those that are zero.

    Args:
        params: parameters.

    Returns:
        The other ones, which are not removed.
    """
    others: Gradients = []
    for p in params:
        if (grad := p.grad) is None:
            continue
        if grad.__dict__.get(_USED) != grad._version:
            others.append((p, grad))
        else:
            p.grad = None
    if any(bool(grad.any()) for _, grad in others):
        return others
    clear_gradients([p for p, _ in others])
    return []


def check_replaced(earlier: Gradients) -> None:
    """Check that a closure has removed the gradients that were there before it.

    Args:
        earlier: parameters with the gradients from before.

    Raises:
        ValueError: if one is still there.
    """
    if any(p.grad is grad for p, grad in earlier):
        refuse("the closure did not remove them")


def refuse(what: str) -> NoReturn:
    """Refuse a step before which there are gradients.

    Args:
        what: what would happen, for the message.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"there were gradients before the step, and {what}: for a step over several micro-batches, or with backward() "
        "outside a closure, use `for p in rule.gradient_passes(optimizer, model)` with p.backward(loss) for each "
        "micro-batch; to discard them, call optimizer.zero_grad() before the step"
    )
