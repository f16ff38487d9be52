"""Streams: from images to a sequence of Avalanche experiences."""

from collections.abc import Callable

from lifelong_lb.config import SplitStream
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.streams.split import split_stream
from lifelong_lb.streams.stream import Stream

STREAMS: dict[str, Callable[[SplitStream, ImageData, int], Stream]] = {
    "split-digits": split_stream,
    "split-cifar100": split_stream,
}
"""Names that a study file knows, and the functions that build them from entry, images and seed."""

__all__ = ["STREAMS", "Stream", "split_stream"]
