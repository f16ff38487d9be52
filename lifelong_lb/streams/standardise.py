"""Standardisation of vectors of features."""

from dataclasses import replace

import torch
from torch import Tensor

from lifelong_lb.config import Vectors
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.data.normalisation import check_statistics
from lifelong_lb.data.selection import Indices


def standardised(entry: Vectors, vectors: ImageData, first: Indices) -> ImageData:
    """Standardise vectors as their stream requires.

    Args:
        entry: the stream's entry in the study file.
        vectors: float32 ``(N, 1, 1, F)``.
        first: indices of the training vectors of the first experience.

    Returns:
        The vectors (x - mean) / deviation; a feature that is constant in the first experience is only centred.

    Raises:
        UserError: if the entry gives numbers for another number of features.
    """
    if entry.standardise == "none":
        return vectors
    mean, deviation = _statistics(entry, vectors.train.x, first)
    train, test = (
        replace(part, x=((part.x.double() - mean) / deviation).float()) for part in (vectors.train, vectors.test)
    )
    return replace(vectors, train=train, test=test)


def _statistics(entry: Vectors, x: Tensor, first: Indices) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature, float64 ``(F,)``."""
    if isinstance(entry.standardise, str):
        rows = x[torch.from_numpy(first)].double().flatten(1)
        mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0)
        # the deviation of a constant feature may be a rounding error
        constant = deviation <= 1e-12 * (1 + mean.abs())
        return mean, torch.where(constant, torch.ones_like(deviation), deviation)
    check_statistics(entry, x.shape[1:])
    means, deviations = (torch.tensor(numbers, dtype=torch.float64) for numbers in entry.standardise)
    return means, deviations
