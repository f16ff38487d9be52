"""Images as tensors: the one form in which the package holds a data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageTensors:
    """Labelled images.

    Attributes:
        x: uint8 ``(N, C, H, W)``, 0..255.
        y: int64 ``(N,)``, the data set's own class labels; they need not be contiguous.
        class_names: name of each label that the data set knows, by label; empty when it knows none.
    """

    x: Tensor
    y: Tensor
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.x.dtype == torch.uint8
        assert self.y.dtype == torch.int64
        assert self.x.ndim == 4
        assert len(self.x) == len(self.y)

    @property
    def classes(self) -> list[int]:
        """The labels that occur, ascending."""
        return [int(label) for label in torch.unique(self.y)]


@dataclass(frozen=True)
class ImageData:
    """A data set: its two parts, and where they come from.

    Attributes:
        train: images to learn from.
        test: images to measure accuracy on.
        mean: ``(C,)``, mean of each channel over the data set's train part, in units of 0..1.
        std: ``(C,)``, its standard deviation, likewise.
        source: what the images were read from.
        sha256: hash of all images and labels: equal for equal data, whatever files held it.
    """

    train: ImageTensors
    test: ImageTensors
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    sha256: str

    @property
    def classes(self) -> list[int]:
        """The labels that occur in the train part, ascending."""
        return self.train.classes

    def names(self, order: Sequence[int]) -> tuple[str, ...]:
        """Names of classes.

        Args:
            order: labels.

        Returns:
            Their names, the label itself where a class has none; empty when the data set knows no names.
        """
        names = self.train.class_names
        return tuple(names[c] if c < len(names) else str(c) for c in order) if names else ()
