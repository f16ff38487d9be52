"""Data sets of picture files: folders of classes, and the layouts of Tiny ImageNet and CUB-200-2011."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Checked, Source, match_channels
from lifelong_lb.data.layouts.folders import entries, folders, is_picture, pictures_below
from lifelong_lb.data.layouts.pictures import (
    DECODING,
    ENDINGS,
    PictureStack,
    Size,
    Sizes,
    picture_size,
    without_warnings,
)
from lifelong_lb.data.progress import with_progress
from lifelong_lb.untrusted import encodable, path_text, quoted, read_text

Labelled = tuple[tuple[Path, int], ...]
QUICK_PICTURES, QUICK_BYTES = 5_000, 32 * 2**20
"""Up to this many pictures and bytes, pictures are decoded when checked; beyond, only the headers are read."""


@dataclass(frozen=True)
class Listing:
    """The pictures of a data set.

    Attributes:
        train: file and label of each training picture.
        test: file and label of each test picture.
        class_names: indexed by label.
        unused: ignored files and folders, except those that belong to the layout.
        notes: further sentences for the user.
    """

    train: Labelled
    test: Labelled
    class_names: tuple[str, ...]
    unused: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureFiles(Source):
    """A folder of pictures; subclasses list them.

    Attributes:
        folder: folder of the pictures.
        size: height and width of every picture; None for those of the first.
        channels: 1 to read pictures as grey, 3 as RGB; None for grey if all are grey.
        fit: see :class:`~lifelong_lb.data.layouts.pictures.PictureStack`.
    """

    folder: Path
    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: int | None = None

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """Format and folder."""
        return f"pictures in {path_text(self.folder)}"

    def settings(self) -> dict[str, str]:
        """Return the settings that affect the decoded images.

        Returns:
            A mapping of strings.
        """
        return {**super().settings(), "decoding": str(DECODING)}

    @abstractmethod
    def _list(self) -> Listing:
        """List the pictures."""

    @cached_property
    def listing(self) -> Listing:
        """The pictures, listed once.

        Raises:
            UserError: if files are missing or a label is invalid.
        """
        listing = self._list()
        for part, pictures in (("training", listing.train), ("test", listing.test)):
            if not pictures:
                raise UserError(f"{self.folder}: no {part} pictures")
        return listing

    def files(self) -> list[Path]:
        """List all pictures.

        Returns:
            Training pictures, then test pictures.
        """
        return [path for path, _ in (*self.listing.train, *self.listing.test)]

    def file_names(self) -> list[str]:
        """Labels and relative paths, so that moving a picture to another class changes the data set.

        Returns:
            One name per picture.
        """
        pictures = (*self.listing.train, *self.listing.test)
        start = len(str(self.folder)) + 1  # relative_to is slow for 100,000 pictures
        return [f"{label} {str(path)[start:]}" for path, label in pictures]

    def labels(self) -> list[int]:
        """List the pictures without opening them.

        Returns:
            The labels of the train part, ascending.
        """
        return sorted({label for _, label in self.listing.train})

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """List the pictures without opening them.

        Returns:
            Labels of the train part and of the test part.
        """
        train, test = (np.array([label for _, label in part]) for part in (self.listing.train, self.listing.test))
        return train, test

    def names_of_classes(self) -> tuple[str, ...]:
        """Names of the classes.

        Returns:
            One name per label.
        """
        return self.listing.class_names

    def notes(self) -> list[str]:
        """Notes about ignored files.

        Returns:
            One sentence per kind of note.
        """
        notes = list(self.listing.notes)
        if unused := self.listing.unused:
            kinds = Counter(path_text(path.suffix.lower()) or "no extension" for path in unused)
            endings = ", ".join(f"{kind} ({number:,})" for kind, number in kinds.most_common(6))
            notes.append(
                f"{path_text(self.folder)}: {len(unused):,} files or folders other than pictures are ignored: "
                f"{endings}; the first is {path_text(unused[0])}; pictures end with {', '.join(sorted(ENDINGS))}"
            )
        return notes

    def check(self) -> Checked:
        """Read the headers of all pictures, and decode them if they are few.

        Returns:
            Labels of all pictures.

        Raises:
            UserError: if a file is missing or damaged, or has another size.
        """
        files, size = self.files(), self._common_size
        if len(files) <= QUICK_PICTURES and sum(path.stat().st_size for path in files) <= QUICK_BYTES:
            return super().check()
        note = f"only the headers of its {len(files):,} pictures were read; run decodes them"
        return Checked(*self.part_labels(), note, size=size)

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all pictures.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: if a file is missing or damaged, or has another size.
        """
        first = self.files()[0]
        try:
            with without_warnings():
                size = self.size or picture_size(first, path_text(first))
                return match_channels(self._part(self.listing.train, size), self._part(self.listing.test, size))
        except UserError:
            _ = self._common_size  # raises the message of check, which covers all pictures
            raise

    @cached_property
    def _common_size(self) -> Size:
        """Height and width of all pictures, from their headers."""
        sizes = Sizes()
        with without_warnings():
            for path in with_progress(self.files(), f"reading the headers of {self.description}"):
                name = path_text(path)
                sizes.add(picture_size(path, name), name)
        return sizes.only(self.size) if self.fit is None else (self.fit, self.fit)

    def _part(self, pictures: Labelled, size: Size) -> Arrays:
        stack = PictureStack(len(pictures), size, self.channels, self.fit)
        for path, _ in with_progress(pictures, f"decoding {self.description}"):
            stack.add(path, path_text(path))
        return Arrays(stack.images(), np.array([label for _, label in pictures]), self.listing.class_names)


