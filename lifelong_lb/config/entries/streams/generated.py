"""Streams of random images."""

from typing import Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    AtLeastTwo,
    NonNegative,
    UnitInterval,
    WholeNumber,
)
from lifelong_lb.config.entries.streams.dealt import DealtStream

MAX_GENERATED = 2_000_000
"""Maximum number of images of a generated stream, and 1 % of the maximum number of pixels."""


class Generated(DealtStream):
    """Noisy copies of random class prototypes with adjustable task similarity: nothing to download.

    Class k of experience t has the prototype sqrt(similarity) a_k + sqrt(1 - similarity) b_tk, with a and b independent
    and normal, so the prototypes of class k in two experiences have the correlation ``similarity``. At 1 all
    experiences are the same, at 0 they are independent. ``noise`` is the standard deviation of pixels around the
    prototype, relative to that of the prototypes; see :class:`lifelong_lb.data.generated.GeneratedSource`.
    """

    name: Literal["generated"] = "generated"
    experiences: AtLeastOne = 5
    classes_per_experience: AtLeastTwo = 2
    """Number of classes of each experience."""
    similarity: UnitInterval = 0.5
    """Correlation of the prototypes of class k in two experiences: at 1 all experiences are the same, at 0 they are
    independent."""
    noise: NonNegative = 3.0
    """Standard deviation of pixels around the prototype, relative to that of the prototypes."""
    image_size: AtLeastTwo = 8
    """Pixels per side."""
    train_images: AtLeastOne = 100
    """Training images of each class."""
    test_images: AtLeastOne = 50
    """Test images of each class."""
    data_seed: WholeNumber = 0
    """Seed of the images; the study's seeds draw the order of the experiences."""

    @model_validator(mode="after")
    def _fits_in_memory(self) -> "Generated":
        images = self.experiences * self.classes_per_experience * (self.train_images + self.test_images)
        if images > MAX_GENERATED or images * self.image_size**2 > 100 * MAX_GENERATED:
            raise ValueError(
                f"must have at most {MAX_GENERATED:,} images and {100 * MAX_GENERATED:,} pixels altogether; got "
                f"{images:,} images of {self.image_size} x {self.image_size}"
            )
        return self

    @model_validator(mode="after")
    def _classes_differ(self) -> "Generated":
        if self.scenario == "class-incremental" and self.similarity == 1 and self.experiences > 1:
            raise ValueError("needs a similarity below 1 if it is class-incremental, else classes are equal; got 1")
        return self
