"""STL-10 in the authors' binary format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, require_memory
from lifelong_lb.untrusted import encodable, open_regular, path_text, read_text

SIDE = 96
CLASSES = 10


@dataclass(frozen=True)
class Stl10Source(Source):
    """``train_X.bin``, ``train_y.bin``, ``test_X.bin``, ``test_y.bin``: images are stored column by column.

    Labels are the authors' labels minus one; the unlabelled part is not used.

    Attributes:
        folder: folder of the files.
    """

    folder: Path

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """Format and folder."""
        return f"STL-10's binary files in {path_text(self.folder)}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has the file of the training images.
        """
        return (folder / "train_X.bin").is_file()

    def files(self) -> list[Path]:
        """List the files, including that of the class names if present.

        Returns:
            Paths.
        """
        names = self.folder / "class_names.txt"
        parts = [self.folder / f"{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
        return [*parts, *([names] if names.is_file() else [])]

    def labels(self) -> list[int]:
        """Read the labels of both parts.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: if a file is missing or damaged.
        """
        train, _ = self.part_labels()
        return [int(label) for label in np.unique(train)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read only the labels.

        Returns:
            Labels of the train part and of the test part.
        """
        return self._labels("train"), self._labels("test")

    def names_of_classes(self) -> tuple[str, ...]:
        """Read the names of the classes.

        Returns:
            The names; empty if there is no file of them.

        Raises:
            UserError: if the file cannot be read.
        """
        path = self.folder / "class_names.txt"
        try:
            return tuple(encodable(line) for line in read_text(path).split()) if path.is_file() else ()
        except (OSError, ValueError) as error:
            raise UserError(f"{path_text(path)}: cannot be read ({error})") from None

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, 3, 96, 96)``.

        Raises:
            UserError: if a file is missing or damaged.
        """
        return self._part("train"), self._part("test")

    def _part(self, part: str) -> Arrays:
        y = self._labels(part)
        path = self.folder / f"{part}_X.bin"
        x = self._bytes(path, 3 * SIDE * SIDE * len(y))
        images = x.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2)
        return Arrays(np.ascontiguousarray(images), y, self.names_of_classes())

    def _labels(self, part: str) -> NDArray[np.int64]:
        path = self.folder / f"{part}_y.bin"
        y = self._bytes(path)
        if len(y) == 0 or y.min() < 1 or y.max() > CLASSES:
            raise UserError(f"{path_text(path)}: labels must be 1 to {CLASSES}, at least one")
        return y.astype(np.int64) - 1

    @staticmethod
    def _bytes(path: Path, number: int | None = None) -> NDArray[np.uint8]:
        """Content of a file, which must have the given number of bytes."""
        try:
            size = path.stat().st_size
            if number is not None and size != number:
                raise UserError(f"{path_text(path)}: must have {number:,} bytes for its labels; got {size:,}")
            with require_memory(size, f"the images in {path_text(path)}"), open_regular(path) as file:
                return np.frombuffer(file.read(), np.uint8)
        except FileNotFoundError:
            raise UserError(f"{path_text(path)}: missing") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path_text(path)}: cannot be read ({error})") from None
