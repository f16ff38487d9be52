"""Images in Parquet files, in the column layout of the Hugging Face hub."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Checked, Source, match_channels
from lifelong_lb.data.layouts.pictures import (
    DECODING,
    PictureStack,
    Size,
    Sizes,
    picture_size,
    without_warnings,
)
from lifelong_lb.data.progress import report
from lifelong_lb.untrusted import open_regular, parse_json, path_text, quoted, reason_text

T = TypeVar("T")
SHARD = re.compile(r"-(\d+)-of-(\d+)\.parquet$")
PREFIXES = {"train": ("train",), "test": ("test", "valid", "validation", "val")}
"""Accepted prefixes of the files of each part; the first one present is used."""
MAX_IMAGES = 20_000_000
"""Maximum number of images per part, because a damaged or hostile footer can declare any number."""
BATCH_SIZE = 256
"""Images per batch when reading."""
QUICK_IMAGES = 5_000
"""Up to this many images are decoded when checked; for more, only the headers are read."""


@dataclass(frozen=True)
class ParquetSource(Source):
    """A folder with ``train-*.parquet`` and ``test-*.parquet`` (or ``valid-*``, ``validation-*``, ``val-*``).

    Each file has a column of images (encoded, or a struct with encoded ``bytes``) and one of integer labels.

    Attributes:
        folder: folder of the files.
        image_columns: accepted names of the column of images; the first one present is used.
        label_columns: accepted names of the column of labels, in the same way.
        size: height and width of every image; None for those of the first.
        mean: see :class:`~lifelong_lb.data.arrays.Source`.
        std: see :class:`~lifelong_lb.data.arrays.Source`.
        channels: 1 to read images as grey, 3 as RGB; None for grey if all are grey.
        fit: see :class:`~lifelong_lb.data.layouts.pictures.PictureStack`.
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
        """Format and folder."""
        return f"parquet files in {path_text(self.folder)}"

    def settings(self) -> dict[str, str]:
        """Return the settings that affect the decoded images.

        Returns:
            A mapping of strings.
        """
        return {**super().settings(), "decoding": str(DECODING)}

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has a train file.
        """
        return any(folder.glob("train-*.parquet"))

    def files(self) -> list[Path]:
        """List all Parquet files.

        Returns:
            Files of the train part, then of the test part.

        Raises:
            UserError: if a part is missing or incomplete.
        """
        return [*self._files("train"), *self._files("test")]

    def labels(self) -> list[int]:
        """Check footers and columns, and read the labels.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: if a file is missing or damaged, or lacks a column.
        """
        train, _ = self.part_labels()
        return [int(label) for label in np.unique(train)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read only the columns of labels.

        Returns:
            Labels of the train part and of the test part.

        Raises:
            UserError: if a file is missing or damaged, or lacks a column.
        """
        train, test = (np.concatenate([self._labels(path) for path in self._files(part)]) for part in PREFIXES)
        for part, labels in (("train", train), ("test", test)):
            if len(labels) == 0:
                raise UserError(f"{self.folder}: the {part} part has no images")
        return train, test

    def check(self) -> Checked:
        """Read all labels and headers, and decode up to :data:`QUICK_IMAGES` images.

        Returns:
            Labels of all images.

        Raises:
            UserError: if a file is missing or damaged, or an image has another size.
        """
        train, test = self.part_labels()
        number, size = len(train) + len(test), self._common_size
        if number <= QUICK_IMAGES:
            return super().check()
        note = f"only the headers of its {number:,} images were read; run decodes them"
        return Checked(train, test, note, size=size)

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all images in batches.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: if a file is missing or damaged, or an image has another size.
        """
        labels = self.part_labels()
        try:
            with without_warnings():
                size = self.size or picture_size(*next(self._images("train", "")))
                train, test = (self._part(part, y, size) for part, y in zip(PREFIXES, labels, strict=True))
        except UserError:
            _ = self._common_size  # raises the message of check, which covers all images
            raise
        return match_channels(train, test)

    def _files(self, part: str) -> list[Path]:
        by_prefix = (sorted(self.folder.glob(f"{prefix}-*.parquet")) for prefix in PREFIXES[part])
        files = next(filter(None, by_prefix), [])
        if not files:
            raise UserError(f"{self.folder}: no {part}-*.parquet")
        for path in files:
            shard = SHARD.search(path.name)
            if shard and int(shard[2]) != len(files):
                raise UserError(f"{path}: one of {int(shard[2])} files, but the folder has {len(files)}")
        return files

    @cached_property
    def _common_size(self) -> Size:
        """Height and width of all images, from their headers."""
        sizes = Sizes()
        with without_warnings():
            for part in PREFIXES:
                for content, name in self._images(part, f"reading the headers of {self.description}"):
                    sizes.add(picture_size(content, name), name)
        return sizes.only(self.size) if self.fit is None else (self.fit, self.fit)

    def _part(self, part: str, labels: NDArray[np.int64], size: Size) -> Arrays:
        pictures = PictureStack(len(labels), size, self.channels, self.fit)
        for content, name in self._images(part, f"decoding {self.description}"):
            pictures.add(content, name)
        return Arrays(pictures.images(), labels, self._names(part))

    def names_of_classes(self) -> tuple[str, ...]:
        """Read the names of the classes from the metadata.

        Returns:
            The names; empty if the files have none.
        """
        return self._names("train")

    def _names(self, part: str) -> tuple[str, ...]:
        with ExitStack() as stack:
            opened = [(path, _opened(path, stack)) for path in self._files(part)]
            names = (_class_names(file, self._columns(path, file)[1]) for path, file in opened)
            return next(filter(None, names), ())

    def _images(self, part: str, activity: str) -> Iterator[tuple[bytes, str]]:
        """Encoded images of a part, and their names for messages."""
        number = 0
        with ExitStack() as stack:
            opened = [(path, _opened(path, stack)) for path in self._files(part)]
            total = sum(file.metadata.num_rows for _, file in opened)
            for path, file in opened:
                image, _ = self._columns(path, file)
                for batch in _batches(path, file, image):
                    for picture in batch:
                        report(activity, number, total)
                        yield picture or b"", f"{path_text(path)}: image {number}"
                        number += 1
            report(activity, number, total)

    def _labels(self, path: Path) -> NDArray[np.int64]:
        import pyarrow as pa
        import pyarrow.compute as pc

        with ExitStack() as stack:
            file = _opened(path, stack)
            _, label = self._columns(path, file)
            if not 0 <= file.metadata.num_rows <= MAX_IMAGES:
                raise UserError(f"{path}: {file.metadata.num_rows:,} rows; at most {MAX_IMAGES:,} are allowed")
            column = _guarded(path, lambda: file.read(columns=[label])[label])
            if len(column) != file.metadata.num_rows:
                raise UserError(f"{path}: has {len(column):,} labels; its footer declares {file.metadata.num_rows:,}")
            if column.null_count:
                row = _guarded(path, lambda: pc.index(column.is_null(), True).as_py())
                raise UserError(f"{path}: image {row} has the label None; labels must be integers")
            if not pa.types.is_integer(column.type):
                first = quoted(column[0].as_py()) if len(column) else str(column.type)
                raise UserError(f"{path}: image 0 has the label {first}; labels must be integers")
            labels: NDArray[np.int64] = _guarded(path, lambda: column.cast(pa.int64()).to_numpy())
            return labels

    def _columns(self, path: Path, file: Any) -> tuple[str, str]:
        names = file.schema_arrow.names
        image, label = _first(path, names, self.image_columns), _first(path, names, self.label_columns)
        if _bytes_of(file.schema_arrow.field(image).type) is None:
            kind = reason_text(file.schema_arrow.field(image).type, 80)
            raise UserError(f"{path}: column {image} must contain encoded images; got the type {kind}")
        return image, label


def _bytes_of(kind: Any) -> str | None:
    """Name of a cell's field with the encoded image, empty for the cell itself; None if the type is unsupported."""
    import pyarrow as pa

    def binary(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return "bytes" if index >= 0 and binary(kind.field(index).type) else None
    return "" if binary(kind) else None


def _batches(path: Path, file: Any, image: str) -> Iterator[list[bytes | None]]:
    """Cells of a column of images, in batches."""
    field = _bytes_of(file.schema_arrow.field(image).type)
    column = f"{image}.{field}" if field else image
    batches = _guarded(path, lambda: file.iter_batches(batch_size=BATCH_SIZE, columns=[column]))
    while True:
        batch = _guarded(path, lambda: next(batches, None))
        if batch is None:
            return
        cells = batch.column(0).field("bytes") if field else batch.column(0)
        yield _guarded(path, cells.to_pylist)


def _opened(path: Path, stack: ExitStack) -> Any:
    import pyarrow.parquet

    try:
        content = stack.enter_context(open_regular(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{path_text(path)}: cannot be read ({error})") from None
    return _guarded(path, lambda: pyarrow.parquet.ParquetFile(content))


def _guarded(path: Path, read: Callable[[], T]) -> T:
    """Call ``read``, converting exceptions for a damaged file to a UserError."""
    import pyarrow

    try:
        return read()
    except (pyarrow.ArrowException, OSError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = reason_text(error)
        raise UserError(f"{path_text(path)}: not a valid Parquet file ({reason})") from None
    except MemoryError:
        raise UserError(f"{path_text(path)}: its content needs more than the available memory") from None


def _first(path: Path, names: Sequence[str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    columns = reason_text(", ".join(names[:40]))
    raise UserError(f"{path}: no column {' or '.join(wanted)}; its columns are {columns}")


def _class_names(file: Any, label: str) -> tuple[str, ...]:
    """Names of the classes from the hub's schema metadata; empty if missing or invalid."""
    try:
        info = parse_json(file.schema_arrow.metadata[b"huggingface"].decode())
        names = info["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()
