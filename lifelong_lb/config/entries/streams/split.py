"""Base class of streams that split a data set by classes."""

from collections import Counter
from typing import Literal

from pydantic import field_validator, model_validator

from lifelong_lb.config.entries.streams.dealt import DealtStream
from lifelong_lb.config.entries.streams.experiences import ClassOrder, Experiences, FirstThen, check_lists
from lifelong_lb.untrusted import quoted


class SplitStream(DealtStream):
    """A data set split by classes."""

    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
    experiences: Experiences
    """Number of experiences, each with equally many classes; or their numbers of classes, e.g. ``[50, 10, 10]`` or
    ``{first: 50, then: 10}``; or their classes, as labels or names, e.g. ``[[0, 1], [2, 3]]``."""
    class_order: ClassOrder | None = None
    """Order of the classes, as labels or names, e.g. ``[1, 0, 3, 2]`` or ``[cat, ant]``, or ``{numpy_seed: 1993}`` for
    the order of PyCIL and others; without it each seed draws an order, unless ``experiences`` lists the classes."""

    @field_validator("experiences")
    @classmethod
    def _numbers_or_lists(cls, experiences: Experiences) -> Experiences:
        if isinstance(experiences, FirstThen):
            return experiences.numbers(cls.classes, cls.dataset or "the images")
        if isinstance(experiences, tuple):
            lists = tuple(classes for classes in experiences if isinstance(classes, tuple))
            check_lists(lists)
        return experiences

    @property
    def listed_classes(self) -> tuple[int | str, ...] | None:
        """The classes that ``experiences`` lists, in this order; None if it lists none."""
        if not isinstance(self.experiences, tuple) or not isinstance(self.experiences[0], tuple):
            return None
        return tuple(one for classes in self.experiences if isinstance(classes, tuple) for one in classes)

    @property
    def order_key(self) -> str:
        """The key that fixes the order of the classes, if one does."""
        return "experiences" if self.class_order is None else "class_order"

    @property
    def fixed_order(self) -> tuple[int | str, ...] | None:
        """The order of the classes that ``class_order`` or ``experiences`` lists; None if neither does."""
        return self.class_order if isinstance(self.class_order, tuple) else self.listed_classes

    @model_validator(mode="after")
    def _one_order(self) -> "SplitStream":
        if self.listed_classes is not None and self.class_order is not None:
            raise ValueError(
                "class_order must be left out if experiences lists classes, which fixes the order; got both"
            )
        return self

    @model_validator(mode="after")
    def _classes_divide(self) -> "SplitStream":
        classes = self.classes
        if classes is None:  # known only when the images are read
            return self
        if isinstance(self.experiences, int):
            self._check_equal(self.experiences, classes)
        elif self.listed_classes is None:
            self._check_numbers(self.class_numbers(range(classes)), classes)
        if self.fixed_order is not None:
            self._check_listed(self.fixed_order, classes)
        return self

    def _check_equal(self, experiences: int, classes: int) -> None:
        if classes % experiences:
            divisors = [d for d in range(1, classes + 1) if classes % d == 0]
            raise ValueError(
                f"experiences must divide the {classes} classes of {self.images}; got {experiences} "
                f"(allowed: {', '.join(map(str, divisors))})"
            )

    def _check_numbers(self, numbers: tuple[int, ...], classes: int) -> None:
        if sum(numbers) > classes or (sum(numbers) < classes and not self.may_be_partial):
            raise ValueError(
                f"experiences must be numbers that add up to the {classes} classes of {self.images}; "
                f"got {quoted(list(numbers))}, which add up to {sum(numbers)}"
            )

    def _check_listed(self, listed: tuple[int | str, ...], classes: int) -> None:
        """Check the classes that a key lists; names are only known when the images are read."""
        key, labels = self.order_key, {one for one in listed if isinstance(one, int)}
        other = next((label for label in sorted(labels) if not 0 <= label < classes), None)
        if other is not None:
            raise ValueError(f"{key} must list labels of {self.images}, 0..{classes - 1}; got {other}")
        twice = next((one for one, count in Counter(listed).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"{key} must list each class once; got {quoted(twice)} twice")
        if len(listed) > classes or (len(listed) < classes and not self.may_be_partial):
            left = sorted(set(range(classes)) - labels)
            got = f"{left[0]} is missing" if left and len(labels) == len(listed) else f"got {len(listed)} of them"
            raise ValueError(f"{key} must list each of the {classes} classes of {self.images}; {got}")
        if not listed or (isinstance(self.experiences, int) and len(listed) % self.experiences):
            raise ValueError(f"{key} must list a multiple of {self.experiences} classes; got {len(listed)}")