TEST_FOLDERS = ("test", "Test", "val", "valid", "validation")
"""Accepted folders of test pictures; the first one present is used."""
TRAIN_FOLDERS = ("train", "Train")


@dataclass(frozen=True)
class ClassFolders(PictureFiles):
    """Torchvision's ImageFolder: ``train/<class>/`` and ``test/<class>/`` (or ``val/``), each with pictures.

    Labels are the classes' positions in alphabetical order.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has a train folder with subfolders.
        """
        return any(folders(folder / name) for name in TRAIN_FOLDERS)

    def _list(self) -> Listing:
        train, *other_train = _class_folders(self.folder, TRAIN_FOLDERS)
        test, *other_test = _class_folders(self.folder, TEST_FOLDERS)
        labels = {path.name: label for label, path in enumerate(folders(train))}
        for path in folders(test):
            if path.name not in labels:
                similar = next((name for name in labels if name.lower() == path.name.lower()), None)
                hint = "" if similar is None else f"; did you mean {similar}? Names are case-sensitive"
                raise UserError(f"{path}: no folder of this class in {train}{hint}")
        unused = [path for part in (train, test) for path in entries(part) if not path.is_dir()]
        others = ", ".join(path.name for path in (*other_train, *other_test))
        return Listing(
            _in_classes(train, labels, unused),
            _in_classes(test, labels, unused),
            tuple(map(encodable, labels)),
            tuple(unused),
            (f"{self.folder}: {others} is ignored because {train.name} and {test.name} exist",) if others else (),
        )


class _NamesInFile(PictureFiles):
    """Pictures whose class names come from a file that :meth:`files` does not contain."""

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "class_names": ascii(self.listing.class_names)}


@dataclass(frozen=True)
class TinyImageNetFiles(_NamesInFile):
    """Tiny ImageNet as its authors publish it: ``train/<wnid>/images/``, and ``val/images/`` with its annotations.

    The validation part is used as the test part because labels of the test part are not public. Labels are the
    positions of the WordNet ids in alphabetical order; class names are those in ``words.txt``.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has annotations of its validation part.
        """
        return (folder / "val" / "val_annotations.txt").is_file() and (folder / "train").is_dir()

    def _list(self) -> Listing:
        train = self.folder / "train"
        labels = {path.name: label for label, path in enumerate(folders(train))}
        annotations = self.folder / "val" / "val_annotations.txt"
        test = []
        for number, (file, wnid) in _rows(annotations, 2):
            if wnid not in labels:
                raise UserError(f"{annotations}: line {number}: class {quoted(wnid)} has no folder in {train}")
            test.append((_existing(self.folder / "val" / "images", file, annotations, number), labels[wnid]))
        unused: list[Path] = []
        training = _in_classes(train, labels, unused)
        others = tuple(path for path in unused if not path.name.endswith("_boxes.txt"))
        return Listing(training, tuple(test), _class_names(self.folder / "words.txt", tuple(labels)), others)


