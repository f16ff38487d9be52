"""Streams: arrange images into a sequence of Avalanche experiences."""

from collections.abc import Callable
from dataclasses import replace

import lifelong_lb.avalanche_import  # noqa: F401  first: Avalanche creates a folder when it is imported
from lifelong_lb.config import StreamEntry
from lifelong_lb.config.plugins.register import EXTENSIONS
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.data.normalisation import statistics_of
from lifelong_lb.streams.online import training_chunks
from lifelong_lb.streams.permuted import permuted_stream
from lifelong_lb.streams.registered import registered_stream
from lifelong_lb.streams.rotated import rotated_stream
from lifelong_lb.streams.split import split_stream
from lifelong_lb.streams.stream import Stream

STREAMS: dict[str, Callable[[StreamEntry, ImageData, int], Stream]] = {
    "split-digits": split_stream,
    "split-mnist": split_stream,
    "split-fashion-mnist": split_stream,
    "split-cifar10": split_stream,
    "split-cifar100": split_stream,
    "split-tiny-imagenet": split_stream,
    "split-cub200": split_stream,
    "split-svhn": split_stream,
    "split-kmnist": split_stream,
    "split-emnist": split_stream,
    "split-emnist-byclass": split_stream,
    "split-emnist-bymerge": split_stream,
    "split-emnist-letters": split_stream,
    "split-emnist-digits": split_stream,
    "split-emnist-mnist": split_stream,
    "split-stl10": split_stream,
    "split-eurosat": split_stream,
    "five-datasets": split_stream,
    "permuted-digits": permuted_stream,
    "permuted-mnist": permuted_stream,
    "rotated-digits": rotated_stream,
    "rotated-mnist": rotated_stream,
    "generated": split_stream,
    "split": split_stream,
    "permuted": permuted_stream,
    "rotated": rotated_stream,
    "sources": split_stream,
    "folders": split_stream,
    "vectors": split_stream,
    "core50": split_stream,
    "clear10": split_stream,
    "omniglot": split_stream,
}
"""Functions that build a stream from entry, images and seed, by their name in a study file."""


def build_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a built-in or registered stream, cut to its first ``entry.learnt`` experiences.

    Args:
        entry: the stream's entry in the study file.
        images: images of its data set.
        seed: the study's seed.

    Returns:
        The stream.

    Raises:
        UserError: if the images cannot be arranged as the entry requires.
    """
    mean, std = statistics_of(entry, (images.mean, images.std))
    images = replace(images, mean=mean, std=std)
    added = EXTENSIONS.get(("stream", entry.name))
    whole = STREAMS[entry.name](entry, images, seed) if added is None else registered_stream(added, entry, images, seed)
    return replace(whole, train=whole.train[: entry.learnt], test=whole.test[: entry.learnt])


__all__ = ["STREAMS", "Stream", "build_stream", "permuted_stream", "rotated_stream", "split_stream", "training_chunks"]
