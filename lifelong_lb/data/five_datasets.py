"""Five data sets of ten classes each as one, for the stream five-datasets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.streams.known_data_sets import FIVE_DATASETS
from lifelong_lb.data.arrays import Arrays, Checked, Source
from lifelong_lb.data.combined.several_parts import SeveralParts
from lifelong_lb.data.known import KNOWN

SIZE = 32
CLASSES = 10


@dataclass(frozen=True)
class FiveDatasetsSource(SeveralParts):
    """Images of all five data sets as RGB of 32 x 32 pixels, as in Ebrahimi et al. 2020.

    Grey images are repeated over three channels; images of 28 x 28 pixels get a black border of two pixels. Label k
    of data set i becomes 10 i + k.

    ``parts`` are in the order of :data:`~lifelong_lb.config.entries.streams.FIVE_DATASETS`.
    """

    titles: tuple[str, ...] = FIVE_DATASETS

    def labels(self) -> list[int]:
        """Check that all five data sets can be read.

        Returns:
            The labels, ascending.

        Raises:
            UserError: if a file is damaged or has another layout, or a data set does not have ten classes.
        """
        by_part = [part.labels() for part in self.parts]
        for part, labels in zip(self.parts, by_part, strict=True):
            _check(part, labels)
        return [CLASSES * i + label for i, labels in enumerate(by_part) for label in labels]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the labels of all five data sets.

        Returns:
            Labels of the train part and of the test part.
        """
        parts = [part.part_labels() for part in self.parts]
        train, test = (np.concatenate([CLASSES * i + pair[part] for i, pair in enumerate(parts)]) for part in (0, 1))
        return train, test

    def check(self) -> Checked:
        """Check each of the five data sets.

        Returns:
            Labels of all images.

        Raises:
            UserError: if a file is damaged or has another layout, or a data set does not have ten classes.
        """
        results = [part.check() for part in self.parts]
        for part, checked in zip(self.parts, results, strict=True):
            _check(part, set(checked.train.tolist()))
        note = "; ".join(checked.note for checked in results if checked.note)
        return Checked(*self.part_labels(), note, shape=(3, SIZE, SIZE))

    def read(self) -> tuple[Arrays, Arrays]:
        """Read all five data sets.

        Returns:
            Train part and test part, images uint8 ``(N, 3, 32, 32)``.

        Raises:
            UserError: if a file is damaged or has another layout, or a data set does not have ten classes.
        """
        pairs = [part.read() for part in self.parts]
        for part, (train, _) in zip(self.parts, pairs, strict=True):
            _check(part, set(train.y.tolist()))
        train, test = (_concatenated([pair[i] for pair in pairs]) for i in (0, 1))
        return train, test


def find_five_datasets(roots: Sequence[Path]) -> Source:
    """Find all five data sets.

    Args:
        roots: folders to search, in this order.

    Returns:
        Their source; images are not read yet.

    Raises:
        UserError: if a data set is not found.
    """
    return FiveDatasetsSource(tuple(KNOWN[name].find(roots) for name in FIVE_DATASETS))


def _check(part: Source, labels: Collection[int]) -> None:
    """Check that a data set has ten classes: an eleventh would get a label of the next data set."""
    if set(labels) != set(range(CLASSES)):
        raise UserError(
            f"{part.description}: each of the five data sets must have {CLASSES} classes; "
            f"got {len(set(labels))}, with labels {', '.join(map(str, sorted(labels)))}"
        )


def _concatenated(parts: Sequence[Arrays]) -> Arrays:
    """Concatenate data sets, as RGB of the same size, in one array."""
    x = np.zeros((sum(len(part.y) for part in parts), 3, SIZE, SIZE), dtype=np.uint8)
    y, names, start = [], [], 0
    for i, (title, part) in enumerate(zip(FIVE_DATASETS, parts, strict=True)):
        edge = (SIZE - part.x.shape[2]) // 2
        # a single channel is broadcast to all three
        x[start : start + len(part.y), :, edge : SIZE - edge, edge : SIZE - edge] = part.x
        y.append(part.y + CLASSES * i)
        class_names = part.class_names or tuple(map(str, range(CLASSES)))
        names += [f"{title} {class_names[k]}" for k in range(CLASSES)]
        start += len(part.y)
    return Arrays(x, np.concatenate(y), tuple(names))
