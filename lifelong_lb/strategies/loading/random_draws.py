"""Minibatches drawn at random from a memory."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from lifelong_lb.strategies.loading.flatten import NotTensorsError, Samples, flattened


class RandomDraws:
    """Endless minibatches, each an independent draw from all images without replacement.

    Images are looked up in one operation if they are rows of tensors, else one by one.

    Args:
        dataset: an Avalanche data set.
        size: images per minibatch, or all if there are fewer.
        generator: random generator; None for torch's global one.
    """

    def __init__(self, dataset: Any, size: int, generator: torch.Generator | None = None) -> None:
        self._dataset, self._size, self._generator = dataset, size, generator
        self._samples: Samples | None = None
        with suppress(NotTensorsError):
            self._samples = flattened(dataset)

    def __iter__(self) -> Iterator[list[Tensor]]:
        while True:
            yield self._minibatch(torch.randperm(len(self._dataset), generator=self._generator)[: self._size])

    def _minibatch(self, chosen: Tensor) -> list[Tensor]:
        if self._samples is None:
            return list(default_collate([self._dataset[i] for i in chosen.tolist()]))
        rows, *columns = next(self._samples.split(self._size, chosen))
        return [self._samples.images(rows), *columns]
