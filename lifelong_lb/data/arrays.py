"""What a source of images is. No torch here, so that data can be looked for and checked without it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

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
