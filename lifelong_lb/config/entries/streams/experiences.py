"""Experiences of unequal size, and class orders of other codes."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from lifelong_lb.config.entries.fields import AtLeastOne, Int, Settings, Within
from lifelong_lb.hyperparameters import Range
from lifelong_lb.untrusted import quoted


class FirstThen(Settings):
    """Numbers of classes of the experiences, e.g. "B50 inc 10"."""

    first: AtLeastOne
    """Number of classes of the first experience, e.g. 50."""
    then: AtLeastOne
    """Number of classes of each later experience, e.g. 10."""

    def numbers(self, classes: int | None, images: str) -> tuple[int, ...]:
        """Number of classes of each experience.

        Args:
            classes: number of classes in total; None if it is only known when the images are read.
            images: name of the images in messages.

        Returns:
            One number per experience.

        Raises:
            ValueError: if they do not add up to the number of classes.
        """
        if classes is None:
            raise ValueError(
                "first and then need a data set with a known number of classes; list the numbers of your own images, "
                f"e.g. [{self.first}, {self.then}, {self.then}]"
            )
        rest = classes - self.first
        if rest < 0 or rest % self.then:
            raise ValueError(
                f"must add up to the {classes} classes of {images}: first + a multiple of then; "
                f"got first {self.first} and then {self.then}"
            )
        return (self.first, *[self.then] * (rest // self.then))


class NumpySeed(Settings):
    """The class order ``np.random.seed(numpy_seed); np.random.permutation(n)`` of PyCIL, FACIL, DER's code and others.

    The n labels that occur are permuted; with seed 1993, CIFAR-100 begins with 68, 56, 78, 8, 23.
    """

    numpy_seed: Annotated[Int, Within(Range(0, 2**32 - 1, whole=True))]
    """Seed of numpy's global generator, e.g. 1993."""


def _kind(value: Any) -> str:
    if isinstance(value, Mapping | FirstThen):
        return "first-then"
    if not isinstance(value, list | tuple):
        return "equal"
    return "lists" if value and isinstance(value[0], list | tuple) else "numbers"


def _class(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be the label of a class, a whole number, or its name; got {quoted(value)}")
    return value


Class = Annotated[int | str, BeforeValidator(_class)]
"""A class: its label, or its name."""

ClassOrder = Annotated[
    Annotated[tuple[Class, ...], Tag("classes")] | Annotated[NumpySeed, Tag("seeded")],
    Discriminator(lambda value: "seeded" if isinstance(value, Mapping | NumpySeed) else "classes"),
]
"""Labels or names of all classes, or the seed that draws their order."""

Experiences = Annotated[
    Annotated[AtLeastOne, Tag("equal")]
    | Annotated[tuple[AtLeastOne, ...], Field(min_length=1), Tag("numbers")]
    | Annotated[tuple[Annotated[tuple[Class, ...], Field(min_length=1)], ...], Tag("lists")]
    | Annotated[FirstThen, Tag("first-then")],
    Discriminator(_kind),
]
"""Number of experiences of equal size, or one number of classes or list of classes per experience."""


def check_lists(experiences: tuple[tuple[int | str, ...], ...]) -> None:
    """Check that no class is in two experiences.

    Args:
        experiences: labels or names of the classes of each experience.

    Raises:
        ValueError: if one is.
    """
    home: dict[int | str, int] = {}
    for index, classes in enumerate(experiences):
        for one in classes:
            if one in home:
                raise ValueError(f"each class must be in one experience; {quoted(one)} is in {home[one]} and {index}")
            home[one] = index
