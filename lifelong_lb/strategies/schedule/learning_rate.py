"""Learning rate schedules over the epochs or iterations of a strategy."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from typing import Any, get_args

from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin

from lifelong_lb.config.entries import schedules as entries
from lifelong_lb.strategies.schedule.position import begins_experience, experience_number


@dataclass(frozen=True)
class Moment:
    """Position in training before a minibatch.

    Attributes:
        experience: number of the experience in the stream, from 0.
        count: epochs or iterations completed, in this experience or in the stream.
        share: completed share of this experience, or of the stream, in [0, 1).
    """

    experience: int
    count: int
    share: float


def _constant(entry: entries.Constant, moment: Moment) -> float:
    return 1.0


def _step(entry: entries.Step, moment: Moment) -> float:
    return float(entry.factor ** (moment.count // entry.every))


def _multistep(entry: entries.MultiStep, moment: Moment) -> float:
    return float(entry.factor ** bisect_right(entry.milestones_of(moment.experience), moment.count))


def _cosine(entry: entries.Cosine, moment: Moment) -> float:
    return entry.minimum + (1 - entry.minimum) * (1 + cos(pi * moment.share)) / 2


SCHEDULES: dict[str, Callable[[Any, Moment], float]] = {
    "constant": _constant,
    "step": _step,
    "multistep": _multistep,
    "cosine": _cosine,
}
"""Factors of the learning rate, by schedule name in a study file."""


def rate_factor(entry: entries.ScheduleEntry, moment: Moment) -> float:
    """Factor by which a schedule multiplies the optimizer's learning rate.

    Args:
        entry: entry of the study file.
        moment: position in training.

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

    All gradients and base steps of an update rule over a minibatch use one rate. A schedule is a function of the
    position in training, so it is independent of resuming from a checkpoint, growing heads and rebuilt optimizers. The
    schedulers of ``torch.optim.lr_scheduler`` modify the current rate and do not handle experiences; Avalanche's
    ``LRSchedulerPlugin`` restarts them by setting their counter to zero, which omits a warm-up, starts a composed
    one in the middle, and treats each chunk of an online stream as an experience.

    Args:
        schedule: returns the factor.
        by: whether epochs or iterations are counted; by epoch, the rate is constant within an epoch.
        over: whether counting restarts with each experience, or continues through the stream.
        experiences: number of experiences in the stream, with equal shares; needed for ``over="stream"``.
        spent_share: returns the completed share of the experience's training, if a budget ends it; None to compute
            it from epochs.
        follower: a rule whose :attr:`~lifelong_lb.optim.UpdateRule.radii` are multiplied by the same factor; None for
            none.

    Raises:
        ValueError: for another value, or a stream without a number of experiences.

    Example:
        >>> ScheduledLearningRate(lambda moment: 0.5**moment.count).over
        'experience'
    """

    def __init__(
        self,
        schedule: Callable[[Moment], float],
        *,
        by: entries.Unit = "epoch",
        over: entries.Span = "experience",
        experiences: int | None = None,
        spent_share: Callable[[], float] | None = None,
        follower: Any = None,
    ) -> None:
        super().__init__()
        if by not in get_args(entries.Unit):
            raise ValueError(f"by must be 'epoch' or 'iteration'; got {by!r}")
        if over not in get_args(entries.Span):
            raise ValueError(f"over must be 'experience' or 'stream'; got {over!r}")
        if over == "stream" and experiences is None:
            raise ValueError("over='stream' needs experiences, their number; got None")
        self.schedule, self.by, self.over, self.experiences = schedule, by, over, experiences
        self._spent_share, self._before_epoch = spent_share, 0.0
        self._follower = follower
        radii = () if follower is None else follower.radii
        self._radii = {name: float(getattr(follower, name)) for name in radii}
        self._count = self._chunk = self._epoch = self._iteration = 0

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Restart or continue counting."""
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
        self._before_epoch = 0.0 if self._spent_share is None else self._spent_share()

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Set the learning rate, and the radii that follow it."""
        factor = self.schedule(Moment(experience_number(strategy), self._count, self._share(strategy)))
        for group in strategy.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        for name, radius in self._radii.items():
            setattr(self._follower, name, radius * factor)

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Update the count."""
        self._iteration += 1
        self._count += self.by == "iteration"

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Update the count."""
        self._epoch += 1
        self._count += self.by == "epoch"

    def _share(self, strategy: Any) -> float:
        if self._spent_share is not None:
            done = self._spent_share() if self.by == "iteration" else self._before_epoch
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
    """Number of chunks of an experience of the stream."""
    if not isinstance(experience, OnlineCLExperience):
        return 1
    with experience.no_attribute_masking():
        return int(experience.sub_stream_length)
