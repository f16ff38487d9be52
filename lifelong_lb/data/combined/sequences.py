"""Data sets that come as a sequence of experiences: Omniglot's alphabets and CLEAR-10's periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.combined.in_a_row import InARow
from lifelong_lb.data.layouts.folders import folders
from lifelong_lb.data.layouts.picture_files import Labelled, Listing, PictureFiles
from lifelong_lb.data.layouts.unsplit_folders import OmniglotAlphabet
from lifelong_lb.untrusted import encodable, parse_json, path_text, quoted, read_text


def omniglot(
    folder: Path, alphabets: Sequence[str] | None = None, image_size: int = 28, channels: int | None = None
) -> Source:
    """Build the source of Omniglot's alphabets.

    Args:
        folder: ``images_background``.
        alphabets: names of existing folders; None for all.
        image_size: height and width of the images.
        channels: 1 or 3; None for grey.

    Returns:
        One part per alphabet; images are not read yet.
    """
    names = [path.name for path in folders(folder)] if alphabets is None else list(alphabets)
    parts = tuple(OmniglotAlphabet(folder / name, fit=image_size) for name in names)
    return InARow(parts, tuple(names), (), image_size, channels)


METADATA = "labeled_metadata.json"
CLEAR10_BUCKETS = 10


def is_clear(folder: Path) -> bool:
    """Check whether a folder holds CLEAR.

    Args:
        folder: an existing folder.

    Returns:
        True if both parts have their metadata.
    """
    return all((folder / part / METADATA).is_file() for part in ("train", "test"))


def clear10(folder: Path, image_size: int = 64, channels: int | None = None) -> Source:
    """Build the source of CLEAR-10's periods.

    Args:
        folder: folder of ``train`` and ``test``.
        image_size: height and width of the images.
        channels: 1 or 3; None for RGB.

    Returns:
        One part per period, all with the same classes; images are not read yet.
    """
    buckets = range(1, CLEAR10_BUCKETS + 1)
    parts = tuple(ClearBucket(folder, channels=3, fit=image_size, bucket=bucket) for bucket in buckets)
    return InARow(parts, tuple(f"bucket {bucket}" for bucket in buckets), (), image_size, channels, same_classes=True)


@dataclass(frozen=True)
class ClearBucket(PictureFiles):
    """A period of CLEAR, from the metadata of ``train/`` and ``test/``.

    ``labeled_metadata.json`` maps period and class to a file, which maps each picture to its ``IMG_PATH``. Labels are
    the positions of the classes in ``class_names.txt``.

    Attributes:
        bucket: number of the period, from 1.
    """

    bucket: int = 1

    def _list(self) -> Listing:
        names = tuple(line.strip() for line in self._text(self.folder / "train" / "class_names.txt").splitlines())
        names = tuple(filter(None, names))
        train, test = (self._listed(self.folder / part, names) for part in ("train", "test"))
        return Listing(train, test, tuple(map(encodable, names)))

    def _listed(self, folder: Path, names: Sequence[str]) -> Labelled:
        classes = self._mapping(folder / METADATA).get(str(self.bucket))
        if not isinstance(classes, dict):
            raise UserError(f"{path_text(folder / METADATA)}: has no period {self.bucket}")
        pictures = []
        for label, name in enumerate(names):
            listed = self._below(folder, classes.get(name), folder / METADATA)
            for item in self._mapping(listed).values():
                path = self._below(folder, item.get("IMG_PATH") if isinstance(item, dict) else None, listed)
                pictures.append((path, label))
        return tuple(pictures)

    def _mapping(self, path: Path) -> dict[str, Any]:
        try:
            content = parse_json(self._text(path))
        except ValueError as error:
            raise UserError(f"{path_text(path)}: not valid JSON ({error})") from None
        if not isinstance(content, dict):
            raise UserError(f"{path_text(path)}: must be a mapping")
        return content

    @staticmethod
    def _text(path: Path) -> str:
        try:
            return read_text(path)
        except FileNotFoundError:
            raise UserError(f"{path_text(path)}: missing") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path_text(path)}: cannot be read ({error})") from None

    @staticmethod
    def _below(folder: Path, name: object, listed: Path) -> Path:
        """An existing file that a list names, below a folder."""
        if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{path_text(listed)}: must name files below {path_text(folder)}; got {quoted(name)}")
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path_text(path)}: missing, but listed in {path_text(listed)}")
        return path
