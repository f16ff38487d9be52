"""Learning rate schedules of a base optimizer: what its ``lr`` is multiplied by while a run trains."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Float, OneOrEach, Positive, Settings, WholeNumber
from lifelong_lb.config.parse import NestedProblems, Problems, parse_entry
from lifelong_lb.untrusted import quoted

Proportion = Annotated[Float, Field(ge=0, le=1)]


class ScheduleEntry(Settings):
    """How an optimizer's learning rate changes: factors of its ``lr``, the product of all that are named.

    ``by``: what is counted, and after what the rate changes: epochs, or iterations of the strategy, one a minibatch,
    however many gradients and base steps a rule takes over it. ``over: experience`` counts anew in each experience,
    ``over: stream`` goes on through all of them. ``warmup: n`` multiplies the first n rates by 1 / (n + 1),
    2 / (n + 1), ..., n / (n + 1). ``experience_factor`` to the power i multiplies all rates of experience i, 0 for the
    first (the decay by task of Mirzadeh et al. 2020, arXiv 2006.06958); a list holds one factor an experience instead.
    """

    name: str
    by: Literal["epoch", "iteration"] = "epoch"
    over: Literal["experience", "stream"] = "experience"
    warmup: WholeNumber = 0
    experience_factor: OneOrEach = 1.0

    def short_text(self) -> str:
        """Its name and what is not as usual, for labels.

        Returns:
            Such as ``"cosine by:iteration warmup:20"``.
        """
        unusual = self.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        return " ".join([self.name, *(f"{key}:{value}" for key, value in unusual.items())])

    def own_change(self) -> int:
        """After how many epochs or iterations the schedule, its warm-up left aside, has changed the rate.

        Returns:
            The number of the last change that is known beforehand, 0 without any.
        """
        return 0

    def last_change(self) -> int:
        """After how many epochs or iterations all that was named has taken part.

        Returns:
            A number of whatever ``by`` counts.
        """
        return max(self.warmup, self.own_change())

    def factor_of(self, experience: int) -> float:
        """What all rates of an experience are multiplied by.

        Args:
            experience: its number, 0 for the first.

        Returns:
            A factor.
        """
        factor = self.experience_factor
        return factor[experience] if isinstance(factor, tuple) else float(factor**experience)

    @model_validator(mode="after")
    def _rates_stay_above_zero(self) -> "ScheduleEntry":
        factor = self.experience_factor
        if not (all(f > 0 for f in factor) if isinstance(factor, tuple) else 0 < factor <= 1):
            raise ValueError(f"needs an experience_factor in (0, 1], or a list of positive ones; got {factor}")
        return self

    def knows_boundaries(self) -> bool:
        """Whether the rate depends on where an experience begins."""
        return self.over == "experience" or self.experience_factor != 1


class Constant(ScheduleEntry):
    """The ``lr`` as it is, but for a warm-up or a factor by experience."""

    name: Literal["constant"] = "constant"

    @model_validator(mode="after")
    def _something_changes(self) -> "Constant":
        if not self.warmup and self.experience_factor == 1:
            raise ValueError("needs a warmup or an experience_factor other than 1, else it changes nothing")
        return self


class Step(ScheduleEntry):
    """Another ``factor`` after each ``every`` epochs or iterations."""

    name: Literal["step"] = "step"
    every: AtLeastOne = 1
    factor: Positive = 0.1

    def own_change(self) -> int:
        """The first of its changes."""
        return self.every


class MultiStep(ScheduleEntry):
    """Another ``factor`` after each of the ``milestones``, numbers of epochs or iterations."""

    name: Literal["multistep"] = "multistep"
    milestones: tuple[AtLeastOne, ...] = ()
    factor: Positive = 0.1

    @model_validator(mode="after")
    def _rising(self) -> "MultiStep":
        if not self.milestones or list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"needs milestones that rise, such as [3, 6]; got {quoted(list(self.milestones))}")
        return self

    def own_change(self) -> int:
        """The last milestone."""
        return self.milestones[-1]


class Cosine(ScheduleEntry):
    """Half a cosine from 1 down to ``minimum``, over an experience or the whole stream.

    Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5, with warm restarts where it goes over each experience. Over the
    stream each experience has an equal share of it, and each chunk of an online experience one of the experience's.
    """

    name: Literal["cosine"] = "cosine"
    minimum: Proportion = 0.0

    def own_change(self) -> int:
        """It changes with each epoch or iteration."""
        return 1


SCHEDULE_ENTRIES: dict[str, type[ScheduleEntry]] = {
    "constant": Constant,
    "step": Step,
    "multistep": MultiStep,
    "cosine": Cosine,
}


def _parsed(value: Any) -> Any:
    """A schedule from a bare name or a mapping; None and a parsed one as they are.

    Args:
        value: what stood in the study file.

    Returns:
        A schedule, or None.

    Raises:
        NestedProblems: for anything else.
    """
    if value is None or isinstance(value, ScheduleEntry):
        return value
    problems = Problems()
    entry = parse_entry("schedule", SCHEDULE_ENTRIES, value, "", problems)
    if entry is None:
        raise NestedProblems(problems.found)
    return entry


Schedule = Annotated[SerializeAsAny[ScheduleEntry] | None, BeforeValidator(_parsed)]
"""The type of a field that holds a schedule or nothing."""
