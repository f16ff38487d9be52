"""How far the loss rises within a ball around the weights."""

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
    """Perturbations e of the weights w with ||e / T|| <= rho, over all trainable parameters together.

    SAM's ball has T = 1 (Foret et al. 2021, arXiv 2010.01412), ASAM's T = |w| + eta, entry by entry (Kwon et al. 2021,
    arXiv 2102.11600); as for the update rules, T = 1 for parameters whose name does not contain "weight".

    Attributes:
        rho: radius, >= 0.
        adaptive: whether the ball is ASAM's.
        eta: added to the weights' size, > 0; of no effect in SAM's.

    Raises:
        ValueError: for a number outside its range.
    """

    rho: float
    adaptive: bool = False
    eta: float = 0.01

    def __post_init__(self) -> None:
        non_negative("rho", self.rho)
        positive("eta", self.eta)

    def scales(self, names: Sequence[str], weights: Sequence[Tensor]) -> list[Tensor]:
        """T.

        Args:
            names: of the parameters.
            weights: their values w.

        Returns:
            One tensor a parameter, of its shape.
        """
        pairs = zip(names, weights, strict=True)
        return [w.abs() + self.eta if self.adaptive and "weight" in name else torch.ones_like(w) for name, w in pairs]


def loss_rise(model: nn.Module, batches: Sequence[Batch], loss: Loss, ball: Ball, *, steps: int = 1) -> float:
    """Rise of the loss in a ball: max over e of L(w + e) - L(w), found by projected gradient ascent.

    With u = e / T, starting from u = 0, each step is u <- P(u + rho N(T g)), g the gradient at w + T u, N(v) =
    v / ||v|| and P the projection onto ||u|| <= rho. The first step is SAM's (ASAM's) perturbation, so that ``steps=1``
    gives the rise that these rules see. Of several points the highest counts. Ascent finds some point of the ball and
    not surely its highest: the number is a lower bound of the maximum. Where the gradient at w is zero ascent has no
    direction, and the rise is 0.

    Args:
        model: left exactly as it is; used in eval mode.
        batches: images and labels, all in one loss.
        loss: mean over a batch.
        ball: where to look.
        steps: n >= 1; it takes n + 1 passes over the images, n of them with gradients.

    Returns:
        The rise, in units of the loss; infinite or NaN where a loss on the way is, NaN where a gradient is not finite.

    Raises:
        ValueError: for a setting outside its range.

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
    """m-sharpness: the mean over groups of m images of the rise that each group has in a ball of its own.

    (1 / N) sum over batches S of |S| max over e_S of L_S(w + e_S) - L_S(w), L_S the mean loss over S. Foret et al.
    2021 (arXiv 2010.01412); Andriushchenko & Flammarion 2022 (arXiv 2206.06232). With all images in one batch it is
    :func:`loss_rise`, by whose ascent each group's maximum is found.

    Args:
        model: left exactly as it is; used in eval mode.
        batches: the groups, m images each.
        loss: mean over a batch.
        ball: where to look.
        steps: ascent steps of each group, >= 1.

    Returns:
        The mean rise, in units of the loss.

    Raises:
        ValueError: for a setting outside its range, and without images.
    """
    images = sum(len(batch.y) for batch in batches)
    if not images:
        raise ValueError("m-sharpness is a mean over groups of images; got none")
    rises = [len(b.y) / images * loss_rise(model, [b], loss, ball, steps=steps) for b in batches if len(b.y)]
    return sum(rises)


def _projected(offset: list[Tensor], radius: float) -> list[Tensor]:
    norm = global_norm(offset)
    return list(torch._foreach_mul(offset, radius / norm)) if norm > radius else offset
