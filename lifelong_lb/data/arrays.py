"""What a source of images is. No torch here, so that data can be looked for and checked without it."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError


@dataclass(frozen=True)
class Arrays:
    """Images as a source gives them.

    Attributes:
        x: uint8 ``(N, C, H, W)``.
        y: int64 ``(N,)``, the data set's own labels.
        class_names: by label; empty when unknown.
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    class_names: tuple[str, ...] = ()


def digest(train: Arrays, test: Arrays) -> str:
    """Hash of all images and labels: equal for equal data, whatever files held it.

    Args:
        train: one part.
        test: the other.

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
    """Mean and standard deviation of each channel, exactly: from counts of the 256 values.

    Args:
        x: uint8 ``(N, C, H, W)``, at least one image.

    Returns:
        ``(C,)`` and ``(C,)``, in units of 0..1, rounded to six places.

    Raises:
        UserError: when all pixels of a channel are equal.

    Example:
        >>> channel_statistics(np.array([0, 255, 255, 0], np.uint8).reshape(2, 1, 1, 2))
        ((0.5,), (0.5,))
    """
    values = np.arange(256) / 255
    means, stds = [], []
    for channel in range(x.shape[1]):
        counts = np.zeros(256)
        for start in range(0, len(x), 1000):  # counting takes eight bytes a pixel
            counts += np.bincount(x[start : start + 1000, channel].ravel(), minlength=256)
        share = counts / counts.sum()
        mean = float(share @ values)
        std = float(share @ (values - mean) ** 2) ** 0.5
        if std < 1e-6:
            raise UserError(
                f"all pixels of the images to learn from have the value {mean * 255:.0f} in channel {channel}"
            )
        means.append(round(mean, 6))
        stds.append(round(std, 6))
    return tuple(means), tuple(stds)


def alike(train: Arrays, test: Arrays) -> tuple[Arrays, Arrays]:
    """Bring two parts to the same number of channels: grey becomes RGB where the other part is RGB.

    Args:
        train: one part.
        test: the other.

    Returns:
        Both, with equally many channels.
    """
    channels = max(train.x.shape[1], test.x.shape[1])
    first, second = (
        part if part.x.shape[1] == channels else Arrays(part.x.repeat(channels, axis=1), part.y, part.class_names)
        for part in (train, test)
    )
    return first, second


@contextmanager
def require_memory(size: int, what: str) -> Iterator[None]:
    """Refuse what cannot lie in this computer's memory, instead of being killed while it is filled.

    Args:
        size: how many bytes it takes.
        what: what takes them, for the message.

    Yields:
        Nothing; a ``MemoryError`` in the block becomes the same message.

    Raises:
        UserError: if the memory is too small.
        MemoryError: never; it becomes that error.
    """
    there = size
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        if size > there:
            raise MemoryError
        yield
    except MemoryError:
        raise UserError(f"{what} take {size / 2**30:.1f} GiB, more than the memory there is") from None


@dataclass(frozen=True)
class Checked:
    """What is known of a source after :meth:`Source.check`.

    Attributes:
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.
        note: what was not checked; empty where nothing is left.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    note: str = ""


class Source(ABC):
    """A place that a data set can be read from.

    Attributes:
        description: what and where it is, for people.
        mean: mean of each channel over the data set's train part, in units of 0..1; None to take it from the images.
        std: its standard deviation, likewise.
    """

    description: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def settings(self) -> dict[str, str]:
        """What shapes the images beside the content of the files.

        Returns:
            A mapping of texts, which names no folder.
        """
        named = [f.name for f in fields(self)]  # type: ignore[arg-type]  # every source with files is a dataclass
        return {name: str(getattr(self, name)) for name in named if name != "folder"}

    def file_names(self) -> list[str]:
        """Names of :meth:`files` that stay the same where the whole data set is moved.

        Returns:
            One name a file, in the same order.
        """
        return [path.name for path in self.files()]

    def files(self) -> list[Path]:
        """Files that the images are read from.

        Returns:
            Paths, in a fixed order; empty where the data are embedded.

        Raises:
            UserError: when a file is missing, naming it.
        """
        return []

    @abstractmethod
    def labels(self) -> list[int]:
        """Check that the source can be read, without decoding images, and find its classes.

        Returns:
            The labels that occur in the train part, ascending.

        Raises:
            UserError: when a file is damaged or of another layout, naming it.
        """

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Labels of all images, in the order of :meth:`read`, without decoding any picture.

        Returns:
            ``(N,)`` of the train part and ``(M,)`` of the test part.

        Raises:
            UserError: when a file is damaged or of another layout, naming it.
        """
        train, test = self.read()
        return train.y, test.y

    def check(self) -> Checked:
        """Find out what :meth:`read` would refuse; pictures are only decoded where that takes little time.

        Returns:
            Labels of all images.

        Raises:
            UserError: when a file is damaged or of another layout, naming it.
        """
        train, test = self.read()
        self.statistics(train)
        return Checked(train.y, test.y)

    def statistics(self, train: Arrays) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel.

        Args:
            train: the train part.

        Returns:
            Those of the source, else those of the images, see :func:`channel_statistics`.

        Raises:
            UserError: when all pixels of a channel are equal.
        """
        if self.mean is not None and self.std is not None:
            return self.mean, self.std
        return channel_statistics(train.x)

    def notes(self) -> list[str]:
        """What a user should know of the files, e.g. which of them are not used.

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
            UserError: when a file is damaged or of another layout, naming it.
        """
