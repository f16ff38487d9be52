"""Sharpness: the largest rise of the loss within a ball around the weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lifelong_lb.landscape.surface import Batch, Loss, Surface
from lifelong_lb.optim.checks import at_least_one, non_negative, positive
from lifelong_lb.optim.weights import global_norm, moved


@dataclass(frozen=True, kw_only=True)
class Ball:
    """Perturbations e of the weights w with ||e / T|| <= rho.

    The norm is over all trainable parameters together. SAM uses T = 1 (Foret et al. 2021, arXiv 2010.01412), ASAM T =
    |w| + eta elementwise (Kwon et al. 2021, arXiv 2102.11600). As in the update rules, T = 1 for parameters whose name
    does not contain "weight".

    Attributes:
        rho: radius, >= 0.
        adaptive: whether to use ASAM's T instead of T = 1.
        eta: > 0, added to |w|; not used if ``adaptive`` is False.

    Raises:
        ValueError: for a number out of range.
    """

    rho: float
    adaptive: bool = False
    eta: float = 0.01

    def __post_init__(self) -> None:
        non_negative("rho", self.rho)
        positive("eta", self.eta)

    def scales(self, names: Sequence[str], weights: Sequence[Tensor]) -> list[Tensor]:
        """Compute T.

        Args:
            names: names of the parameters.
            weights: values w of the parameters.

        Returns:
            One tensor per parameter, of the same shape.
        """
        pairs = zip(names, weights, strict=True)
        return [w.abs() + self.eta if self.adaptive and "weight" in name else torch.ones_like(w) for name, w in pairs]


def loss_rise(model: nn.Module, batches: Sequence[Batch], loss: Loss, ball: Ball, *, steps: int = 1) -> float:
    """Largest rise of the loss in a ball, max over e of L(w + e) - L(w), by gradient ascent.

    With u = e / T and u = 0 at the start, each step is u <- P(u + rho N(T g)), where g is the gradient at w + T u, N(v)
    = v / ||v||, and P the projection onto ||u|| <= rho. The first step is the perturbation of SAM (ASAM), so
    ``steps=1`` gives the rise used by these rules. The result is the highest rise over all steps, a lower bound of the
    maximum over the ball. If the gradient at w is zero, there is no ascent direction and the rise is 0.

    Args:
        model: called in eval mode; not modified.
        batches: images and labels; the loss is the mean over all of them.
        loss: maps output and labels to the mean loss over a batch.
        ball: set of perturbations.
        steps: n >= 1 ascent steps; the cost is n + 1 forward passes over the images, n of them with gradients.

    Returns:
        The rise, in units of the loss; infinite or NaN if a loss during ascent is, NaN if a gradient is not finite.

    Raises:
        ValueError: for an argument out of range.

    Example:
        f(w) = w^2 / 2 at w = 1 rises to 1.5^2 / 2 within a radius of 0.5:

        >>> class Weight(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.w = nn.Parameter(torch.ones(1))
        ...     def forward(self, x):
        ...         return self.w**2 / 2 * x
        >>> batch = Batch((torch.ones(1),), torch.zeros(1, dtype=torch.int64))
        >>> loss_rise(Weight(), [batch], lambda output, y: output.mean(), Ball(rho=0.5))
        0.625
    """
    surface = Surface(model, batches, loss)
    scales = ball.scales(surface.names, surface.weights)
    start, gradient = surface.loss_and_gradient(surface.weights)
    offset = [torch.zeros_like(w) for w in surface.weights]
    losses = []
    for step in range(1, at_least_one("steps", steps) + 1):
        ascent = torch._foreach_mul(gradient, scales)
        norm = global_norm(ascent)
        if norm == 0:
            break
        if not math.isfinite(norm):
            return math.nan
        offset = _projected(moved(offset, ascent, ball.rho / norm), ball.rho)
        point = torch._foreach_addcmul(surface.weights, offset, scales)
        if step < steps:
            value, gradient = surface.loss_and_gradient(point)
        else:
            value = surface.loss(point)
        if not math.isfinite(value):
            return value - start
        losses.append(value)
    return max(losses) - start if losses else 0.0


def m_sharpness(model: nn.Module, batches: Sequence[Batch], loss: Loss, ball: Ball, *, steps: int = 1) -> float:
    """m-sharpness: mean over groups of m images of the largest rise of the group's loss.

    (1 / N) sum over batches S of |S| max over e_S of L_S(w + e_S) - L_S(w), with L_S the mean loss over S and each
    maximum approximated by :func:`loss_rise`. With all images in one batch it equals :func:`loss_rise`. Foret et al.
    2021 (arXiv 2010.01412); Andriushchenko & Flammarion 2022 (arXiv 2206.06232).

    Args:
        model: called in eval mode; not modified.
        batches: the groups, m images each.
        loss: maps output and labels to the mean loss over a batch.
        ball: set of perturbations.
        steps: ascent steps per group, >= 1.

    Returns:
        The mean rise, in units of the loss.

    Raises:
        ValueError: for an argument out of range, or without images.
    """
    images = sum(len(batch.y) for batch in batches)
    if not images:
        raise ValueError("m-sharpness is a mean over groups of images; got none")
    rises = [len(b.y) / images * loss_rise(model, [b], loss, ball, steps=steps) for b in batches if len(b.y)]
    return sum(rises)


def _projected(offset: list[Tensor], radius: float) -> list[Tensor]:
    norm = global_norm(offset)
    return list(torch._foreach_mul(offset, radius / norm)) if norm > radius else offset
