"""Folders of pictures without a test part, divided by a fixed rule."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.data.layouts.folders import folders, pictures_below
from lifelong_lb.data.layouts.picture_files import Labelled, Listing, PictureFiles
from lifelong_lb.untrusted import encodable, path_text


class _Unsplit(PictureFiles):
    """``<class>/`` with pictures; labels are the positions of classes in alphabetical order."""

    @abstractmethod
    def _is_test(self, position: int, path: Path) -> bool:
        """Check whether a picture belongs to the test part, by its position within its class and its path."""

    def _list(self) -> Listing:
        train: list[tuple[Path, int]] = []
        test: list[tuple[Path, int]] = []
        classes, unused = folders(self.folder), []
        for label, path in enumerate(classes):
            pictures, others = pictures_below(path)
            unused += others
            parts: dict[bool, Labelled] = {
                is_test: tuple((p, label) for i, p in enumerate(pictures) if self._is_test(i, p) == is_test)
                for is_test in (False, True)
            }
            if not parts[False] or not parts[True]:
                raise UserError(
                    f"{path_text(path)}: needs pictures for training and for testing; got {len(parts[False])} and "
                    f"{len(parts[True])}"
                )
            train += parts[False]
            test += parts[True]
        return Listing(tuple(train), tuple(test), tuple(encodable(path.name) for path in classes), tuple(unused))


@dataclass(frozen=True)
class EveryFifth(_Unsplit):
    """``<class>/*.jpg``, where every fifth picture of a class, in alphabetical order, belongs to the test part."""

    def _is_test(self, position: int, path: Path) -> bool:
        return position % 5 == 4


_DRAWER = re.compile(r"_(\d\d)\.png$")
TRAINING_DRAWERS = 15


@dataclass(frozen=True)
class OmniglotAlphabet(_Unsplit):
    """An alphabet of Omniglot, ``<character>/<number>_<drawer>.png``: drawers 1 to 15 train, 16 to 20 test."""

    def _is_test(self, position: int, path: Path) -> bool:
        drawer = _DRAWER.search(path.name)
        if drawer is None:
            raise UserError(f"{path_text(path)}: an Omniglot picture ends with _01.png to _20.png, its drawer")
        return int(drawer[1]) > TRAINING_DRAWERS
