"""CORe50 with the authors' lists of batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.streams.known_sequences import CORE50_BATCHES
from lifelong_lb.config.entries.streams.several_sources import LABELS_PER_SOURCE
from lifelong_lb.data.layouts.picture_files import Labelled, Listing, PictureFiles
from lifelong_lb.untrusted import path_text, quoted, read_text

LISTS = "batches_filelists"
PICTURES = ("core50_128x128", "core50_32x32")
"""Folders of the pictures; the first one present is used."""


@dataclass(frozen=True)
class Core50Files(PictureFiles):
    """``batches_filelists/<protocol>_inc/run<run>/`` and the pictures ``s<session>/o<object>/*.png``.

    Class k of batch i has the label 1000 i + k; k is the position of the class among the classes of the batch, in
    ascending order, for NIC the position in the order of first occurrence. Class k has the label k in the test part of
    NI and NIC, which all batches share. The lists of NICv2 are in ``NIC_v2_<batches>/run<run>/``.

    Attributes:
        protocol: a key of :data:`~lifelong_lb.config.entries.streams.known_sequences.CORE50_BATCHES`.
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

    @property
    def _lists(self) -> Path:
        """Folder of the lists."""
        if self.protocol.startswith("NICv2-"):
            return self.folder / f"NIC_v2_{CORE50_BATCHES[self.protocol]}" / f"run{self.run}"
        return self.folder / LISTS / f"{self.protocol}_inc" / f"run{self.run}"

    def _list(self) -> Listing:
        numbers = range(CORE50_BATCHES[self.protocol])
        batches = [list(self._pictures(self._lists / f"train_batch_{i:02d}_filelist.txt")) for i in numbers]
        tested = list(self._pictures(self._lists / "test_filelist.txt"))
        classes = [sorted({label for _, label in batch}) for batch in batches]
        places = self._places(classes)
        other = next((label for _, label in tested if label not in places), None)
        if other is not None:
            raise UserError(f"{path_text(self._lists)}: class {other} is in the test part, but in no batch")
        step = 0 if self.protocol == "NC" else LABELS_PER_SOURCE
        train: Labelled = tuple(
            (path, places[label] + step * i) for i, batch in enumerate(batches) for path, label in batch
        )
        names = [""] * (max(label for _, label in train) + 1)
        for i, own in enumerate(classes):
            for label in own:
                names[places[label] + step * i] = f"batch {i} object {label}"
        return Listing(train, tuple((path, places[label]) for path, label in tested), tuple(names))

    def _places(self, classes: Sequence[Sequence[int]]) -> dict[int, int]:
        """Label of each class of the lists in the test part."""
        places: dict[int, int] = {}
        for i, own in enumerate(classes):
            if not own:
                raise UserError(f"{path_text(self._lists)}: batch {i} has no pictures")
            for k, label in enumerate(own):
                if self.protocol == "NC" and label in places:
                    raise UserError(f"{path_text(self._lists)}: class {label} is in two batches")
                places.setdefault(label, LABELS_PER_SOURCE * i + k if self.protocol == "NC" else len(places))
            if self.protocol == "NI" and own != sorted(places):
                raise UserError(f"{path_text(self._lists)}: batches 0 and {i} must have the same classes")
        if len(places) > LABELS_PER_SOURCE:
            raise UserError(
                f"{path_text(self._lists)}: must have at most {LABELS_PER_SOURCE:,} classes; got {len(places):,}"
            )
        return places

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
