"""Data sets of one file a picture: folders of classes, and the layouts of Tiny ImageNet and CUB-200-2011."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Checked, Source, alike
from lifelong_lb.data.folders import entries, folders, is_picture, pictures_below
from lifelong_lb.data.pictures import (
    DECODING,
    ENDINGS,
    PictureStack,
    Size,
    Sizes,
    picture_size,
    without_warnings,
)
from lifelong_lb.data.progress import counted
from lifelong_lb.untrusted import encodable, path_text, quoted, read_text

Labelled = tuple[tuple[Path, int], ...]
QUICK_PICTURES, QUICK_BYTES = 5_000, 32 * 2**20
"""Pictures that are decoded to check them; of more, or of larger files, only the headers are read."""


@dataclass(frozen=True)
class Listing:
    """The pictures of a data set.

    Attributes:
        train: file and label of each picture to learn from.
        test: file and label of each picture to measure accuracy on.
        class_names: by label.
        unused: files and folders beside the pictures that are not read, without those that are expected there.
        notes: what else a user should know of them.
    """

    train: Labelled
    test: Labelled
    class_names: tuple[str, ...]
    unused: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


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
        return f"pictures in {path_text(self.folder)}"

    def settings(self) -> dict[str, str]:
        """What shapes the images beside the content of the files.

        Returns:
            A mapping of texts.
        """
        return {**super().settings(), "decoding": str(DECODING)}

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

    def notes(self) -> list[str]:
        """Which files are not used.

        Returns:
            One sentence per kind of note.
        """
        found = list(self.listing.notes)
        if unused := self.listing.unused:
            kinds = Counter(path_text(path.suffix.lower()) or "no ending" for path in unused)
            endings = ", ".join(f"{kind} ({number:,})" for kind, number in kinds.most_common(6))
            found.append(
                f"{path_text(self.folder)}: {len(unused):,} files or folders beside the pictures are not used: "
                f"{endings}; the first is {path_text(unused[0])}; pictures end with {', '.join(sorted(ENDINGS))}"
            )
        return found

    def check(self) -> Checked:
        """Read the headers of all pictures, and decode them where they are few.

        Returns:
            Labels of all pictures.

        Raises:
            UserError: naming the file that is missing or damaged, or of another size.
        """
        files, _ = self.files(), self._common_size
        if len(files) <= QUICK_PICTURES and sum(path.stat().st_size for path in files) <= QUICK_BYTES:
            return super().check()
        return Checked(
            *self.part_labels(), note=f"only the headers of its {len(files):,} pictures were read; run decodes them"
        )

    def read(self) -> tuple[Arrays, Arrays]:
        """Decode all pictures.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: naming the file that is missing or damaged, or of another size.
        """
        first = self.files()[0]
        try:
            with without_warnings():
                size = self.size or picture_size(first, path_text(first))
                return alike(self._part(self.listing.train, size), self._part(self.listing.test, size))
        except UserError:
            _ = self._common_size  # whose message is about all pictures, as check has it
            raise

    @cached_property
    def _common_size(self) -> Size:
        """Height and width of all pictures, from their headers, read once."""
        sizes = Sizes()
        with without_warnings():
            for path in counted(self.files(), f"reading the headers of {self.description}"):
                name = path_text(path)
                sizes.add(picture_size(path, name), name)
        return sizes.only(self.size) if self.fit is None else (self.fit, self.fit)

    def _part(self, pictures: Labelled, size: Size) -> Arrays:
        stack = PictureStack(len(pictures), size, self.channels, self.fit)
        for path, _ in counted(pictures, f"decoding {self.description}"):
            stack.add(path, path_text(path))
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
        return any(folders(folder / name) for name in TRAIN_FOLDERS)

    def _listed(self) -> Listing:
        train, *other_train = _class_folders(self.folder, TRAIN_FOLDERS)
        test, *other_test = _class_folders(self.folder, TEST_FOLDERS)
        place = {path.name: label for label, path in enumerate(folders(train))}
        for path in folders(test):
            if path.name not in place:
                alike = next((name for name in place if name.lower() == path.name.lower()), None)
                hint = "" if alike is None else f" (there is {alike}; names must be the same, case included)"
                raise UserError(f"{path}: this class has no folder in {train}{hint}")
        unused = [path for part in (train, test) for path in entries(part) if not path.is_dir()]
        others = ", ".join(path.name for path in (*other_train, *other_test))
        return Listing(
            _in_classes(train, place, unused),
            _in_classes(test, place, unused),
            tuple(map(encodable, place)),
            tuple(unused),
            (f"{self.folder}: {others} is not used beside {train.name} and {test.name}",) if others else (),
        )


@dataclass(frozen=True)
class TinyImageNetFiles(PictureFiles):
    """Tiny ImageNet as its authors publish it: ``train/<wnid>/images/``, and ``val/images/`` with its annotations.

    The validation part is the test part here, as everywhere: labels of the actual one were never published. Labels
    are the places of the WordNet ids in alphabetical order; classes are called as ``words.txt`` calls them.
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
        place = {path.name: label for label, path in enumerate(folders(train))}
        notes = self.folder / "val" / "val_annotations.txt"
        test = []
        for number, (file, wnid) in _rows(notes, 2):
            if wnid not in place:
                raise UserError(
                    f"{notes}: line {number} names the class {quoted(wnid)}, which has no folder in {train}"
                )
            test.append((_existing(self.folder / "val" / "images", file, notes, number), place[wnid]))
        unused: list[Path] = []
        learnt = _in_classes(train, place, unused)
        others = tuple(path for path in unused if not path.name.endswith("_boxes.txt"))
        return Listing(learnt, tuple(test), _words(self.folder / "words.txt", tuple(place)), others)


