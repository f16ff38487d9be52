"""What experience replay keeps of the past: Avalanche's memories, chosen by name.

Their draws and contents are Avalanche's own. What changes is how long an update takes, which an online stream pays for
each chunk: of 10,000 images, 12 ms instead of 80 in a reservoir.
"""

from collections.abc import Callable
from typing import Any

import torch
from avalanche.training.storage_policy import ClassBalancedBuffer, ExperienceBalancedBuffer, ReservoirSamplingBuffer
from torch import Tensor


class Reservoir(ReservoirSamplingBuffer):
    """A uniform sample of all images seen (Vitter 1985): those with the highest of random weights.

    Avalanche selects with a tensor of indices, which it reads element by element; this one with a list.

    Args:
        max_size: images kept.
    """

    buffer: Any
    _buffer_weights: Tensor

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size)

    def update_from_dataset(self, new_data: Any) -> None:
        """Let images take part in the draw.

        Args:
            new_data: an Avalanche data set.
        """
        weights = torch.cat([torch.rand(len(new_data)), self._buffer_weights])
        highest, kept = weights.sort(descending=True)
        self.buffer = new_data.concat(self.buffer).subset(kept[: self.max_size].tolist())
        self._buffer_weights = highest[: self.max_size]

    def resize(self, strategy: Any, new_size: int) -> None:
        """Change the number of images kept.

        Args:
            strategy: not used.
            new_size: the number; images with the lowest weights go first.
        """
        self.max_size = new_size
        if len(self.buffer) > new_size:
            self.buffer = self.buffer.subset(list(range(new_size)))
            self._buffer_weights = self._buffer_weights[:new_size]


class ClassBalanced(ClassBalancedBuffer):
    """Equal shares for the classes seen so far, each a reservoir (Chrysakis & Moens 2020, ICML, share memory alike).

    The whole is put together once an update; Avalanche's does so whenever it is asked for.

    Args:
        max_size: images kept.
    """

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size, adaptive_size=True)
        self._whole: Any = None

    @property
    def buffer(self) -> Any:
        """The images of all classes, an Avalanche data set."""
        if self._whole is None:
            self._whole = super().buffer
        return self._whole

    def update_from_dataset(self, new_data: Any, strategy: Any = None) -> None:
        """Let images take part in the draw of their class.

        Args:
            new_data: an Avalanche data set.
            strategy: not used.
        """
        for label in {int(target) for target in new_data.targets}:
            self.buffer_groups.setdefault(label, Reservoir(self.max_size))  # cut to its share by what follows
        super().update_from_dataset(new_data, strategy)
        self._whole = None

    def resize(self, strategy: Any, new_size: int) -> None:
        """Change the number of images kept.

        Args:
            strategy: not used.
            new_size: the number.
        """
        super().resize(strategy, new_size)
        self._whole = None


MEMORIES: dict[str, Callable[[int], Any]] = {
    "experience-balanced": ExperienceBalancedBuffer,
    "class-balanced": ClassBalanced,
    "reservoir": Reservoir,
}
"""Names that a study file knows, and the functions that make a memory of so many images."""
