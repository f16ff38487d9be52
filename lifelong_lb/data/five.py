"""Five data sets of ten classes each as one, for the stream that learns one after the other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.streams import FIVE_DATASETS
from lifelong_lb.data.arrays import Arrays, Checked, Source
from lifelong_lb.data.known import KNOWN

SIZE = 32
CLASSES = 10


@dataclass(frozen=True)
class FiveSource(Source):
    """Images of all five as RGB of 32 x 32 pixels, as Ebrahimi et al. 2020 have them.

    Grey images are repeated over three channels, those of 28 x 28 pixels framed by two pixels of black. Label k of
    data set i is 10 i + k.

    Attributes:
        parts: one source each, in the order of :data:`~lifelong_lb.config.entries.streams.FIVE_DATASETS`.
    """

    parts: tuple[Source, ...]

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The five places."""
        return "; ".join(part.description for part in self.parts)

    def settings(self) -> dict[str, str]:
        """What shapes the images of each part.

        Returns:
            A mapping of texts.
        """
        return {name: f"{type(p).__name__} {p.settings()}" for name, p in zip(FIVE_DATASETS, self.parts, strict=True)}

    def files(self) -> list[Path]:
        """The files of all five.

        Returns:
            Paths.
        """
        return [path for part in self.parts for path in part.files()]

    def file_names(self) -> list[str]:
        """Names of the files, by data set.

        Returns:
            One text a file.
        """
        parts = zip(FIVE_DATASETS, self.parts, strict=True)
        return [f"{name}/{file}" for name, part in parts for file in part.file_names()]

    def labels(self) -> list[int]:
        """Check that all five can be read.

        Returns:
            The labels, ascending.

        Raises:
            UserError: when a file is damaged or of another layout, or a data set has not its ten classes, naming it.
        """
        found = [part.labels() for part in self.parts]
        for part, labels in zip(self.parts, found, strict=True):
            _check(part, labels)
        return [CLASSES * i + label for i, labels in enumerate(found) for label in labels]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Labels of all five.

        Returns:
            Labels of the train part and of the test part.
        """
        parts = [part.part_labels() for part in self.parts]
        train, test = (np.concatenate([CLASSES * i + own[part] for i, own in enumerate(parts)]) for part in (0, 1))
        return train, test

    def check(self) -> Checked:
        """Check each of the five.

        Returns:
            Labels of all images.

        Raises:
            UserError: when a file is damaged or of another layout, or a data set has not its ten classes, naming it.
        """
        found = [part.check() for part in self.parts]
        for part, checked in zip(self.parts, found, strict=True):
            _check(part, set(checked.train.tolist()))
        note = "; ".join(checked.note for checked in found if checked.note)
        return Checked(*self.part_labels(), note)

    def notes(self) -> list[str]:
        """Those of the five.

        Returns:
            One sentence per note.
        """
        return [note for part in self.parts for note in part.notes()]

    def read(self) -> tuple[Arrays, Arrays]:
        """Read all five.

        Returns:
            Train part and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: when a file is damaged or of another layout, or a data set has not its ten classes, naming it.
        """
        read = [part.read() for part in self.parts]
        for part, (learnt, _) in zip(self.parts, read, strict=True):
            _check(part, set(learnt.y.tolist()))
        train, test = (_joined([pair[i] for pair in read]) for i in (0, 1))
        return train, test


def find_five(roots: Sequence[Path]) -> Source:
    """Find all five data sets.

    Args:
        roots: folders to search, best first.

    Returns:
        Their source; images are not read yet.

    Raises:
        UserError: naming the first that is not found.
    """
    return FiveSource(tuple(KNOWN[name].find(roots) for name in FIVE_DATASETS))


def _check(part: Source, labels: Collection[int]) -> None:
    """See that a data set has its ten classes: one more would be taken for a class of the next data set."""
    if set(labels) != set(range(CLASSES)):
        raise UserError(
            f"{part.description}: each of the five data sets must have {CLASSES} classes; "
            f"its train part has {len(set(labels))}, with labels {', '.join(map(str, sorted(labels)))}"
        )


def _joined(parts: Sequence[Arrays]) -> Arrays:
    """One data set of several, written into one array."""
    x = np.zeros((sum(len(part.y) for part in parts), 3, SIZE, SIZE), dtype=np.uint8)
    y, names, at = [], [], 0
    for i, (title, part) in enumerate(zip(FIVE_DATASETS, parts, strict=True)):
        edge = (SIZE - part.x.shape[2]) // 2
        x[at : at + len(part.y), :, edge : SIZE - edge, edge : SIZE - edge] = part.x  # one channel goes into all three
        y.append(part.y + CLASSES * i)
        own = part.class_names or tuple(map(str, range(CLASSES)))
        names += [f"{title} {own[k]}" for k in range(CLASSES)]
        at += len(part.y)
    return Arrays(x, np.concatenate(y), tuple(names))
