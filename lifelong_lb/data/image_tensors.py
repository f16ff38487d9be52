"""Images as tensors, the form in which streams and models use a data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageTensors:
    """Labelled images.

    Attributes:
        x: uint8 ``(N, C, H, W)``, 0..255; or float32, vectors in place of images: ``(N, 1, 1, F)``, or ``(N, F, 1, 1)``
            for features of a frozen backbone.
        y: int64 ``(N,)``, the data set's own class labels; they need not be contiguous.
        class_names: name of each label, indexed by label; empty if unknown.
    """

    x: Tensor
    y: Tensor
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.x.dtype in (torch.uint8, torch.float32)
        assert self.y.dtype == torch.int64
        assert self.x.ndim == 4
        assert len(self.x) == len(self.y)

    @property
    def classes(self) -> list[int]:
        """The labels that occur, ascending."""
        return [int(label) for label in torch.unique(self.y)]


@dataclass(frozen=True)
class ImageData:
    """A data set: its train and test part, channel statistics and provenance.

    Attributes:
        train: the train part.
        test: the test part.
        mean: ``(C,)``, mean of each channel over the train part, in units of 0..1.
        std: ``(C,)``, standard deviation of each channel, in the same units.
        source: description of the source of the images.
        sha256: hash of all images and labels, independent of the file format.
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
        """Return the names of classes.

        Args:
            order: labels.

        Returns:
            Their names, the label itself for a class without a name; empty if the data set has no names.
        """
        names = self.train.class_names
        return tuple(names[c] if c < len(names) else str(c) for c in order) if names else ()
