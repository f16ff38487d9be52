"""Learning rates that change while a strategy trains, counted in its own epochs or iterations."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from typing import Any, Literal

from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin

from lifelong_lb.config.entries import schedules as entries
from lifelong_lb.strategies.schedule.position import begins_experience, experience_number


@dataclass(frozen=True)
class Moment:
    """Where training is when a minibatch is about to be trained on.

    Attributes:
        experience: of the stream, 0 for the first.
        count: epochs or iterations that lie behind, in this experience or in the stream.
        share: of this experience, or of the stream, that lies behind, in [0, 1).
    """

    experience: int
    count: int
    share: float


def _constant(entry: entries.Constant, moment: Moment) -> float:
    return 1.0


def _step(entry: entries.Step, moment: Moment) -> float:
    return float(entry.factor ** (moment.count // entry.every))


def _multistep(entry: entries.MultiStep, moment: Moment) -> float:
    return float(entry.factor ** bisect_right(entry.milestones, moment.count))


def _cosine(entry: entries.Cosine, moment: Moment) -> float:
    return entry.minimum + (1 - entry.minimum) * (1 + cos(pi * moment.share)) / 2


SCHEDULES: dict[str, Callable[[Any, Moment], float]] = {
    "constant": _constant,
    "step": _step,
    "multistep": _multistep,
    "cosine": _cosine,
}
"""Names that a study file knows, and what they multiply a learning rate by."""


def rate_factor(entry: entries.ScheduleEntry, moment: Moment) -> float:
    """What a schedule multiplies an optimizer's own learning rate by.

    Args:
        entry: entry of the study file.
        moment: where training is.

    Returns:
        The product of schedule, warm-up and factor by experience.

    Example:
        >>> halved = entries.Step(every=4, factor=0.5, warmup=3, experience_factor=0.1)
        >>> [rate_factor(halved, Moment(experience=0, count=n, share=0)) for n in (0, 1, 2, 3, 4, 8)]
        [0.25, 0.5, 0.75, 1.0, 0.5, 0.25]
    """
    warm = min(1.0, (moment.count + 1) / (entry.warmup + 1))
    return SCHEDULES[entry.name](entry, moment) * warm * entry.factor_of(moment.experience)


class ScheduledLearningRate(SupervisedPlugin):
    """Sets each parameter group's learning rate before each minibatch: its initial one times a schedule's factor.

    All gradients and base steps that an update rule takes over a minibatch see one rate, and so does a strategy that
    reads it. A schedule is a plain function of where training is, so that restarting it at an experience, going on with
    a checkpoint, a head that grows and an optimizer that is built anew all leave it as it is. The schedulers of
    ``torch.optim.lr_scheduler`` change the rate that they find, and know of no experiences; Avalanche's
    ``LRSchedulerPlugin`` restarts them by setting their counter to zero, which leaves a warm-up out and starts one made
    of several in the middle, and takes each chunk of an online stream for an experience.

    Args:
        schedule: gives the factor.
        by: whether epochs or iterations are counted. By epoch, the rate stays the same throughout an epoch.
        over: whether counting starts anew in each experience, or goes on through the stream.
        experiences: of the stream, of which each has an equal share; needed for ``over="stream"``.
        behind: gives the share of the experience's training that lies behind, where a budget ends it; None for what
            epochs say.

    Raises:
        ValueError: for another word, or a stream without a number of experiences.

    Example:
        >>> ScheduledLearningRate(lambda moment: 0.5**moment.count).over
        'experience'
    """

    def __init__(
        self,
        schedule: Callable[[Moment], float],
        *,
        by: Literal["epoch", "iteration"] = "epoch",
        over: Literal["experience", "stream"] = "experience",
        experiences: int | None = None,
        behind: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        if by not in ("epoch", "iteration"):
            raise ValueError(f"by must be 'epoch' or 'iteration'; got {by!r}")
        if over not in ("experience", "stream"):
            raise ValueError(f"over must be 'experience' or 'stream'; got {over!r}")
        if over == "stream" and experiences is None:
            raise ValueError("over='stream' needs experiences, their number; got None")
        self.schedule, self.by, self.over, self.experiences = schedule, by, over, experiences
        self._behind, self._before_epoch = behind, 0.0
        self._count = self._chunk = self._epoch = self._iteration = 0

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start counting, or go on."""
        self._epoch = 0
        if not begins_experience(strategy):
            self._chunk += 1
            return
        self._chunk = 0
        if self.over == "experience":
            self._count = 0

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start counting the epoch's iterations."""
        self._iteration = 0
        self._before_epoch = 0.0 if self._behind is None else self._behind()

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Set the rate."""
        factor = self.schedule(Moment(experience_number(strategy), self._count, self._share(strategy)))
        for group in strategy.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count it."""
        self._iteration += 1
        self._count += self.by == "iteration"

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count it."""
        self._epoch += 1
        self._count += self.by == "epoch"

    def _share(self, strategy: Any) -> float:
        if self._behind is not None:
            done = self._behind() if self.by == "iteration" else self._before_epoch
            if self.over == "experience":
                return done
            assert self.experiences is not None
            return (experience_number(strategy) + done) / self.experiences
        an_epoch, within = (len(strategy.dataloader), self._iteration) if self.by == "iteration" else (1, 0)
        done, arrival = self._epoch * an_epoch + within, int(strategy.train_epochs) * an_epoch
        done, total = self._chunk * arrival + done, _arrivals(strategy.experience) * arrival
        if self.over == "stream":
            assert self.experiences is not None
            done, total = experience_number(strategy) * total + done, self.experiences * total
        return done / total


def _arrivals(experience: Any) -> int:
    """In how many parts an experience of the stream is trained on."""
    if not isinstance(experience, OnlineCLExperience):
        return 1
    with experience.no_attribute_masking():
        return int(experience.sub_stream_length)