def _words(path: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """Names of WordNet ids: the first synonym, or all where classes share it; the id itself where none is known."""
    if not path.is_file():
        return tuple(map(encodable, wnids))
    rows = (line.split("\t", 1) for line in _text(path).splitlines())
    known = {row[0].strip(): row[1].strip() for row in rows if len(row) == 2 and row[1].strip()}
    names = [known.get(wnid, encodable(wnid)) for wnid in wnids]
    first = Counter(name.split(",")[0] for name in names)
    return tuple(name if first[name.split(",")[0]] > 1 else name.split(",")[0] for name in names)


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
            path = _existing(self.folder / "images", file, images, number)
            part, label = to_learn.get(picture), numbers.get(labels.get(picture, ""))
            if part not in parts or label is None:
                raise UserError(f"{images}: line {number} has no class, or no part, in the files beside it")
            parts[part].append((path, label))
        return Listing(tuple(parts["1"]), tuple(parts["0"]), tuple(names.values()))

    def _table(self, name: str) -> dict[str, str]:
        return {key: value for _, (key, value) in _rows(self.folder / name, 2)}


def _class_folders(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Those of some folders that are there with a folder for each class."""
    found = [folder / name for name in names if folders(folder / name)]
    if not found:
        raise UserError(f"{folder}: needs a folder {' or '.join(names)} with a folder for each class")
    same = {path.resolve() for path in found[:1]}  # where case does not count, train is Train
    return found[:1] + [path for path in found[1:] if path.resolve() not in same]


def _in_classes(folder: Path, place: dict[str, int], unused: list[Path]) -> Labelled:
    """Pictures of all classes, in alphabetical order; a UserError for a class without any."""
    found: list[tuple[Path, int]] = []
    for name, label in place.items():
        own = folder / name
        pictures, others = pictures_below(own)
        unused += others
        if not pictures:
            raise UserError(f"{path_text(own)}: no pictures ({', '.join(sorted(ENDINGS))}) of this class")
        found += [(path, label) for path in pictures]
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Lines of a table, with their numbers: the first words of each."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        if words and len(words) < columns:
            raise UserError(f"{path}: line {number} has {len(words)} words; it needs {columns}")
        if words:
            yield number, words[:columns]


def _existing(folder: Path, file: str, named_by: Path, line: int) -> Path:
    """A picture that a table names, which must lie below a folder."""
    path = folder / file
    if ".." in Path(file).parts or Path(file).is_absolute() or not is_picture(path.name):
        raise UserError(f"{named_by}: line {line} names {quoted(file)}, which is not a picture below {folder}")
    if not path.is_file():
        raise UserError(f"{path}: missing; line {line} of {named_by} names it")
    return path
