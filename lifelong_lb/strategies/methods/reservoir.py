"""Random minibatches of a memory, and the memory of La-MAML and MER: a reservoir that each iteration draws from."""

from typing import Any

import torch
from torch import Tensor

from lifelong_lb.strategies.loading.loader import Endless
from lifelong_lb.strategies.loading.random_draws import RandomDraws
from lifelong_lb.strategies.methods.memories import Reservoir


class DrawnMemory(Endless):
    """A reservoir of all images seen, filled after each experience.

    It stands in the place of two buffers of Avalanche's and draws what they draw, with the same random numbers. As an
    :class:`~lifelong_lb.strategies.loading.loader.Endless` it has its images augmented where the minibatches are.

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
