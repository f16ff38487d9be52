"""Input and output sizes that a stream requires of a model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes and channel statistics of a stream.

    Attributes:
        image: channels, height, width.
        experiences: T.
        classes: number of classes in the whole stream.
        classes_an_experience: number of classes in each experience: one number for all, or one per experience.
        mean: mean of each channel, in units of 0..1.
        std: standard deviation of each channel, in the same units.
        features: whether the images are features of a frozen backbone, ``(F, 1, 1)``, so that a model is only a head.
    """

    image: tuple[int, int, int]
    experiences: int
    classes: int
    classes_an_experience: int | tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    features: bool = False

    @property
    def first_classes(self) -> int:
        """Number of classes in the first experience."""
        numbers = self.classes_an_experience
        return numbers if isinstance(numbers, int) else numbers[0]
