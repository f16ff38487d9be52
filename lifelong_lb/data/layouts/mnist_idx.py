"""MNIST and similar data sets in their authors' format: four IDX files, plain or compressed."""

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import DIGIT_NAMES, Arrays, Source, require_memory
from lifelong_lb.untrusted import open_regular

SIZE = (28, 28)


@dataclass(frozen=True)
class MnistIdxSource(Source):
    """Four IDX files, read without torchvision, which does not support compressed ones.

    Attributes:
        folder: folder of the files.
        mean: see :class:`~lifelong_lb.data.arrays.Source`.
        std: see :class:`~lifelong_lb.data.arrays.Source`.
        class_names: indexed by label; larger labels are refused.
    """

    folder: Path
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] = DIGIT_NAMES

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """Format and folder."""
        return f"IDX files in {self.folder}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has the file of the training images.
        """
        return any((folder / f"train-images-idx3-ubyte{suffix}").is_file() for suffix in ("", ".gz"))

    def files(self) -> list[Path]:
        """List the four files.

        Returns:
            Paths.

        Raises:
            UserError: if a file is missing.
        """
        kinds = ("images-idx3", "labels-idx1")
        return [self._file(f"{part}-{kind}-ubyte") for part in ("train", "t10k") for kind in kinds]

    def labels(self) -> list[int]:
        """Read the files, which are small, and find the labels.

        Returns:
            The labels, ascending.

        Raises:
            UserError: if a file is missing or damaged.
        """
        train, _ = self.read()
        return [int(label) for label in np.unique(train.y)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read only the files of labels.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = (read_idx(self._file(f"{part}-labels-idx1-ubyte"), 1) for part in ("train", "t10k"))
        return train.astype(np.int64), test.astype(np.int64)

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 1, 28, 28)``.

        Raises:
            UserError: if a file is missing or damaged.
        """
        return self._part("train"), self._part("t10k")

    def _part(self, part: str) -> Arrays:
        images, labels = self._file(f"{part}-images-idx3-ubyte"), self._file(f"{part}-labels-idx1-ubyte")
        x, y = read_idx(images, 3), read_idx(labels, 1)
        if x.shape[1:] != SIZE:
            raise UserError(f"{images}: images must have 28 x 28 pixels; got {x.shape[1]} x {x.shape[2]}")
        if len(x) != len(y) or len(x) == 0:
            raise UserError(f"{labels}: {len(y)} labels, but {len(x)} images in {images.name}")
        if y.max() > self._largest:
            raise UserError(f"{labels}: labels must be 0 to {self._largest}; got {y.max()}")
        return Arrays(x[:, None], y.astype(np.int64), self.class_names)

    @property
    def _largest(self) -> int:
        """Largest label in the files."""
        return len(self.class_names) - 1

    def _file(self, name: str) -> Path:
        plain, packed = self.folder / name, self.folder / f"{name}.gz"
        if not plain.is_file() and not packed.is_file():
            raise UserError(f"{plain}: missing, and so is {packed.name}")
        return plain if plain.is_file() else packed


@dataclass(frozen=True)
class EmnistIdxSource(MnistIdxSource):
    """EMNIST's IDX files of one split, e.g. ``emnist-balanced-train-images-idx3-ubyte``.

    The files hold transposed images, which torchvision leaves as they are; here they are upright.

    Attributes:
        split: ``byclass``, ``bymerge``, ``balanced``, ``letters``, ``digits`` or ``mnist``; letters have the labels
            1 to 26 in the files and 0 to 25 here, the labels of the others begin at 0.
    """

    split: str = "balanced"

    @staticmethod
    def matches(folder: Path, split: str = "balanced") -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.
            split: the split.

        Returns:
            True if it has the file of the training images.
        """
        return any((folder / f"emnist-{split}-train-images-idx3-ubyte{suffix}").is_file() for suffix in ("", ".gz"))

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read only the files of labels.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = super().part_labels()
        return train - self._first, test - self._first

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 1, 28, 28)``.

        Raises:
            UserError: if a file is missing or damaged.
        """
        train, test = (
            Arrays(np.ascontiguousarray(part.x.transpose(0, 1, 3, 2)), part.y - self._first, self.class_names)
            for part in super().read()
        )
        if min(train.y.min(), test.y.min()) < 0:
            raise UserError(f"{self.folder}: labels of EMNIST letters must be 1 to 26; got 0")
        return train, test

    @property
    def _first(self) -> int:
        return 1 if self.split == "letters" else 0

    @property
    def _largest(self) -> int:
        return super()._largest + self._first

    def _file(self, name: str) -> Path:
        return super()._file(f"emnist-{self.split}-{name.replace('t10k', 'test')}")


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: a magic number, the sizes as big-endian 32-bit numbers, then the bytes.

    Args:
        path: the file; compressed if its name ends with ``.gz``.
        dimensions: number of dimensions it must have.

    Returns:
        An array of that many dimensions.

    Raises:
        UserError: if it cannot be unpacked, has another format, or is too short or too long.
    """
    try:
        with open_regular(path) as file:
            size = path.stat().st_size
            if path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    return _idx(path, unpacked, dimensions, MAX_COMPRESSION * size)
            return _idx(path, file, dimensions, size)
    except UserError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({error})") from None


MAX_COMPRESSION = 1100
"""Maximum ratio of uncompressed to compressed size that gzip can reach."""


def _idx(path: Path, file: io.BufferedIOBase, dimensions: int, max_bytes: int) -> NDArray[np.uint8]:
    """Read the array from an open file after checking the file's size against its header."""
    header = 4 + 4 * dimensions
    start = file.read(header)
    if len(start) < header or start[:4] != bytes((0, 0, 8, dimensions)):
        raise UserError(f"{path}: not an IDX file of bytes in {dimensions} dimension{'s' * (dimensions > 1)}")
    shape = tuple(int(size) for size in np.frombuffer(start, ">u4", dimensions, offset=4))
    number = math.prod(shape)
    if header + number > max_bytes:
        raise UserError(f"{path}: has {path.stat().st_size} bytes; its header declares {header + number}")
    with require_memory(number, f"the images in {path}"):
        content = file.read(number + 1)
    if len(content) != number:
        content += file.read(2**20)
        raise UserError(f"{path}: has {header + len(content)} bytes; its header declares {header + number}")
    return np.frombuffer(content, np.uint8).reshape(shape).copy()
