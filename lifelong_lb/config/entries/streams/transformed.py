"""Streams that transform all images of a data set in every experience: permuted or rotated pixels."""

from typing import Annotated, Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    Float,
    Within,
)
from lifelong_lb.config.entries.streams.base import OwnImages, StreamEntry
from lifelong_lb.hyperparameters import Range


class PermutedStream(StreamEntry):
    """All images of a data set in every experience, with a different permutation of the pixels; labels are unchanged.

    Each seed draws the permutations. ``permute_first: false`` leaves the images of the first experience unchanged, as
    in Goodfellow et al. 2013 (arXiv 1312.6211); the permutations of the others stay the same.
    """

    scenario: Literal["domain-incremental"] = "domain-incremental"
    permute_first: bool = True
    """Whether the pixels of the first experience are permuted too; the permutations of the others stay the same."""


class PermutedDigits(PermutedStream):
    """The digits of ``split-digits`` with permuted pixels: nothing to download."""

    classes = 10
    dataset = "digits"
    name: Literal["permuted-digits"] = "permuted-digits"
    experiences: AtLeastOne = 10


class PermutedMNIST(PermutedStream):
    """MNIST with permuted pixels (Goodfellow et al. 2013); as in Avalanche, also in the first experience."""

    classes = 10
    dataset = "mnist"
    name: Literal["permuted-mnist"] = "permuted-mnist"
    experiences: AtLeastOne = 10


class Permuted(OwnImages, PermutedStream):
    """Your own images with permuted pixels."""

    name: Literal["permuted"] = "permuted"
    experiences: AtLeastOne = 10


class RotatedStream(StreamEntry):
    """All images of a data set in every experience, rotated by a different angle; labels are unchanged.

    ``angles`` fixes the angles, in degrees counter-clockwise. Without it each seed draws one from each of T equal parts
    of [0, ``max_angle``), ascending, as in Lopez-Paz & Ranzato 2017 (arXiv 1706.08840). Pixels are interpolated
    bilinearly; areas outside the original image are black.
    """

    scenario: Literal["domain-incremental"] = "domain-incremental"
    max_angle: Annotated[Float, Within(Range(0, 360, above=True))] = 180.0
    """End of the range of drawn angles, in degrees."""
    angles: tuple[Float, ...] | None = None
    """One angle per experience, in degrees counter-clockwise, e.g. ``[0, 20, 40]``; without it each seed draws them."""

    @model_validator(mode="after")
    def _one_angle_each(self) -> "RotatedStream":
        if self.angles is not None and len(self.angles) != self.length:
            raise ValueError(f"needs one angle for each of {self.length} experiences; got {len(self.angles)}")
        return self


class RotatedDigits(RotatedStream):
    """The digits of ``split-digits``, rotated: nothing to download."""

    classes = 10
    dataset = "digits"
    name: Literal["rotated-digits"] = "rotated-digits"
    experiences: AtLeastOne = 10


class RotatedMNIST(RotatedStream):
    """MNIST, rotated (Lopez-Paz & Ranzato 2017)."""

    classes = 10
    dataset = "mnist"
    name: Literal["rotated-mnist"] = "rotated-mnist"
    experiences: AtLeastOne = 10


class Rotated(OwnImages, RotatedStream):
    """Your own images, rotated."""

    name: Literal["rotated"] = "rotated"
    experiences: AtLeastOne = 10
