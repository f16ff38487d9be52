"""Linear path between two sets of weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifelong_lb.landscape.surface import Batch, Loss, Surface


@dataclass(frozen=True, eq=False)
class LinearPath:
    """Loss and accuracy along the straight line between two sets of weights.

    Attributes:
        t: ``(P,)``, evenly spaced positions on the line, from 0 (start) to 1 (end).
        loss: ``(P,)``, mean loss at (1 - t) start + t end.
        accuracy: ``(P,)``, accuracy at (1 - t) start + t end, fractions.

    Example:
        >>> path = LinearPath(np.array([0, 0.5, 1]), np.array([1.0, 4.0, 2.0]), np.array([0.5, 0.2, 0.4]))
        >>> path.barrier, path.barrier_above_line
        (2.5, 2.5)
    """

    t: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def barrier(self) -> float:
        """Highest loss on the line minus the mean loss of its two ends.

        At least half the absolute difference of the two ends. After Frankle et al. 2020 (arXiv 1912.05671, section 2),
        who use the error instead of the loss.
        """
        return float(self.loss.max() - (self.loss[0] + self.loss[-1]) / 2)

    @property
    def barrier_above_line(self) -> float:
        """Max over t of L(t) - (1 - t) L(0) - t L(1); never negative.

        Unlike :attr:`barrier`, it is 0 if the loss is linear in t. Entezari et al. 2022 (arXiv 2110.06296, eq. 1).
        """
        return float((self.loss - (1 - self.t) * self.loss[0] - self.t * self.loss[-1]).max())


def linear_path(
    model: nn.Module,
    start: Mapping[str, Tensor],
    end: Mapping[str, Tensor],
    batches: Sequence[Batch],
    loss: Loss,
    *,
    points: int = 11,
) -> LinearPath:
    """Measure loss and accuracy at (1 - t) start + t end (linear mode connectivity).

    Mirzadeh et al. 2021 (arXiv 2010.04495). Floating-point buffers are interpolated like parameters. BatchNorm
    therefore uses interpolated running statistics, which can differ from the statistics of the interpolated weights.
    Other buffers are taken from the end.

    Args:
        model: defines the architecture; called in eval mode; not modified.
        start: a ``state_dict`` of the model.
        end: a ``state_dict`` with the same names and shapes.
        batches: images and labels; the loss is the mean over all of them.
        loss: maps output and labels to the mean loss over a batch.
        points: P >= 2, number of points including both ends.

    Returns:
        The path.

    Raises:
        ValueError: if names or shapes of start, end and model differ, or for fewer than two points.
    """
    if points < 2:
        raise ValueError(f"points must be at least 2 (both ends); got {points}")
    _check_compatible("start", start, "end", end)
    _check_compatible("end", end, "the model", model.state_dict())
    surface = Surface(model, batches, loss)
    ts = np.linspace(0.0, 1.0, points)
    results = np.array([surface.loss_and_accuracy(_interpolated(start, end, float(t))) for t in ts])
    return LinearPath(ts, results[:, 0], results[:, 1])


def _interpolated(start: Mapping[str, Tensor], end: Mapping[str, Tensor], t: float) -> dict[str, Tensor]:
    return {
        name: torch.lerp(start[name].to(last), last, t) if last.is_floating_point() else last
        for name, last in end.items()
    }


def _check_compatible(name_a: str, a: Mapping[str, Tensor], name_b: str, b: Mapping[str, Tensor]) -> None:
    for name in {**a, **b}:
        shape_a, shape_b = (tuple(tensors[name].shape) if name in tensors else None for tensors in (a, b))
        if shape_a != shape_b:
            found_a, found_b = (f"shape {shape}" if shape is not None else "missing" for shape in (shape_a, shape_b))
            raise ValueError(f"names and shapes must be equal; {name}: {found_a} in {name_a}, {found_b} in {name_b}")
