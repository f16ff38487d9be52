"""Random minibatches of a memory, and the memory of La-MAML and MER: a reservoir that each iteration draws from."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from lifelong_lb.strategies.memories import Reservoir
from lifelong_lb.strategies.resolve import NotTensorsError, Samples, resolved
from lifelong_lb.strategies.tensor_loader import Endless


class RandomDraws:
    """Minibatches without end, each a draw of its own from all images, without replacement.

    Images are looked up all at once where they are rows of tensors, else one after the other.

    Args:
        dataset: an Avalanche data set.
        size: images of a minibatch, or all where there are fewer.
        generator: draws them; None for torch's global one.
    """

    def __init__(self, dataset: Any, size: int, generator: torch.Generator | None = None) -> None:
        self._dataset, self._size, self._generator = dataset, size, generator
        self._samples: Samples | None = None
        with suppress(NotTensorsError):
            self._samples = resolved(dataset)

    def __iter__(self) -> Iterator[list[Tensor]]:
        while True:
            yield self._minibatch(torch.randperm(len(self._dataset), generator=self._generator)[: self._size])

    def _minibatch(self, chosen: Tensor) -> list[Tensor]:
        if self._samples is None:
            return list(default_collate([self._dataset[i] for i in chosen.tolist()]))
        rows, *columns = next(self._samples.split(self._size, chosen))
        return [self._samples.images(rows), *columns]


class DrawnMemory(Endless):
    """A reservoir of all images seen, filled after each experience.

    It stands in the place of two buffers of Avalanche's and draws what they draw, with the same random numbers. As an
    :class:`~lifelong_lb.strategies.tensor_loader.Endless` it has its images augmented where the minibatches are.

    Args:
        mem_size: images kept.
        batch_size_mem: images drawn at a time.
        device: where they are wanted.
    """

    def __init__(self, mem_size: int, batch_size_mem: int, device: torch.device) -> None:
        self._reservoir, self._size, self._device = Reservoir(mem_size), batch_size_mem, device
        super().__init__(RandomDraws(self._reservoir.buffer, self._size))

    def __len__(self) -> int:
        return len(self._reservoir.buffer)

    def update(self, strategy: Any) -> None:
        """Let the images of an experience take part in the draw of those that are kept.

        Args:
            strategy: the Avalanche strategy, after it has trained on the experience.
        """
        self._reservoir.update_from_dataset(strategy.experience.dataset)
        super().__init__(RandomDraws(self._reservoir.buffer, self._size))

    def get_buffer_batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a minibatch, under the name that La-MAML asks for.

        Returns:
            Images ``(M, C, H, W)``, labels and task labels ``(M,)``.
        """
        x, y, t = (part.to(self._device) for part in next(self))
        return x, y, t

    def get_batch(self, x: Tensor, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a minibatch and join it to another one, as MER does.

        Args:
            x: images ``(B, C, H, W)``.
            y: labels ``(B,)``.
            t: task labels ``(B,)``.

        Returns:
            The same with the drawn ones behind; as they came while nothing is kept.
        """
        if not len(self):
            return x, y, t
        drawn_x, drawn_y, drawn_t = self.get_buffer_batch()
        return torch.cat([x, drawn_x]), torch.cat([y, drawn_y]), torch.cat([t, drawn_t])