def _class_names(path: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """Names of WordNet ids: the first synonym, all synonyms if classes share the first, or the id if unnamed."""
    if not path.is_file():
        return tuple(map(encodable, wnids))
    rows = (line.split("\t", 1) for line in _text(path).splitlines())
    known = {row[0].strip(): row[1].strip() for row in rows if len(row) == 2 and row[1].strip()}
    names = [known.get(wnid, encodable(wnid)) for wnid in wnids]
    first = Counter(name.split(",")[0] for name in names)
    return tuple(name if first[name.split(",")[0]] > 1 else name.split(",")[0] for name in names)


@dataclass(frozen=True)
class CubFiles(_NamesInFile):
    """CUB-200-2011 as its authors publish it: ``images/`` with ``images.txt`` and the files beside it.

    Labels are the authors' labels minus one.
    """

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has the list of pictures and their train/test split.
        """
        return (folder / "train_test_split.txt").is_file() and (folder / "images.txt").is_file()

    def _list(self) -> Listing:
        labels, split = self._table("image_class_labels.txt"), self._table("train_test_split.txt")
        names = self._table("classes.txt")
        numbers = {name: label for label, name in enumerate(names)}
        parts: dict[str, list[tuple[Path, int]]] = {"1": [], "0": []}
        images = self.folder / "images.txt"
        for number, (picture, file) in _rows(images, 2):
            path = _existing(self.folder / "images", file, images, number)
            part, label = split.get(picture), numbers.get(labels.get(picture, ""))
            if part not in parts or label is None:
                raise UserError(f"{images}: line {number}: no class or part in the other tables")
            parts[part].append((path, label))
        return Listing(tuple(parts["1"]), tuple(parts["0"]), tuple(names.values()))

    def _table(self, name: str) -> dict[str, str]:
        return {key: value for _, (key, value) in _rows(self.folder / name, 2)}


def _class_folders(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The given folders that exist and have subfolders; UserError if there is none."""
    existing = [folder / name for name in names if folders(folder / name)]
    if not existing:
        raise UserError(f"{folder}: no folder {' or '.join(names)} with one folder per class")
    first = existing[0].resolve()  # train and Train are the same on case-insensitive file systems
    return existing[:1] + [path for path in existing[1:] if path.resolve() != first]


def _in_classes(folder: Path, labels: dict[str, int], unused: list[Path]) -> Labelled:
    """Pictures of all classes in alphabetical order; UserError for a class without pictures."""
    labelled: list[tuple[Path, int]] = []
    for name, label in labels.items():
        pictures, others = pictures_below(folder / name)
        unused += others
        if not pictures:
            raise UserError(f"{path_text(folder / name)}: no pictures ({', '.join(sorted(ENDINGS))}) of this class")
        labelled += [(path, label) for path in pictures]
    return tuple(labelled)


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Line numbers of a table, and the first ``columns`` words of each line."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        if words and len(words) < columns:
            raise UserError(f"{path}: line {number}: needs {columns} words; got {len(words)}")
        if words:
            yield number, words[:columns]


def _existing(folder: Path, file: str, table: Path, line: int) -> Path:
    """Check that a picture listed in a table is below a folder and exists."""
    path = folder / file
    if ".." in Path(file).parts or Path(file).is_absolute() or not is_picture(path.name):
        raise UserError(f"{table}: line {line}: {quoted(file)} is not a picture below {folder}")
    if not path.is_file():
        raise UserError(f"{path}: missing, but listed in line {line} of {table}")
    return path
