"""What a source of images is. No torch here, so that data can be looked for and checked without it."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Arrays:
    """Images as a source gives them.

    Attributes:
        x: uint8 ``(N, C, H, W)``.
        y: int64 ``(N,)``, the data set's own labels.
        class_names: by label; empty when unknown.
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    class_names: tuple[str, ...] = ()


def digest(train: Arrays, test: Arrays) -> str:
    """Hash of all images and labels: equal for equal data, whatever files held it.

    Args:
        train: one part.
        test: the other.

    Returns:
        Sixteen hexadecimal digits.
    """
    whole = hashlib.sha256()
    for part in (train, test):
        whole.update(str(tuple(part.x.shape)).encode())
        whole.update(np.ascontiguousarray(part.x).data)
        whole.update(np.ascontiguousarray(part.y).data)
    return whole.hexdigest()[:16]


class Source(ABC):
    """A place that a data set can be read from.

    Attributes:
        description: what and where it is, for people.
        mean: mean of each channel over the data set's train part, in units of 0..1.
        std: its standard deviation, likewise.
    """

    description: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def files(self) -> list[Path]:
        """Files that the images are read from.

        Returns:
            Paths, in a fixed order; empty where the data are embedded.

        Raises:
            UserError: when a file is missing, naming it.
        """
        return []

    @abstractmethod
    def labels(self) -> list[int]:
        """Check that the source can be read, without decoding images, and find its classes.

        Returns:
            The labels that occur in the train part, ascending.

        Raises:
            UserError: when a file is damaged or of another layout, naming it.
        """

    @abstractmethod
    def read(self) -> tuple[Arrays, Arrays]:
        """Read and decode all images.

        Returns:
            Train part and test part.

        Raises:
            UserError: when a file is damaged or of another layout, naming it.
        """
