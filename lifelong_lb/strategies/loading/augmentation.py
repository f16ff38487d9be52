"""Random crops and flips of whole minibatches, drawn per image."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Generator, Tensor

from lifelong_lb.seeding import AUGMENTATION, derive


def random_crop(x: Tensor, padding: int, generator: Generator) -> Tensor:
    """Pad each image with zeros and crop it to its size at a uniformly random position, on the CPU.

    Like torchvision's ``RandomCrop(size, padding)`` for one image.

    Args:
        x: ``(B, C, H, W)``.
        padding: pixels on each side, p >= 0.
        generator: draws the two offsets of each image, both in 0..2p.

    Returns:
        ``(B, C, H, W)``, a copy.
    """
    n, channels, height, width = x.shape
    down, right = torch.randint(2 * padding + 1, (2, n), generator=generator).numpy()
    padded = np.zeros((n, channels, height + 2 * padding, width + 2 * padding), x.numpy().dtype)
    padded[:, :, padding : padding + height, padding : padding + width] = x.numpy()
    windows = sliding_window_view(padded, (height, width), axis=(2, 3))  # (B, C, 2p + 1, 2p + 1, H, W), a view
    return torch.from_numpy(windows[np.arange(n), :, down, right])


def random_flip(x: Tensor, generator: Generator) -> Tensor:
    """Mirror each image left to right with probability 1/2, like torchvision's ``RandomHorizontalFlip``.

    Args:
        x: ``(B, C, H, W)``.
        generator: draws which images are mirrored.

    Returns:
        ``(B, C, H, W)``, a copy.
    """
    chosen = torch.nonzero(torch.rand(len(x), generator=generator) < 0.5).flatten()
    return x.index_copy(0, chosen, torch.index_select(x, 0, chosen).flip(3))


class Augmentation:
    """Random crops, then flips, drawn from a separate random stream.

    Args:
        crop: padding of random crops; 0 for none.
        flip: whether images are mirrored with probability 1/2.
        seed: the study's seed.
    """

    def __init__(self, *, crop: int, flip: bool, seed: int) -> None:
        self.crop, self.flip, self._seed = crop, flip, seed
        self._generator = Generator()

    def start(self, experience: int, epoch: int) -> None:
        """Seed the random stream for an epoch.

        Args:
            experience: number of the experience, in the order of training.
            epoch: number of the epoch within it.
        """
        self._generator.manual_seed(derive(self._seed, AUGMENTATION, experience, epoch))

    def __call__(self, x: Tensor) -> Tensor:
        """Augment a minibatch.

        Args:
            x: ``(B, C, H, W)`` on the CPU.

        Returns:
            The same shape.
        """
        if self.crop:
            x = random_crop(x, self.crop, self._generator)
        return random_flip(x, self._generator) if self.flip else x


class Augmented:
    """A loader that augments its images each time they are loaded.

    Args:
        loader: gives minibatches as lists that begin with the images.
        augment: the augmentation.
    """

    def __init__(self, loader: Any, augment: Augmentation) -> None:
        self._loader, self._augment = loader, augment

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[list[Tensor]]:
        for minibatch in self._loader:
            minibatch[0] = self._augment(minibatch[0])
            yield minibatch
