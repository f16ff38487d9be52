"""CORe50 with the authors' lists of batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.known_sequences import CORE50_BATCHES
from lifelong_lb.config.entries.several_sources import LABELS_PER_SOURCE
from lifelong_lb.data.picture_files import Labelled, Listing, PictureFiles
from lifelong_lb.untrusted import path_text, quoted, read_text

LISTS = "batches_filelists"
PICTURES = ("core50_128x128", "core50_32x32")
"""Folders of the pictures; the first one present is used."""


@dataclass(frozen=True)
class Core50Files(PictureFiles):
    """``batches_filelists/<protocol>_inc/run<run>/`` and the pictures ``s<session>/o<object>/*.png``.

    Class k of batch i has the label 1000 i + k; k is the position of the class among the classes of the batch, in
    ascending order. The test part of NI has the labels of the first batch, because all batches share it.

    Attributes:
        protocol: ``NI`` or ``NC``.
        run: the authors' order, 0 to 9.
    """

    protocol: str = "NC"
    run: int = 0

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has the lists and the pictures.
        """
        return (folder / LISTS).is_dir() and any((folder / name).is_dir() for name in PICTURES)

    def _list(self) -> Listing:
        lists = self.folder / LISTS / f"{self.protocol}_inc" / f"run{self.run}"
        batches = [
            list(self._pictures(lists / f"train_batch_{i:02d}_filelist.txt"))
            for i in range(CORE50_BATCHES[self.protocol])
        ]
        tested = list(self._pictures(lists / "test_filelist.txt"))
        places: dict[int, int] = {}
        for i, batch in enumerate(batches):
            own = sorted({label for _, label in batch})
            for k, label in enumerate(own):
                if self.protocol == "NC" and label in places:
                    raise UserError(f"{path_text(lists)}: class {label} is in two batches")
                places.setdefault(label, LABELS_PER_SOURCE * i + k)
            if self.protocol == "NI" and own != sorted(places):
                raise UserError(f"{path_text(lists)}: batches 0 and {i} must have the same classes")
        other = next((label for _, label in tested if label not in places), None)
        if other is not None:
            raise UserError(f"{path_text(lists)}: class {other} is in the test part, but in no batch")
        step = LABELS_PER_SOURCE if self.protocol == "NI" else 0
        train: Labelled = tuple(
            (path, places[label] + step * i) for i, batch in enumerate(batches) for path, label in batch
        )
        names = [""] * (max(label for _, label in train) + 1)
        for i, batch in enumerate(batches):
            for _, label in batch:
                names[places[label] + step * i] = f"batch {i} object {label}"
        return Listing(train, tuple((path, places[label]) for path, label in tested), tuple(names))

    def _pictures(self, listed: Path) -> Iterator[tuple[Path, int]]:
        """Picture and label of each line of a list."""
        root = next((self.folder / name for name in PICTURES if (self.folder / name).is_dir()), self.folder)
        try:
            lines = read_text(listed).splitlines()
        except FileNotFoundError:
            raise UserError(f"{path_text(listed)}: missing") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path_text(listed)}: cannot be read ({error})") from None
        for number, line in enumerate(filter(str.strip, lines), start=1):
            name, _, label = line.strip().rpartition(" ")
            parts = Path(name).parts
            parts = parts[1:] if parts and parts[0] in PICTURES else parts
            if not label.isdecimal() or len(label) > 6 or len(parts) != 3 or ".." in parts or Path(name).is_absolute():
                raise UserError(
                    f"{path_text(listed)}: line {number}: must be s<session>/o<object>/<picture> <label>; "
                    f"got {quoted(line)}"
                )
            path = root.joinpath(*parts)
            if not path.is_file():
                raise UserError(f"{path_text(path)}: missing, but in line {number} of {path_text(listed)}")
            yield path, int(label)
