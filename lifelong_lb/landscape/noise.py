"""Accuracy under weight noise."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lifelong_lb.landscape.surface import Batch, Surface
from lifelong_lb.optim.checks import at_least_one, non_negative

RelativeTo = Literal["layer", "weight"]


def _root_mean_square(w: Tensor) -> Tensor:
    return w.square().mean().sqrt()


NOISE_UNITS: dict[str, Callable[[Tensor], Tensor]] = {"layer": _root_mean_square, "weight": torch.abs}
"""Unit s of the noise: root mean square of the entries of a tensor, or absolute value of each entry."""


def noisy_accuracies(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    scale: float,
    draws: int = 10,
    generator: torch.Generator,
    relative_to: RelativeTo = "layer",
) -> NDArray[np.float64]:
    """Measure accuracy with Gaussian noise on all trainable parameters, w + scale * s * xi.

    xi ~ N(0, 1), independent for each entry. With ``relative_to="layer"``, s is the root mean square of the entries of
    the parameter tensor: each weight matrix, filter bank and bias vector has its own scale, and an all-zero tensor gets
    no noise. With ``"weight"``, s = |w| for each entry, which is multiplicative noise w (1 + scale xi). After the
    robustness experiment of Mordido et al. 2024 (arXiv 2307.16704, figure 4). BatchNorm keeps the running statistics of
    the weights without noise.

    Args:
        model: called in eval mode; not modified.
        batches: images and labels.
        scale: sigma >= 0, noise level relative to s.
        draws: number of draws, >= 1.
        generator: draws xi, parameter by parameter. Equal generator states give equal xi for all scales, so scales can
            be compared draw by draw.
        relative_to: ``"layer"`` or ``"weight"``.

    Returns:
        ``(draws,)``, fractions.

    Raises:
        ValueError: for an argument out of range.
    """
    if relative_to not in NOISE_UNITS:
        raise ValueError(f"relative_to must be one of {', '.join(NOISE_UNITS)}; got {relative_to!r}")
    surface = Surface(model, batches, cross_entropy)
    sigma = non_negative("scale", scale)
    sizes = [sigma * NOISE_UNITS[relative_to](w) for w in surface.weights]
    accuracies = []
    for _ in range(at_least_one("draws", draws)):
        noise = [_normal(w, generator) for w in surface.weights]
        point = [w + size * xi for w, size, xi in zip(surface.weights, sizes, noise, strict=True)]
        accuracies.append(surface.accuracy(point))
    return np.array(accuracies)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device).to(like)
