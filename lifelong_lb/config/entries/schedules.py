"""Learning rate schedules: factors of a base optimizer's ``lr`` during training."""

from typing import Annotated, Literal

from pydantic import Discriminator, SerializeAsAny, Tag, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, OneOrEach, Positive, Settings, UnitInterval, WholeNumber
from lifelong_lb.config.parse import Named
from lifelong_lb.untrusted import quoted

Unit = Literal["epoch", "iteration"]
Span = Literal["experience", "stream"]


class ScheduleEntry(Settings):
    """Learning rate schedule: ``lr`` times the product of all given factors."""

    name: str
    """Name of the schedule."""
    by: Unit = "epoch"
    """Unit of counting and of changes: epochs, or iterations of the strategy (one per minibatch, independent of the
    number of gradients and base steps of a rule)."""
    over: Span = "experience"
    """``experience`` restarts the count in each experience, ``stream`` continues it."""
    warmup: WholeNumber = 0
    """Multiply the first n rates by 1 / (n + 1), 2 / (n + 1), ..., n / (n + 1)."""
    experience_factor: OneOrEach = 1.0
    """Its power i multiplies all rates of experience i, 0 for the first (the decay by task of Mirzadeh et al. 2020,
    arXiv 2006.06958); a list gives one factor per experience instead, e.g. ``[1, 0.5, 0.5]``."""

    def short_text(self) -> str:
        """Name and settings that differ from the defaults, for labels.

        Returns:
            E.g. ``"cosine by:iteration warmup:20"``.
        """
        changed = self.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        return " ".join([self.name, *(f"{key}:{value}" for key, value in changed.items())])

    def own_change(self, experience: int = 0) -> int:
        """Epoch or iteration of the last change known in advance, without the warm-up.

        Args:
            experience: number of the experience, 0 for the first.

        Returns:
            Its number, 0 if there is none.
        """
        return 0

    def last_change(self, experience: int = 0) -> int:
        """Number of epochs or iterations after which every given setting has had an effect.

        Args:
            experience: number of the experience, 0 for the first.

        Returns:
            A number in units of ``by``.
        """
        return max(self.warmup, self.own_change(experience))

    def changes_with_phase(self) -> bool:
        """Whether later experiences have other changes than the first one."""
        return False

    def factor_of(self, experience: int) -> float:
        """Factor of all rates of an experience.

        Args:
            experience: number of the experience, 0 for the first.

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
        """Whether the rate depends on the start of an experience."""
        return self.over == "experience" or self.experience_factor != 1


class Constant(ScheduleEntry):
    """Constant ``lr``, with a warm-up or a factor per experience."""

    name: Literal["constant"] = "constant"

    @model_validator(mode="after")
    def _something_changes(self) -> "Constant":
        if not self.warmup and self.experience_factor == 1:
            raise ValueError("needs a warmup or an experience_factor other than 1, else it has no effect")
        return self


class Step(ScheduleEntry):
    """A further ``factor`` after every ``every`` epochs or iterations."""

    name: Literal["step"] = "step"
    every: AtLeastOne = 1
    """Epochs or iterations between two changes."""
    factor: Positive = 0.1
    """Factor of each change."""

    def own_change(self, experience: int = 0) -> int:
        """The first of its changes."""
        return self.every


Increasing = tuple[AtLeastOne, ...]
Milestones = Annotated[
    Annotated[Increasing, Tag("one")] | Annotated[tuple[Increasing, ...], Tag("two")],
    Discriminator(lambda value: "two" if _is_list(value) and any(map(_is_list, value)) else "one"),
]


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


class MultiStep(ScheduleEntry):
    """A further ``factor`` after each of the ``milestones``, numbers of epochs or iterations."""

    name: Literal["multistep"] = "multistep"
    milestones: Milestones = ()
    """Increasing numbers of epochs or iterations after which the rate changes, e.g. ``[3, 6]``; two lists, e.g. ``[[60,
    120, 170], [80, 120]]``, for the first experience and for later ones."""
    factor: Positive = 0.1
    """Factor of each change."""

    @property
    def phases(self) -> tuple[tuple[int, ...], ...]:
        """Milestones of the first experience and of later ones, or one tuple for all."""
        return tuple(each for each in self.milestones if isinstance(each, tuple)) or (self.milestones,)  # type: ignore[return-value]

    @model_validator(mode="after")
    def _rising(self) -> "MultiStep":
        nested = any(isinstance(each, tuple) for each in self.milestones)
        if nested and len(self.phases) != 2:
            raise ValueError(
                "needs one list of milestones, or two, for the first experience and for later ones; got "
                f"{len(self.phases)}"
            )
        if not all(phase and list(phase) == sorted(set(phase)) for phase in self.phases):
            raise ValueError(f"needs increasing milestones, e.g. [3, 6]; got {quoted(_as_lists(self.milestones))}")
        if self.changes_with_phase() and self.over == "stream":
            raise ValueError("needs one list of milestones if over is stream; got two")
        return self

    def milestones_of(self, experience: int) -> tuple[int, ...]:
        """Milestones of an experience.

        Args:
            experience: number of the experience, 0 for the first.

        Returns:
            Increasing numbers of epochs or iterations.
        """
        return self.phases[0 if experience == 0 else -1]

    def changes_with_phase(self) -> bool:
        """Whether there are two lists of milestones."""
        return len(self.phases) > 1

    def own_change(self, experience: int = 0) -> int:
        """The last milestone."""
        return self.milestones_of(experience)[-1]


def _as_lists(value: object) -> object:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


class Cosine(ScheduleEntry):
    """Half a cosine from 1 down to ``minimum``, over an experience or the whole stream.

    Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5, with warm restarts if ``over`` is experience. Over the stream,
    each experience gets an equal share, and each chunk of an online experience an equal share of the experience's.
    """

    name: Literal["cosine"] = "cosine"
    minimum: UnitInterval = 0.0
    """Factor at the end."""

    def own_change(self, experience: int = 0) -> int:
        """1, because the rate changes with each epoch or iteration."""
        return 1


SCHEDULE_ENTRIES: dict[str, type[ScheduleEntry]] = {
    "constant": Constant,
    "step": Step,
    "multistep": MultiStep,
    "cosine": Cosine,
}


Schedule = Annotated[SerializeAsAny[ScheduleEntry], Named("schedule", SCHEDULE_ENTRIES)] | None
"""The type of a field that holds a schedule or nothing."""
