"""Base class of image sources. Does not import torch, so that data can be found and checked without it."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError

DIGIT_NAMES = tuple(map(str, range(10)))
"""Class names of the data sets of digits."""


@dataclass(frozen=True)
class Arrays:
    """Images and labels read from a source.

    Attributes:
        x: uint8 ``(N, C, H, W)``; vectors of features as float32 ``(N, 1, 1, F)``.
        y: int64 ``(N,)``, the data set's own labels.
        class_names: indexed by label; empty if unknown.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    class_names: tuple[str, ...] = ()


def digest(train: Arrays, test: Arrays) -> str:
    """Hash all images and labels, independent of the file format.

    Args:
        train: the train part.
        test: the test part.

    Returns:
        Sixteen hexadecimal digits.
    """
    whole = hashlib.sha256()
    for part in (train, test):
        whole.update(str(tuple(part.x.shape)).encode())
        whole.update(np.ascontiguousarray(part.x).data)
        whole.update(np.ascontiguousarray(part.y).data)
    return whole.hexdigest()[:16]


def channel_statistics(x: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute the exact mean and standard deviation of each channel from counts of the 256 values.

    Args:
        x: uint8 ``(N, C, H, W)``, at least one image.

    Returns:
        ``(C,)`` and ``(C,)``, in units of 0..1, rounded to six places.

    Raises:
        UserError: if all pixels of a channel are equal.

    Example:
        >>> channel_statistics(np.array([0, 255, 255, 0], np.uint8).reshape(2, 1, 1, 2))
        ((0.5,), (0.5,))
    """
    values = np.arange(256) / 255
    means, stds = [], []
    for channel in range(x.shape[1]):
        counts = np.zeros(256)
        # in chunks, because bincount needs eight bytes per pixel
        for start in range(0, len(x), 1000):
            counts += np.bincount(x[start : start + 1000, channel].ravel(), minlength=256)
        share = counts / counts.sum()
        mean = float(share @ values)
        std = float(share @ (values - mean) ** 2) ** 0.5
        if std < 1e-6:
            raise UserError(f"all pixels of channel {channel} of the training images have the value {mean * 255:.0f}")
        means.append(round(mean, 6))
        stds.append(round(std, 6))
    return tuple(means), tuple(stds)


def match_channels(train: Arrays, test: Arrays) -> tuple[Arrays, Arrays]:
    """Convert grey images of one part to RGB if the other part is RGB.

    Args:
        train: the train part.
        test: the test part.

    Returns:
        Both parts, with the same number of channels.
    """
    channels = max(train.x.shape[1], test.x.shape[1])
    first, second = (
        part if part.x.shape[1] == channels else Arrays(part.x.repeat(channels, axis=1), part.y, part.class_names)
        for part in (train, test)
    )
    return first, second


@contextmanager
def require_memory(size: int, what: str) -> Iterator[None]:
    """Refuse allocations larger than the physical memory, before the process is killed for them.

    Args:
        size: number of bytes needed.
        what: plural noun phrase for the message.

    Yields:
        Nothing.

    Raises:
        UserError: if the memory is too small, or the block raises a ``MemoryError``.
        MemoryError: never; converted to a UserError.
    """
    memory = size
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        if size > memory:
            raise MemoryError
        yield
    except MemoryError:
        raise UserError(f"{what} need {size / 2**30:.1f} GiB, more than the available memory") from None


@dataclass(frozen=True)
class Checked:
    """Result of :meth:`Source.check`.

    Attributes:
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.
        note: what was not checked; empty if everything was.
        shape: ``(C, H, W)`` of the images; None if the channels are unknown, e.g. because no picture was decoded.
        size: ``(H, W)`` of the images; by default from ``shape``, None if unknown.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    note: str = ""
    shape: tuple[int, ...] | None = None
    size: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.size is None and self.shape is not None:
            object.__setattr__(self, "size", tuple(self.shape[1:]))


class Source(ABC):
    """A data set on disk or in the package that can be checked and read.

    Attributes:
        description: kind and path, for messages.
        mean: mean of each channel over the train part, in units of 0..1; None to compute it from the images.
        std: standard deviation of each channel, in the same units; None to compute it from the images.
    """

    description: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def settings(self) -> dict[str, str]:
        """Return the settings that affect the decoded images, apart from the files' content.

        Returns:
            A mapping of strings, without the folder.
        """
        named = [f.name for f in fields(self)]  # type: ignore[arg-type]  # every source with files is a dataclass
        return {name: str(getattr(self, name)) for name in named if name != "folder"}

    def file_names(self) -> list[str]:
        """Names of :meth:`files` that do not change when the data set is moved.

        Returns:
            One name per file, in the same order.
        """
        return [path.name for path in self.files()]

    def files(self) -> list[Path]:
        """List the files that the images are read from.

        Returns:
            Paths in a fixed order; empty for embedded data.

        Raises:
            UserError: if a file is missing.
        """
        return []

    @abstractmethod
    def labels(self) -> list[int]:
        """Check that the source can be read, without decoding images, and find its classes.

        Returns:
            The labels that occur in the train part, ascending.

        Raises:
            UserError: if a file is damaged or has another layout.
        """

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the labels of all images, in the order of :meth:`read`, without decoding any picture.

        Returns:
            ``(N,)`` of the train part and ``(M,)`` of the test part.

        Raises:
            UserError: if a file is damaged or has another layout.
        """
        train, test = self.read()
        return train.y, test.y

    def names_of_classes(self) -> tuple[str, ...]:
        """Names of the classes, indexed by label, without decoding any picture.

        Returns:
            The names; empty if unknown.

        Raises:
            UserError: if a file is damaged or has another layout.
        """
        return self.read()[0].class_names

    def check(self) -> Checked:
        """Check for the errors of :meth:`read`; pictures are decoded only if that is quick.

        Returns:
            Labels of all images.

        Raises:
            UserError: if a file is damaged or has another layout.
        """
        train, test = self.read()
        self.statistics(train)
        return Checked(train.y, test.y, shape=train.x.shape[1:])

    def statistics(self, train: Arrays) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and standard deviation of each channel.

        Args:
            train: the train part.

        Returns:
            Those of the source if given, otherwise computed with :func:`channel_statistics`.

        Raises:
            UserError: if all pixels of a channel are equal.
        """
        if self.mean is not None and self.std is not None:
            return self.mean, self.std
        return channel_statistics(train.x)

    def notes(self) -> list[str]:
        """Notes about the files for the user, e.g. which are ignored.

        Returns:
            One sentence per note.
        """
        return []

    @abstractmethod
    def read(self) -> tuple[Arrays, Arrays]:
        """Read and decode all images.

        Returns:
            Train part and test part.

        Raises:
            UserError: if a file is damaged or has another layout.
        """
