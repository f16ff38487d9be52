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
from lifelong_lb.data.arrays import Arrays, Checked, Source, alike
from lifelong_lb.data.pictures import (
    DECODING,
    PictureStack,
    Size,
    Sizes,
    picture_size,
    without_warnings,
)
from lifelong_lb.data.progress import report
from lifelong_lb.untrusted import open_regular, parse_json, path_text, quoted, shortened

T = TypeVar("T")
SHARD = re.compile(r"-(\d+)-of-(\d+)\.parquet$")
PREFIXES = {"train": ("train",), "test": ("test", "valid", "validation", "val")}
"""What the files of each part may begin with; the first that is there counts."""
MOST_IMAGES = 20_000_000
"""Most images of a part: a damaged or hostile footer can promise any number."""
AT_A_TIME = 256
"""Images read at a time."""
QUICK_IMAGES = 5_000
"""Images that are decoded to check them; of more, only the headers are read."""


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
        return f"parquet files in {path_text(self.folder)}"

    def settings(self) -> dict[str, str]:
        """What shapes the images beside the content of the files.

        Returns:
            A mapping of texts.
        """
        return {**super().settings(), "decoding": str(DECODING)}

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
        train, _ = self.part_labels()
        return [int(label) for label in np.unique(train)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the labels' columns alone.

        Returns:
            Labels of the train part and of the test part.

        Raises:
            UserError: naming the file that is missing, damaged or lacks a column.
        """
        train, test = (np.concatenate([self._labels(path) for path in self._files(part)]) for part in PREFIXES)
        for part, labels in (("train", train), ("test", test)):
            if len(labels) == 0:
                raise UserError(f"{self.folder}: its {part} part holds no images")
        return train, test

    def check(self) -> Checked:
        """Read the labels and the headers of all images, and decode these where they are few.

        Returns:
            Labels of all images.

        Raises:
            UserError: naming the file that is missing or damaged, or whose images are not of the size expected.
        """
        train, test = self.part_labels()
        number, _ = len(train) + len(test), self._common_size
        if number <= QUICK_IMAGES:
            return super().check()
        return Checked(train, test, f"only the headers of its {number:,} images were read; run decodes them")

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all images, some of them at a time.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, or whose images are not of the size expected.
        """
        labels = self.part_labels()
        try:
            with without_warnings():
                size = self.size or picture_size(*next(self._images("train", "")))
                train, test = (self._part(part, own, size) for part, own in zip(PREFIXES, labels, strict=True))
        except UserError:
            _ = self._common_size  # whose message is about all images, as check has it
            raise
        return alike(train, test)

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

    @cached_property
    def _common_size(self) -> Size:
        """Height and width of all images, from their headers, read once."""
        sizes = Sizes()
        with without_warnings():
            for part in PREFIXES:
                for content, name in self._images(part, f"reading the headers of {self.description}"):
                    sizes.add(picture_size(content, name), name)
        return sizes.only(self.size) if self.fit is None else (self.fit, self.fit)

    def _part(self, part: str, labels: NDArray[np.int64], size: Size) -> Arrays:
        stack = PictureStack(len(labels), size, self.channels, self.fit)
        for content, name in self._images(part, f"decoding {self.description}"):
            stack.add(content, name)
        with ExitStack() as stacked:
            opened = [(path, _opened(path, stacked)) for path in self._files(part)]
            names = (_class_names(file, self._columns(path, file)[1]) for path, file in opened)
            return Arrays(stack.images(), labels, next(filter(None, names), ()))

    def _images(self, part: str, what: str) -> Iterator[tuple[bytes, str]]:
        """Encoded images of a part, and what to call each."""
        number = 0
        with ExitStack() as stacked:
            opened = [(path, _opened(path, stacked)) for path in self._files(part)]
            total = sum(file.metadata.num_rows for _, file in opened)
            for path, file in opened:
                image, _ = self._columns(path, file)
                for batch in _batches(path, file, image):
                    for picture in batch:
                        report(what, number, total)
                        yield picture or b"", f"{path_text(path)}: image {number}"
                        number += 1
            report(what, number, total)

    def _labels(self, path: Path) -> NDArray[np.int64]:
        import pyarrow as pa
        import pyarrow.compute as pc

        with ExitStack() as stacked:
            file = _opened(path, stacked)
            _, label = self._columns(path, file)
            if not 0 <= file.metadata.num_rows <= MOST_IMAGES:
                raise UserError(f"{path}: has {file.metadata.num_rows:,} rows; at most {MOST_IMAGES:,} are read")
            column = _guarded(path, lambda: file.read(columns=[label])[label])
            if len(column) != file.metadata.num_rows:
                raise UserError(f"{path}: has {len(column):,} labels; its footer promises {file.metadata.num_rows:,}")
            if column.null_count:
                row = _guarded(path, lambda: pc.index(column.is_null(), True).as_py())
                raise UserError(f"{path}: image {row} has the label None; labels are whole numbers")
            if not pa.types.is_integer(column.type):
                first = quoted(column[0].as_py()) if len(column) else str(column.type)
                raise UserError(f"{path}: image 0 has the label {first}; labels are whole numbers")
            found: NDArray[np.int64] = _guarded(path, lambda: column.cast(pa.int64()).to_numpy())
            return found

    def _columns(self, path: Path, file: Any) -> tuple[str, str]:
        names = file.schema_arrow.names
        image, label = _first(path, names, self.image_columns), _first(path, names, self.label_columns)
        if _bytes_of(file.schema_arrow.field(image).type) is None:
            kind = shortened(str(file.schema_arrow.field(image).type))
            raise UserError(f"{path}: the column {image} must hold encoded images; it is of the type {kind}")
        return image, label


def _bytes_of(kind: Any) -> str | None:
    """Where the encoded image lies in a cell: a field's name, empty for the cell itself; None for nowhere."""
    import pyarrow as pa

    def binary(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return "bytes" if index >= 0 and binary(kind.field(index).type) else None
    return "" if binary(kind) else None


def _batches(path: Path, file: Any, image: str) -> Iterator[list[bytes | None]]:
    """Cells of a column of images, some at a time."""
    field = _bytes_of(file.schema_arrow.field(image).type)
    column = f"{image}.{field}" if field else image
    batches = _guarded(path, lambda: file.iter_batches(batch_size=AT_A_TIME, columns=[column]))
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
    """Read from a file; any fault of its content becomes a UserError that names it."""
    import pyarrow

    try:
        return read()
    except (pyarrow.ArrowException, OSError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = shortened(" ".join(str(error).split()), 300)
        raise UserError(f"{path_text(path)}: not a whole Parquet file ({reason})") from None
    except MemoryError:
        raise UserError(f"{path_text(path)}: its content takes more than the memory there is") from None


def _first(path: Path, names: Sequence[str], wanted: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    there = shortened(", ".join(names[:40]), 300)
    raise UserError(f"{path}: needs a column named {' or '.join(wanted)}; its columns are {there}")


def _class_names(file: Any, label: str) -> tuple[str, ...]:
    """Names of the classes from the hub's schema metadata; none when it is not there or not understood."""
    try:
        info = parse_json(file.schema_arrow.metadata[b"huggingface"].decode())
        names = info["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()
