"""Base class of streams that distribute classes over experiences."""

from collections.abc import Sequence

from pydantic import model_validator

from lifelong_lb.config.entries.fields import Fraction
from lifelong_lb.config.entries.streams.base import Scenario, StreamEntry
from lifelong_lb.config.entries.streams.experiences import FirstThen


class DealtStream(StreamEntry):
    """Classes distributed over experiences.

    ``blurry`` spreads these images evenly over the other experiences: blurry-M of Bang et al. 2021 (arXiv 2103.17230)
    with M = 100 ``blurry``, counted by class (equivalent to counting by experience if classes have equally many
    images). The test part of an experience holds only the classes assigned to it.
    """

    scenario: Scenario = "task-incremental"
    blurry: Fraction = 0.0
    """Fraction of each class's training images that appear in other experiences than that of the class."""

    @model_validator(mode="after")
    def _blurry_needs_one_label_space(self) -> "DealtStream":
        if self.blurry and (self.scenario != "class-incremental" or self.length == 1):
            raise ValueError(
                f"must be class-incremental, with at least two experiences, if blurry is above 0; got "
                f"{self.scenario} and {self.length}"
            )
        return self

    def class_numbers(self, classes: Sequence[int]) -> tuple[int, ...]:
        """Number of classes of each experience.

        Args:
            classes: the labels of all classes.

        Returns:
            One number per experience.
        """
        assert not isinstance(self.experiences, FirstThen), self.experiences  # replaced when the entry is built
        if isinstance(self.experiences, int):
            return (len(classes) // self.experiences,) * self.experiences
        return tuple(each if isinstance(each, int) else len(each) for each in self.experiences)
