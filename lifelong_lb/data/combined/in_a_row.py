"""Several sources of images in a row, one per experience."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.streams.several_sources import LABELS_PER_SOURCE
from lifelong_lb.data.arrays import Arrays, Checked
from lifelong_lb.data.combined.resizing import resized
from lifelong_lb.data.combined.several_parts import SeveralParts
from lifelong_lb.untrusted import quoted

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class InARow(SeveralParts):
    """Sources brought to one size and colour; class k of source i has the label 1000 i + k.

    k is the position of the class among the labels of its source, in ascending order; with ``same_classes``, among
    those of the first source, where classes are identified by their names if all sources name all classes.

    Attributes:
        image_size: height and width of all images; None if all sources have the same.
        channels: 1 or 3; None for 3 if one source is RGB, else 1.
        same_classes: whether all sources must have the same classes.
    """

    image_size: int | None = None
    channels: int | None = None
    same_classes: bool = False

    def settings(self) -> dict[str, str]:
        """Return the settings that affect the images.

        Returns:
            A mapping of strings.
        """
        own = {name: str(getattr(self, name)) for name in ("image_size", "channels", "same_classes")}
        return {**super().settings(), "in a row": str(own)}

    @cached_property
    def _classes(self) -> list[list[int]]:
        """Labels of each source, in the order of k."""
        labels = self.of_parts(lambda part: part.labels())
        for title, own in zip(self.titles, labels, strict=True):
            if len(own) > LABELS_PER_SOURCE:
                raise UserError(f"{title}: must have at most {LABELS_PER_SOURCE:,} classes; got {len(own):,}")
        return self._matched(labels) if self.same_classes else labels

    def _matched(self, labels: list[list[int]]) -> list[list[int]]:
        """Order the classes of each source as those of the first."""
        names = self.of_parts(lambda part: part.names_of_classes())
        by_name = [_named(own, known) for own, known in zip(labels, names, strict=True)]
        named = all(each is not None for each in by_name)
        keyed = [
            each if named and each is not None else {str(label): label for label in own}
            for each, own in zip(by_name, labels, strict=True)
        ]
        for title, each in zip(self.titles[1:], keyed[1:], strict=True):
            self._check_same(title, keyed[0], each)
        return [[each[key] for key in keyed[0]] for each in keyed]

    def _check_same(self, title: str, first: dict[str, int], other: dict[str, int]) -> None:
        for mine, missing_in, theirs in ((first, title, other), (other, self.titles[0], first)):
            lacking = next((key for key in mine if key not in theirs), None)
            if lacking is not None:
                raise UserError(
                    f"sources of a domain-incremental stream must have the same classes; class {quoted(lacking)} is "
                    f"missing in {missing_in}; set scenario: class-incremental or task-incremental for new classes"
                )

    def labels(self) -> list[int]:
        """Check that all sources can be read, and find their classes.

        Returns:
            The labels, ascending.

        Raises:
            UserError: if a file is damaged, or the classes of sources differ but must not.
        """
        return [LABELS_PER_SOURCE * i + k for i, own in enumerate(self._classes) for k in range(len(own))]

    def part_labels(self) -> tuple[Labels, Labels]:
        """Read the labels of all sources.

        Returns:
            Labels of the train part and of the test part.
        """
        parts = self.of_parts(lambda part: part.part_labels())
        train, test = (
            np.concatenate([self._renumbered(i, pair[part]) for i, pair in enumerate(parts)]) for part in (0, 1)
        )
        return train, test

    def names_of_classes(self) -> tuple[str, ...]:
        """Names of the classes: the source and the class.

        Returns:
            The names, empty between the labels of two sources.
        """
        names = [""] * (LABELS_PER_SOURCE * (len(self.parts) - 1) + len(self._classes[-1]))
        for i, (title, part, own) in enumerate(zip(self.titles, self.parts, self._classes, strict=True)):
            known = part.names_of_classes()
            for k, label in enumerate(own):
                names[LABELS_PER_SOURCE * i + k] = f"{title} {known[label] if label < len(known) else label}"
        return tuple(names)

    def check(self) -> Checked:
        """Check each source, and compare the sizes of their images.

        Returns:
            Labels of all images.

        Raises:
            UserError: if a file is damaged, sizes differ without an ``image_size``, or classes differ but must not.
        """
        results = self.of_parts(lambda part: part.check())
        sizes = [checked.size for checked in results]
        if self.image_size is None:
            self._check_sizes(sizes)
        size = sizes[0] if self.image_size is None else (self.image_size, self.image_size)
        shapes = [checked.shape for checked in results if checked.shape is not None]
        channels = self.channels or (max(shape[0] for shape in shapes) if len(shapes) == len(results) else None)
        shape = None if size is None or channels is None else (channels, *size)
        note = "; ".join(checked.note for checked in results if checked.note)
        return Checked(*self.part_labels(), note, shape, size)

    def read(self) -> tuple[Arrays, Arrays]:
        """Read all sources.

        Returns:
            Train part and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: if a file is damaged, sizes differ without an ``image_size``, or classes differ but must not.
        """
        pairs = self.of_parts(lambda part: part.read())
        if self.image_size is None:
            self._check_sizes([train.x.shape[2:] for train, _ in pairs])
        channels = self.channels or max(train.x.shape[1] for train, _ in pairs)
        names = self.names_of_classes()
        train, test = (self._joined([pair[part] for pair in pairs], channels, names) for part in (0, 1))
        return train, test

    def _check_sizes(self, sizes: Sequence[tuple[int, ...] | None]) -> None:
        """Compare heights and widths; those that are None are unknown."""
        known = [(title, size) for title, size in zip(self.titles, sizes, strict=True) if size is not None]
        for title, size in known[1:]:
            first, wanted = known[0]
            if size != wanted:
                raise UserError(
                    f"images of {first} have {wanted[0]} x {wanted[1]} pixels, those of {title} {size[0]} x {size[1]}; "
                    f"set image_size, e.g. {max(wanted[0], size[0])}, to bring all of them to one size"
                )

    def _joined(self, parts: Sequence[Arrays], channels: int, names: tuple[str, ...]) -> Arrays:
        x = [resized(part.x, self.image_size, channels, title) for title, part in zip(self.titles, parts, strict=True)]
        y = [self._renumbered(i, part.y) for i, part in enumerate(parts)]
        return Arrays(np.concatenate(x), np.concatenate(y), names)

    def _renumbered(self, i: int, y: Labels) -> Labels:
        own = np.array(self._classes[i])
        ascending = np.argsort(own)
        place = np.minimum(np.searchsorted(own, y, sorter=ascending), len(own) - 1)
        unknown = np.flatnonzero(own[ascending[place]] != y)
        if len(unknown):
            raise UserError(f"{self.titles[i]}: class {y[unknown[0]]} is in the test part, but not in the train part")
        return LABELS_PER_SOURCE * i + ascending[place]


def _named(labels: Sequence[int], names: Sequence[str]) -> dict[str, int] | None:
    """Maps the name of each class to its label; None if a class has no name, or two have the same."""
    found = {names[label]: label for label in labels if 0 <= label < len(names) and names[label]}
    return found if len(found) == len(labels) else None
