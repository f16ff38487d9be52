"""Streams of experiences a study file can name."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from lifelong_lb.config.fields import AtLeastOne, Entry, Int

Scenario = Literal["task-incremental", "class-incremental", "domain-incremental"]


class StreamEntry(Entry):
    """A sequence of experiences; ``model`` and ``train`` override the study's own for this stream.

    With ``chunk`` the stream is an online one: the images of an experience arrive that many at a time, in an order that
    the seed draws, and strategies take each chunk for an experience. ``task_boundaries`` says whether they are told
    where one experience ends and the next begins. Accuracy is measured after each whole experience in any case.

    Class attributes: ``classes`` of the whole data set, ``dataset`` its name, ``may_be_partial`` whether the data found
    may hold some of its classes only.
    """

    classes: ClassVar[int]
    dataset: ClassVar[str]
    may_be_partial: ClassVar[bool] = False
    experiences: AtLeastOne
    scenario: Scenario
    chunk: AtLeastOne | None = None
    task_boundaries: bool = False
    model: dict[str, Any] | str | None = None
    train: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _boundaries_need_chunks(self) -> "StreamEntry":
        if self.task_boundaries and self.chunk is None:
            raise ValueError("needs a chunk, such as 10, where task_boundaries is true; got none")
        return self


class SplitStream(StreamEntry):
    """A data set whose classes are dealt out, equally many an experience.

    ``class_order`` fixes the order of the data set's own class labels; without it each seed draws its own.
    """

    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
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


class SplitMNIST(SplitStream):
    """MNIST (LeCun et al. 1998): 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes."""

    classes = 10
    dataset = "mnist"
    name: Literal["split-mnist"] = "split-mnist"
    experiences: AtLeastOne = 5


class PermutedStream(StreamEntry):
    """All images of a data set in every experience, their pixels in another order each time; the labels stay.

    Each seed draws its own permutations. ``permute_first: false`` leaves the images of the first experience as they
    are, as Goodfellow et al. 2013 (arXiv 1312.6211) have it; the others keep their permutations.
    """

    scenario: Literal["domain-incremental"] = "domain-incremental"
    permute_first: bool = True


class PermutedDigits(PermutedStream):
    """The digits of ``split-digits`` with permuted pixels: nothing to download."""

    classes = 10
    dataset = "digits"
    name: Literal["permuted-digits"] = "permuted-digits"
    experiences: AtLeastOne = 10


class PermutedMNIST(PermutedStream):
    """MNIST with permuted pixels (Goodfellow et al. 2013); as in Avalanche, those of the first experience too."""

    classes = 10
    dataset = "mnist"
    name: Literal["permuted-mnist"] = "permuted-mnist"
    experiences: AtLeastOne = 10


STREAM_ENTRIES: dict[str, type[StreamEntry]] = {
    "split-digits": SplitDigits,
    "split-mnist": SplitMNIST,
    "split-cifar100": SplitCIFAR100,
    "permuted-digits": PermutedDigits,
    "permuted-mnist": PermutedMNIST,
}
