"""Accuracy with noise on the weights."""

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
"""What the noise is measured by: the root mean square of a tensor's entries, or each entry's own size."""


def noisy_accuracies(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    scale: float,
    draws: int = 10,
    generator: torch.Generator,
    relative_to: RelativeTo = "layer",
) -> NDArray[np.float64]:
    """Accuracies with independent Gaussian noise on every trainable parameter: w + scale * s * xi, xi ~ N(0, 1).

    With ``relative_to="layer"`` s is the root mean square of the entries of the parameter tensor (so each weight
    matrix, filter bank and bias vector has a scale of its own, and a tensor that is zero gets no noise); with
    ``"weight"`` s is the size of the entry itself, which is multiplicative noise, w (1 + scale xi). After the
    robustness experiment of Mordido et al. 2024 (arXiv 2307.16704, figure 4). BatchNorm keeps the running
    statistics of the weights without noise.

    Args:
        model: left exactly as it is; used in eval mode.
        batches: images and labels.
        scale: sigma, >= 0, a fraction of s.
        draws: number of draws, >= 1.
        generator: draws xi, one parameter after the other; the same generator state gives the same xi whatever the
            scale, so that scales can be compared draw by draw.
        relative_to: ``"layer"`` or ``"weight"``.

    Returns:
        ``(draws,)``, fractions.

    Raises:
        ValueError: for a setting outside its range.
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
