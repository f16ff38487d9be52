"""Streams of experiences a study file can name."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from lifelong_lb.config.fields import AtLeastOne, Entry, Int

Scenario = Literal["task-incremental", "class-incremental"]


class StreamEntry(Entry):
    """A sequence of experiences; ``model`` and ``train`` override the study's own for this stream."""

    model: dict[str, Any] | str | None = None
    train: dict[str, Any] | None = None


class SplitStream(StreamEntry):
    """A data set whose classes are dealt out, equally many an experience.

    ``class_order`` fixes the order of the data set's own class labels; without it each seed draws its own.

    Class attributes: ``classes`` of the whole data set, ``dataset`` its name, ``may_be_partial`` whether the data found
    may hold some of its classes only.
    """

    classes: ClassVar[int]
    dataset: ClassVar[str]
    may_be_partial: ClassVar[bool] = False
    experiences: AtLeastOne
    scenario: Scenario = "task-incremental"
    class_order: tuple[Int, ...] | None = None

    @model_validator(mode="after")
    def _classes_divide(self) -> "SplitStream":
        if self.classes % self.experiences:
            divisors = [d for d in range(1, self.classes + 1) if self.classes % d == 0]
            raise ValueError(
                f"experiences must divide the {self.classes} classes of {self.dataset}; got {self.experiences} "
                f"(allowed: {', '.join(map(str, divisors))})"
            )
        order = self.class_order
        if order is not None and not self._orders_classes(order):
            raise ValueError(
                f"class_order must name each class of {self.dataset} once, as labels 0..{self.classes - 1}; "
                f"got {list(order)}"
            )
        return self

    def _orders_classes(self, order: tuple[int, ...]) -> bool:
        known = set(range(self.classes))
        complete = set(order) <= known if self.may_be_partial else set(order) == known
        return complete and len(set(order)) == len(order) > 0 and len(order) % self.experiences == 0


class SplitDigits(SplitStream):
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, embedded: nothing to download.

    A fixed stratified split that no seed changes: about 80 % to learn from, 20 % to test on.
    """

    classes = 10
    dataset = "digits"
    name: Literal["split-digits"] = "split-digits"
    experiences: AtLeastOne = 5


class SplitCIFAR100(SplitStream):
    """CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 x 32 pixels in 100 classes."""

    classes = 100
    dataset = "cifar100"
    may_be_partial = True  # the data found may hold some of the classes only
    name: Literal["split-cifar100"] = "split-cifar100"
    experiences: AtLeastOne = 20


STREAM_ENTRIES: dict[str, type[SplitStream]] = {"split-digits": SplitDigits, "split-cifar100": SplitCIFAR100}
