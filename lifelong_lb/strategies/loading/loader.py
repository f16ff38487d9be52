"""Loader of whole minibatches by index, with the order and composition of Avalanche's and torch's loaders."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from avalanche.benchmarks.utils.data_loader import (
    GroupBalancedDataLoader,
    GroupBalancedInfiniteDataLoader,
    MultiDatasetDataLoader,
    ReplayDataLoader,
    SingleDatasetDataLoader,
    TaskBalancedDataLoader,
)
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, default_collate

from lifelong_lb import devices
from lifelong_lb.strategies.loading.flatten import NotTensorsError, flattened, joined

JOINT = (
    GroupBalancedDataLoader,
    GroupBalancedInfiniteDataLoader,
    MultiDatasetDataLoader,
    ReplayDataLoader,
    SingleDatasetDataLoader,
    TaskBalancedDataLoader,
)
"""Avalanche loaders that compose minibatches from several data sets."""

IGNORED = {"batch_size", "drop_last", "shuffle", "ffcv_args", "persistent_workers", "prefetch_factor"}
"""Arguments of a joint loader that its samplers contain, or that have no effect without worker processes."""


class LoadedBatch(list[Tensor]):
    """A minibatch whose task labels remain available on the host after Avalanche has moved its items to a device."""

    def __init__(self, items: Iterable[Tensor]) -> None:
        super().__init__(items)
        self.task_labels = self[-1]


class TensorLoader:
    """Replacement of an Avalanche or torch loader, with the same minibatches and random draws.

    Orders come from the samplers of the original loader. Only the samples are fetched in another way: all images of a
    minibatch in one indexing operation.

    Args:
        loader: a loader of :data:`JOINT` or a plain ``DataLoader``, over data sets that are rows of tensors.

    Raises:
        NotTensorsError: if it is anything else; the message gives the obstacle.
    """

    def __init__(self, loader: Any) -> None:
        if type(loader) in JOINT:
            self._adopt_joint(loader)
        elif type(loader) is DataLoader:
            self._adopt_plain(loader)
        else:
            raise NotTensorsError(f"{type(loader).__name__} is not a supported loader")
        self._length = len(loader)

    def _adopt_plain(self, loader: DataLoader[Any]) -> None:
        arguments = {name: getattr(loader, name) for name in ("num_workers", "collate_fn", "pin_memory", "generator")}
        self._adopt([loader.dataset], [loader.batch_sampler], arguments)
        self._ends, self._oversample, self._endless = 0, False, False

    def _adopt_joint(self, loader: Any) -> None:
        samplers = loader._create_samplers(
            loader.datasets, loader.batch_sizes, loader.distributed_sampling, loader.loader_kwargs
        )
        self._adopt(loader.datasets, samplers, loader.loader_kwargs)
        self._ends, self._endless = loader.termination_dataset, loader.never_ending
        self._oversample = loader.oversample_small_datasets

    def _adopt(self, datasets: Sequence[Any], samplers: Sequence[Any], arguments: dict[str, Any]) -> None:
        if arguments.get("num_workers", 0) > 0:
            raise NotTensorsError("worker processes are requested")
        if arguments.get("collate_fn", default_collate) is not default_collate:
            raise NotTensorsError("minibatches are collated by a custom function")
        unknown = set(arguments) - IGNORED - {"num_workers", "collate_fn", "pin_memory", "generator"}
        if unknown:
            raise NotTensorsError(f"the loader has an argument {min(unknown)}")
        for sampler in samplers:
            if type(sampler) is not BatchSampler or type(sampler.sampler) not in (RandomSampler, SequentialSampler):
                raise NotTensorsError("the order is neither random nor that of the data set")
        parts = [flattened(dataset) for dataset in datasets]
        self._samples = joined(parts)
        self._samplers, self._generator = list(samplers), arguments.get("generator")
        self._pin = bool(arguments.get("pin_memory", False)) and devices.can_pin()
        self._starts = [sum(map(len, parts[:i])) for i in range(len(parts))]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[Tensor]]:
        torch.empty((), dtype=torch.int64).random_(generator=self._generator)  # DataLoader draws a seed for workers
        parts = [self._rounds(i) for i in range(len(self._samplers))]
        for minibatch_parts in parts[0] if len(parts) == 1 and not self._endless else self._composed(parts):
            rows, *columns = minibatch_parts
            minibatch = [self._samples.images(rows), *columns]
            yield LoadedBatch(part.pin_memory() for part in minibatch) if self._pin else LoadedBatch(minibatch)

    def _rounds(self, i: int) -> Iterator[list[Tensor]]:
        """Rows and labels of the minibatches of one data set, for one round whose order is drawn lazily."""
        sampler = self._samplers[i]
        order = torch.tensor(list(sampler.sampler), dtype=torch.int64) + self._starts[i]
        for minibatch in self._samples.split(sampler.batch_size, order):
            if len(minibatch[0]) == sampler.batch_size or not sampler.drop_last:
                yield minibatch

    def _composed(self, parts: list[Iterator[list[Tensor]]]) -> Iterator[list[Tensor]]:
        """Minibatches with a share of each data set, until the data set that ends the epoch is exhausted.

        Other exhausted data sets restart if they are oversampled, and are left out otherwise.

        Yields:
            Rows, labels and other columns of each minibatch.
        """
        others = [i for i in range(len(parts)) if self._endless or i != self._ends]
        order = others if self._endless else [self._ends, *others]
        left = {i for i in order if len(self._samplers[i])}
        while self._endless or self._ends in left:
            shares: dict[int, list[Tensor]] = {}
            for i in [i for i in order if i in left]:
                share = next(parts[i], None)
                if share is None and (self._endless or (self._oversample and i != self._ends)):
                    parts[i] = self._rounds(i)
                    share = next(parts[i])
                if share is not None:
                    shares[i] = share
                elif i == self._ends and not self._endless:
                    return
                else:
                    left.discard(i)
            taken = [shares[i] for i in sorted(shares)]
            yield [torch.cat(column) for column in zip(*taken, strict=True)]


class Endless:
    """Minibatches of a loader, round after round.

    Attributes:
        loader: the loader; may be replaced, with effect from the next round.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self._round: Iterator[Any] = iter(())

    def __iter__(self) -> "Endless":
        return self

    def __next__(self) -> Any:
        minibatch = next(self._round, None)
        if minibatch is None:
            self._round = iter(self.loader)
            minibatch = next(self._round)
        return minibatch
