"""Subtraction of the orthogonal part of one gradient from another."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lifelong_lb.optim.rules.ascent import TINY
from lifelong_lb.optim.weights import dot, global_norm


@torch.no_grad()
def subtract_orthogonal(target: Sequence[Tensor], other: Sequence[Tensor], weight: float) -> None:
    """Replace t by t - weight (o - (o . t / ||t||^2) t), in place.

    Args:
        target: t, one tensor per parameter.
        other: o, one tensor per parameter.
        weight: any number.
    """
    target, other = list(target), list(other)
    share = dot(target, other) / (global_norm(target) ** 2 + TINY)
    torch._foreach_mul_(target, 1 + weight * share)
    torch._foreach_add_(target, other, alpha=-weight)
