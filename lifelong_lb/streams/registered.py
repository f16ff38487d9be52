"""Registered streams, built from one pair of train and test images per experience."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lifelong_lb.config import StreamEntry, UserError
from lifelong_lb.config.plugins.register import Extension, factory_of
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.selection import select
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.stream import Stream, arrangement, avalanche_streams, labelled_dataset

Pairs = Sequence[tuple[ImageTensors, ImageTensors]]


def registered_stream(extension: Extension, entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a registered stream.

    Args:
        extension: the registered extension.
        entry: the stream's entry in the study file.
        images: the whole data set; the function receives the images selected by the entry.
        seed: the study's seed.

    Returns:
        The stream. Its ``label_map`` is empty because the mapping to the data set's labels is unknown.

    Raises:
        UserError: if the function's result is invalid.
    """
    pairs = factory_of("stream", entry.name, {})(
        images=_selected(entry, images, seed),
        seed=seed,
        **{**extension.arguments(entry), "experiences": entry.length},
    )
    _check(entry, pairs)
    by_task = entry.scenario == "task-incremental"
    labels = sorted({label for train, _ in pairs for label in train.classes})
    classes = len(labels) * (entry.length if by_task else 1)
    first = len(labels) if entry.scenario != "class-incremental" else len(pairs[0][0].classes)
    learning = [_dataset(train, i if by_task else 0) for i, (train, _) in enumerate(pairs)]
    measuring = [_dataset(test, i if by_task else 0) for i, (_, test) in enumerate(pairs)]
    channels, height, width = pairs[0][0].x.shape[1:]
    return Stream(
        *avalanche_streams(learning, measuring),
        Shape((channels, height, width), len(pairs), classes, first, images.mean, images.std),
        tuple(labels),
        (),
        {},
        arrangement([part.y.numpy() for pair in pairs for part in pair], f"{entry.name}, {_digest(pairs)}"),
    )


def _selected(entry: StreamEntry, images: ImageData, seed: int) -> ImageData:
    chosen = select(entry, images.train.y.numpy(), images.test.y.numpy(), seed)
    measured_on = images.train if entry.evaluate == "validation" else images.test
    return replace(images, train=_part(images.train, chosen.learnt), test=_part(measured_on, chosen.evaluated))


def _part(part: ImageTensors, indices: Any) -> ImageTensors:
    if len(indices) == len(part.y):
        return part
    places = torch.from_numpy(np.asarray(indices))
    return ImageTensors(part.x[places], part.y[places], part.class_names)


def _check(entry: StreamEntry, pairs: Any) -> None:
    """Check the pairs against the requirements of :func:`lifelong_lb.extend.stream`."""
    prefix = f"stream {entry.name}: its function must return"
    if not isinstance(pairs, Sequence) or len(pairs) != entry.length:
        got = f"length {len(pairs)}" if isinstance(pairs, Sequence) else type(pairs).__name__
        raise UserError(f"{prefix} a list of {entry.length} pairs, one per experience; got {got}")
    for i, pair in enumerate(pairs):
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, ImageTensors) for part in pair)):
            raise UserError(f"{prefix} pairs (train, test) of ImageTensors; the item of experience {i} is not one")
        if pair[0].x.shape[1:] != pairs[0][0].x.shape[1:] or pair[1].x.shape[1:] != pairs[0][0].x.shape[1:]:
            raise UserError(f"{prefix} images of equal size; those of experience {i} differ from those of experience 0")
        if not len(pair[0].y) or not len(pair[1].y):
            raise UserError(f"{prefix} at least one train and one test image per experience; experience {i} lacks one")
        if set(pair[1].classes) - set(pair[0].classes) and entry.scenario != "domain-incremental":
            raise UserError(f"{prefix} test images of training classes only; experience {i} has other classes")
    labels = sorted({label for pair in pairs for part in pair for label in part.classes})
    if labels != list(range(len(labels))):
        raise UserError(f"{prefix} labels from 0 without gaps; got {labels[:20]}")


def _dataset(part: ImageTensors, task: int) -> Any:
    return labelled_dataset(part.x, part.y, torch.full_like(part.y, task))


def _digest(pairs: Pairs) -> str:
    whole = hashlib.sha256()
    for pair in pairs:
        for part in pair:
            whole.update(part.x.contiguous().numpy().tobytes())
    return whole.hexdigest()[:16]
