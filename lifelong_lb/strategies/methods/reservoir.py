"""Memory of La-MAML and MER: a reservoir from which each iteration draws."""

from typing import Any

import torch
from torch import Tensor

from lifelong_lb.strategies.loading.loader import Endless
from lifelong_lb.strategies.loading.random_draws import RandomDraws
from lifelong_lb.strategies.methods.memories import Reservoir


class DrawnMemory(Endless):
    """A reservoir of all images seen, filled after each experience.

    Replaces two Avalanche buffers, with the same draws. As an :class:`~lifelong_lb.strategies.loading.loader.Endless`
    its images are augmented like those of the minibatches.

    Args:
        mem_size: number of images kept.
        batch_size_mem: number of images per draw.
        device: device of the drawn images.
    """

    def __init__(self, mem_size: int, batch_size_mem: int, device: torch.device) -> None:
        self._reservoir, self._size, self._device = Reservoir(mem_size), batch_size_mem, device
        super().__init__(RandomDraws(self._reservoir.buffer, self._size))

    def __len__(self) -> int:
        return len(self._reservoir.buffer)

    def update(self, strategy: Any) -> None:
        """Add the images of an experience to the reservoir.

        Args:
            strategy: the Avalanche strategy, after it has trained on the experience.
        """
        self._reservoir.update_from_dataset(strategy.experience.dataset)
        super().__init__(RandomDraws(self._reservoir.buffer, self._size))

    def get_buffer_batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a minibatch; the method that La-MAML calls.

        Returns:
            Images ``(M, C, H, W)``, labels and task labels ``(M,)``.
        """
        x, y, t = (part.to(self._device, non_blocking=True) for part in next(self))
        return x, y, t

    def get_batch(self, x: Tensor, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Append a drawn minibatch to another one; the method that MER calls.

        Args:
            x: images ``(B, C, H, W)``.
            y: labels ``(B,)``.
            t: task labels ``(B,)``.

        Returns:
            The joined images, labels and task labels; unchanged if the memory is empty.
        """
        if not len(self):
            return x, y, t
        drawn_x, drawn_y, drawn_t = self.get_buffer_batch()
        return torch.cat([x, drawn_x]), torch.cat([y, drawn_y]), torch.cat([t, drawn_t])
