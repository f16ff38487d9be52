"""Flatten an Avalanche data set to row numbers of the tensors that hold its images, and columns of labels.

An Avalanche data set is a tree of concatenations and subsets that is walked for every sample. Here it is walked once
for all samples. Images are not copied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks.utils import AvalancheDataset
from avalanche.benchmarks.utils.classification_dataset import _TensorClassificationDataset
from avalanche.benchmarks.utils.data import _FlatDataWithTransform
from avalanche.benchmarks.utils.flat_data import FlatData, LazyIndices, LazyRange
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import TensorDataset, default_collate

LEAVES = (TensorDataset, _TensorClassificationDataset)
"""Data sets that consist of tensors with one row per sample."""

Numbers = NDArray[np.int64]


class NotTensorsError(TypeError):
    """The data are more than rows of tensors; the message gives the obstacle."""


@dataclass(frozen=True)
class Samples:
    """Labelled images, as rows of shared tensors.

    Attributes:
        bases: distinct tensors of images, each ``(M, C, H, W)``.
        rows: int64 ``(N,)``, the row of each sample's image among those of all bases, one base after the other.
        columns: the other parts of a minibatch, each ``(N, ...)``: labels, task labels, possibly logits.
    """

    bases: tuple[Tensor, ...]
    rows: Tensor
    columns: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, size: int, order: Tensor | None = None) -> Iterator[list[Tensor]]:
        """Split samples into minibatches.

        Args:
            size: samples per minibatch; the last one may be smaller.
            order: int64 ``(M,)``, indices of samples; None for all in order.

        Yields:
            Rows, see :meth:`images`, and columns of each minibatch.
        """
        whole = (self.rows, *self.columns)
        ordered = whole if order is None else [column[order] for column in whole]
        yield from map(list, zip(*(torch.split(column, size) for column in ordered), strict=True))

    def images(self, rows: Tensor) -> Tensor:
        """Look up images.

        Args:
            rows: int64 ``(B,)``, row numbers as in ``self.rows``.

        Returns:
            The images, ``(B, C, H, W)``, a copy.
        """
        if len(self.bases) == 1:
            return torch.index_select(self.bases[0], 0, rows)
        images = self.bases[0].new_empty((len(rows), *self.bases[0].shape[1:]))
        start = 0
        for base in self.bases:
            inside = torch.nonzero((rows >= start) & (rows < start + len(base))).flatten()
            if len(inside):
                images[inside] = torch.index_select(base, 0, rows[inside] - start)
            start += len(base)
        return images


def flattened(dataset: Any) -> Samples:
    """Flatten a data set to rows of tensors.

    Args:
        dataset: an Avalanche data set; labels and other attributes are looked up here.

    Returns:
        Its samples, in order; minibatches are the same as with ``default_collate``.

    Raises:
        NotTensorsError: if it is more than rows of tensors.
    """
    if not isinstance(dataset, AvalancheDataset) or type(dataset).__getitem__ is not AvalancheDataset.__getitem__:
        raise NotTensorsError(f"{type(dataset).__name__} is not a plain Avalanche data set")
    everything = np.arange(len(dataset))
    group = dataset._flat_data._transform_groups.current_group
    parts = list(_walk(dataset._flat_data, everything, everything, group))
    for leaf, _, _ in parts:
        if type(leaf) not in LEAVES:
            raise NotTensorsError(f"images come from {_named(leaf)}, not from a TensorDataset")
    samples = _images_and_labels(parts, len(everything))
    given = [attribute for attribute in dataset._data_attributes.values() if attribute.use_in_getitem]
    return Samples(samples.bases, samples.rows, (*samples.columns, *map(_values, given)))


def joined(parts: Sequence[Samples]) -> Samples:
    """Concatenate samples.

    Args:
        parts: at least one.

    Returns:
        All of them.

    Raises:
        NotTensorsError: if shapes or types differ.
    """
    if len(parts) == 1:
        return parts[0]
    if any(
        _kinds([*part.bases[:1], *part.columns]) != _kinds([*parts[0].bases[:1], *parts[0].columns]) for part in parts
    ):
        raise NotTensorsError("images or labels differ in shape or type")
    bases = _distinct([base for part in parts for base in part.bases])
    starts = _starts(bases)
    rows = []
    for part in parts:
        moved, start = part.rows.clone(), 0
        for base in part.bases:
            inside = (part.rows >= start) & (part.rows < start + len(base))
            moved[inside] += starts[id(base)] - start
            start += len(base)
        rows.append(moved)
    columns = [torch.cat(column) for column in zip(*(part.columns for part in parts), strict=True)]
    return Samples(bases, torch.cat(rows), tuple(columns))


Part = tuple[Any, Numbers, Numbers]
"""A leaf, the numbers of its rows, and their places in the whole."""


def _walk(node: Any, numbers: Numbers, places: Numbers, group: str | None = None) -> Iterator[Part]:
    """Resolve samples through a tree of subsets and concatenations to its leaves."""
    if not isinstance(node, FlatData):
        yield node, numbers, places
        return
    if isinstance(node, _FlatDataWithTransform):
        _check_transforms(node, group)
    if node._indices is not None:
        numbers = _as_numbers(node._indices)[numbers]
    if len(node._datasets) == 1:
        yield from _walk(node._datasets[0], numbers, places, group)
        return
    which = np.searchsorted(node._cumulative_sizes, numbers, side="right")
    for i in np.unique(which):
        inside = which == i
        start = node._cumulative_sizes[i - 1] if i else 0
        yield from _walk(node._datasets[i], numbers[inside] - start, places[inside], group)


def _as_numbers(indices: Any) -> Numbers:
    if isinstance(indices, LazyIndices) and not isinstance(indices, LazyRange):
        indices._to_eager()
        eager: Numbers = indices._eager_list
        return eager
    return np.fromiter(indices, np.int64, len(indices))


def _check_transforms(node: Any, group: str | None) -> None:
    for transforms in (node._frozen_transform_groups, node._transform_groups):
        if transforms is not None and transforms.transform_groups[group] is not None:
            raise NotTensorsError(f"images go through transforms ({group}) one by one")


def _images_and_labels(parts: Sequence[Part], length: int) -> Samples:
    """Images and the labels of the leaves."""
    if not parts:
        raise NotTensorsError("there are no samples")
    bases = _distinct([leaf.tensors[0] for leaf, _, _ in parts])
    starts = _starts(bases)
    first = parts[0][0].tensors
    if any(_kinds(leaf.tensors) != _kinds(first) for leaf, _, _ in parts):
        raise NotTensorsError("images or labels differ in shape or type")
    rows = torch.empty(length, dtype=torch.int64)
    columns = [t.new_empty((length, *t.shape[1:])) for t in first[1:]]
    for leaf, numbers, places in parts:
        at, taken = torch.from_numpy(places), torch.from_numpy(numbers)
        rows[at] = taken + starts[id(leaf.tensors[0])]
        for column, values in zip(columns, leaf.tensors[1:], strict=True):
            column[at] = values[taken]
    return Samples(bases, rows, tuple(columns))


def _values(attribute: Any) -> Tensor:
    """A per-image attribute, stacked as by ``default_collate``."""
    values: list[Any] = [None] * len(attribute)
    everything = np.arange(len(values))
    for leaf, numbers, places in _walk(attribute.data, everything, everything):
        for number, place in zip(numbers.tolist(), places.tolist(), strict=True):
            values[place] = leaf[number]
    column = default_collate(values)
    if not isinstance(column, Tensor):
        raise NotTensorsError(f"{attribute.name} is not one number or tensor per sample")
    return column


def _kinds(tensors: Sequence[Tensor]) -> list[tuple[Any, ...]]:
    return [(t.dtype, t.shape[1:]) for t in tensors]


def _distinct(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple({id(t): t for t in tensors}.values())


def _starts(bases: Sequence[Tensor]) -> dict[int, int]:
    """Number of the first row of each base, by the base's identity."""
    ends = np.cumsum([len(base) for base in bases]).tolist()
    return {id(base): end - len(base) for base, end in zip(bases, ends, strict=True)}


def _named(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
