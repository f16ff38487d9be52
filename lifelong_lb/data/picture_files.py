"""Data sets of one file a picture: folders of classes, and the layouts of Tiny ImageNet and CUB-200-2011."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, alike
from lifelong_lb.data.pictures import ENDINGS, PictureStack
from lifelong_lb.untrusted import quoted

Labelled = tuple[tuple[Path, int], ...]


@dataclass(frozen=True)
class Listing:
    """The pictures of a data set.

    Attributes:
        train: file and label of each picture to learn from.
        test: file and label of each picture to measure accuracy on.
        class_names: by label.
    """

    train: Labelled
    test: Labelled
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class PictureFiles(Source):
    """A folder whose pictures are listed by a subclass.

    Attributes:
        folder: where they lie.
        size: height and width that every picture must have; None for those of the first.
        channels: 1 to read pictures as grey, 3 as RGB; None for grey when all are grey.
        fit: see :class:`~lifelong_lb.data.pictures.PictureStack`.
    """

    folder: Path
    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: int | None = None

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The folder."""
        return f"pictures in {self.folder}"

    @abstractmethod
    def _listed(self) -> Listing:
        """Find the pictures."""

    @cached_property
    def listing(self) -> Listing:
        """The pictures, found once.

        Raises:
            UserError: when files are missing or a label is not understood.
        """
        found = self._listed()
        for part, pictures in (("learn from", found.train), ("test on", found.test)):
            if not pictures:
                raise UserError(f"{self.folder}: has no pictures to {part}")
        return found

    def files(self) -> list[Path]:
        """All pictures.

        Returns:
            Those to learn from, then those to test on.
        """
        return [path for path, _ in (*self.listing.train, *self.listing.test)]

    def file_names(self) -> list[str]:
        """Labels and paths below the folder: a picture moved to another class is another data set.

        Returns:
            One text a picture.
        """
        pictures = (*self.listing.train, *self.listing.test)
        start = len(str(self.folder)) + 1  # sooner than relative_to, which counts with 100,000 pictures
        return [f"{label} {str(path)[start:]}" for path, label in pictures]

    def labels(self) -> list[int]:
        """Find the pictures, without opening them.

        Returns:
            The labels of those to learn from, ascending.
        """
        return sorted({label for _, label in self.listing.train})

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the pictures, without opening them.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = (np.array([label for _, label in part]) for part in (self.listing.train, self.listing.test))
        return train, test

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all pictures.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, or of another size.
        """
        train = self._part(self.listing.train, self.size)
        return alike(train, self._part(self.listing.test, (train.x.shape[2], train.x.shape[3])))

    def _part(self, pictures: Labelled, size: tuple[int, int] | None) -> Arrays:
        stack = PictureStack(len(pictures), size, self.channels, self.fit)
        for path, _ in pictures:
            stack.add(path, str(path))
        return Arrays(stack.images(), np.array([label for _, label in pictures]), self.listing.class_names)


TEST_FOLDERS = ("test", "Test", "val", "valid", "validation")
"""Where the pictures to test on may lie; the first that is there counts."""
TRAIN_FOLDERS = ("train", "Train")


@dataclass(frozen=True)
class ClassFolders(PictureFiles):
    """Torchvision's ImageFolder: ``train/<class>/`` and ``test/<class>/`` (or ``val/``), each with pictures.

    Labels are the classes' places in alphabetical order.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True when it has a train folder with folders in it.
        """
        return any(path.is_dir() for name in TRAIN_FOLDERS for path in _entries(folder / name))

    def _listed(self) -> Listing:
        train = _first_folder(self.folder, TRAIN_FOLDERS)
        test = _first_folder(self.folder, TEST_FOLDERS)
        names = tuple(path.name for path in _entries(train) if path.is_dir())
        place = {name: label for label, name in enumerate(names)}
        for path in _entries(test):
            if path.is_dir() and path.name not in place:
                raise UserError(f"{path}: this class has no folder in {train}")
        return Listing(_in_classes(train, place), _in_classes(test, place), names)


@dataclass(frozen=True)
class TinyImageNetFiles(PictureFiles):
    """Tiny ImageNet as its authors publish it: ``train/<wnid>/images/``, and ``val/images/`` with its annotations.

    The validation part is the test part here, as everywhere: labels of the actual one were never published. Labels
    are the places of the WordNet ids in alphabetical order.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True when it has annotations of its validation part.
        """
        return (folder / "val" / "val_annotations.txt").is_file() and (folder / "train").is_dir()

    def _listed(self) -> Listing:
        train = self.folder / "train"
        names = tuple(path.name for path in _entries(train) if path.is_dir())
        place = {name: label for label, name in enumerate(names)}
        notes = self.folder / "val" / "val_annotations.txt"
        test = []
        for number, (file, wnid) in _rows(notes, 2):
            if wnid not in place:
                raise UserError(
                    f"{notes}: line {number} names the class {quoted(wnid)}, which has no folder in {train}"
                )
            test.append((_existing(self.folder / "val" / "images" / file, notes, number), place[wnid]))
        return Listing(_in_classes(train, place), tuple(test), names)


@dataclass(frozen=True)
class CubFiles(PictureFiles):
    """CUB-200-2011 as its authors publish it: ``images/`` with ``images.txt`` and the files beside it.

    Labels are the authors' own, less one.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True when it has the list that says which pictures are for testing.
        """
        return (folder / "train_test_split.txt").is_file() and (folder / "images.txt").is_file()

    def _listed(self) -> Listing:
        labels, to_learn = self._table("image_class_labels.txt"), self._table("train_test_split.txt")
        names = self._table("classes.txt")
        numbers = {name: label for label, name in enumerate(names)}
        parts: dict[str, list[tuple[Path, int]]] = {"1": [], "0": []}
        images = self.folder / "images.txt"
        for number, (picture, file) in _rows(images, 2):
            path = _existing(self.folder / "images" / file, images, number)
            part, label = to_learn.get(picture), numbers.get(labels.get(picture, ""))
            if part not in parts or label is None:
                raise UserError(f"{images}: line {number} has no class, or no part, in the files beside it")
            parts[part].append((path, label))
        return Listing(tuple(parts["1"]), tuple(parts["0"]), tuple(names.values()))

    def _table(self, name: str) -> dict[str, str]:
        return {key: value for _, (key, value) in _rows(self.folder / name, 2)}


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, in alphabetical order, without hidden files; nothing where there is no folder."""
    return sorted(path for path in folder.glob("*") if not path.name.startswith(".")) if folder.is_dir() else []


def _first_folder(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if any(path.is_dir() for path in _entries(folder / name)):
            return folder / name
    raise UserError(f"{folder}: needs a folder {' or '.join(names)} with a folder for each class")


def _in_classes(folder: Path, place: dict[str, int]) -> Labelled:
    """Pictures of all classes, in alphabetical order; a UserError for a class without any."""
    found: list[tuple[Path, int]] = []
    for name, label in place.items():
        own = folder / name
        pictures = sorted(f"{where}/{file}" for where, _, files in os.walk(own) for file in files if _is_picture(file))
        if not pictures:
            raise UserError(f"{own}: no pictures ({', '.join(sorted(ENDINGS))}) of this class")
        found += [(Path(picture), label) for picture in pictures]
    return tuple(found)


def _is_picture(file: str) -> bool:
    return not file.startswith(".") and file[file.rfind(".") :].lower() in ENDINGS


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Lines of a table, with their numbers: the first words of each."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words and len(words) < columns:
            raise UserError(f"{path}: line {number} has {len(words)} words; it needs {columns}")
        if words:
            yield number, words[:columns]


def _existing(path: Path, named_by: Path, line: int) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: missing; line {line} of {named_by} names it")
    return path
