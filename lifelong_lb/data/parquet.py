"""Images in Parquet files, in the column layout of the Hugging Face hub."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, alike
from lifelong_lb.data.pictures import PictureStack
from lifelong_lb.untrusted import quoted

SHARD = re.compile(r"-(\d+)-of-(\d+)\.parquet$")
PREFIXES = {"train": ("train",), "test": ("test", "valid", "validation", "val")}
"""What the files of each part may begin with; the first that is there counts."""


@dataclass(frozen=True)
class ParquetSource(Source):
    """A folder with ``train-*.parquet`` and ``test-*.parquet`` (or ``valid-*``, ``validation-*``, ``val-*``).

    Each file has a column of images (encoded, or a struct with encoded ``bytes``) and one of integer labels.

    Attributes:
        folder: where the files lie.
        image_columns: names the images' column may have.
        label_columns: names the labels' column may have, the first found counts.
        size: height and width every image must have; None for those of the first.
        mean: see :class:`~lifelong_lb.data.arrays.Source`.
        std: likewise.
        channels: 1 to read images as grey, 3 as RGB; None for grey when all are grey.
        fit: see :class:`~lifelong_lb.data.pictures.PictureStack`.
    """

    folder: Path
    image_columns: tuple[str, ...]
    label_columns: tuple[str, ...]
    size: tuple[int, int] | None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: int | None = None
    fit: int | None = None

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The folder."""
        return f"parquet files in {self.folder}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True when it has a train file.
        """
        return any(folder.glob("train-*.parquet"))

    def files(self) -> list[Path]:
        """All Parquet files.

        Returns:
            Those of the train part, then those of the test part.

        Raises:
            UserError: naming the part that is missing or incomplete.
        """
        return [*self._files("train"), *self._files("test")]

    def labels(self) -> list[int]:
        """Check the files' footers and columns and read the labels.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: naming the file that is missing, damaged or lacks a column.
        """
        found: list[NDArray[np.int64]] = []
        for part in ("train", "test"):
            for path in self._files(part):
                with _opened(path) as file:
                    self._columns(path, file)
                    if part == "train":
                        found.append(self._labels_of(path, file))
        labels = [int(label) for label in np.unique(np.concatenate(found))]
        if not labels:
            raise UserError(f"{self.folder}: its train part holds no images")
        return labels

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the labels' columns alone.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = ([self._labels_in(path) for path in self._files(part)] for part in ("train", "test"))
        return np.concatenate(train), np.concatenate(test)

    def _labels_in(self, path: Path) -> NDArray[np.int64]:
        with _opened(path) as file:
            return self._labels_of(path, file).astype(np.int64)

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all images, one row group after the other.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, or whose images are not of the size expected.
        """
        train = self._part("train", self.size)
        return alike(train, self._part("test", (train.x.shape[2], train.x.shape[3])))

    def _files(self, part: str) -> list[Path]:
        found = (sorted(self.folder.glob(f"{prefix}-*.parquet")) for prefix in PREFIXES[part])
        files = next(filter(None, found), [])
        if not files:
            raise UserError(f"{self.folder}: has no {part}-*.parquet")
        for path in files:
            shard = SHARD.search(path.name)
            if shard and int(shard[2]) != len(files):
                raise UserError(f"{path}: one of {int(shard[2])} files, but {len(files)} of them are there")
        return files

    def _part(self, part: str, size: tuple[int, int] | None) -> Arrays:
        files = self._files(part)
        opened = [_opened(path) for path in files]
        total = sum(file.metadata.num_rows for file in opened)
        if total == 0:
            raise UserError(f"{self.folder}: its {part} part holds no images")
        stack = PictureStack(total, size, self.channels, self.fit)
        y: list[int] = []
        names: tuple[str, ...] = ()
        for path, file in zip(files, opened, strict=True):
            image, label = self._columns(path, file)
            names = names or _class_names(file, label)
            for group in range(file.num_row_groups):
                table = _guarded(path, lambda f=file, g=group, c=(image, label): f.read_row_group(g, columns=list(c)))
                for picture, number in zip(table[image].to_pylist(), table[label].to_pylist(), strict=True):
                    stack.add(io.BytesIO(_bytes(picture)), f"{path}: image {len(y)}")
                    y.append(self._label(path, len(y), number))
            file.close()
        return Arrays(stack.images(), np.array(y, dtype=np.int64), names)

    @staticmethod
    def _label(path: Path, row: int, number: Any) -> int:
        if not isinstance(number, int):
            raise UserError(f"{path}: image {row} has the label {quoted(number)}; labels are whole numbers")
        return number

    def _labels_of(self, path: Path, file: Any) -> NDArray[np.int64]:
        _, label = self._columns(path, file)
        column = _guarded(path, lambda: file.read(columns=[label]))[label]
        return np.array([self._label(path, row, number) for row, number in enumerate(column.to_pylist())])

    def _columns(self, path: Path, file: Any) -> tuple[str, str]:
        names = file.schema_arrow.names
        return _first(path, names, self.image_columns), _first(path, names, self.label_columns)


def _bytes(picture: Any) -> bytes:
    """An encoded picture out of its cell; empty, which cannot be decoded, where there is none."""
    content = picture.get("bytes") if isinstance(picture, dict) else picture
    return content if isinstance(content, bytes) else b""


def _opened(path: Path) -> Any:
    import pyarrow.parquet

    return _guarded(path, lambda: pyarrow.parquet.ParquetFile(path))


def _guarded(path: Path, read: Any) -> Any:
    """Read from a file, any fault of its content told as the user's to mend."""
    import pyarrow

    try:
        return read()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: not a whole Parquet file ({' '.join(str(error).split())})") from None


def _first(path: Path, names: Sequence[str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    raise UserError(f"{path}: needs a column named {' or '.join(wanted)}; its columns are {', '.join(names)}")


def _class_names(file: Any, label: str) -> tuple[str, ...]:
    """Names of the classes from the hub's schema metadata; none when it is not there or not understood."""
    try:
        info = json.loads(file.schema_arrow.metadata[b"huggingface"])
        return tuple(info["info"]["features"][label]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
