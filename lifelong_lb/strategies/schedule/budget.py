"""Training of experiences for a budget of gradients or seconds instead of a number of epochs."""

from collections.abc import Callable, Iterator
from itertools import count
from sys import maxsize
from typing import Any

from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin

from lifelong_lb.config import RuleEntry, Train, UserError
from lifelong_lb.config.checks.budgets import affordable_epochs, gradient_limit
from lifelong_lb.config.entries.rules import NoRule
from lifelong_lb.optim import ClosureOptimizer
from lifelong_lb.seeding import MEMORY, seed_all
from lifelong_lb.strategies.schedule.position import begins_experience, experience_number


class WithinBudget:
    """Loader that ends when the budget is spent.

    Args:
        loader: gives the minibatches.
        room: called with the number of a minibatch in the epoch before it is drawn; whether its step is affordable.
    """

    def __init__(self, loader: Any, room: Callable[[int], bool]) -> None:
        self.loader, self._room = loader, room

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        minibatches = iter(self.loader)
        for step in count():
            minibatch = next(minibatches, None) if self._room(step) else None
            if minibatch is None:
                return
            yield minibatch


class Budget(SupervisedPlugin):
    """Ends the training of each experience when its budget is spent, after as many epochs as it allows.

    The training loop is Avalanche's. If the number of passes is known beforehand, the strategy gets the right number of
    epochs, and the loader of the last one ends early. Otherwise, and for seconds, training is stopped before the first
    epoch without budget, because a stop requested in the last epoch would end the next experience. No step begins that
    could exceed a budget of gradients; a step of an optimizer with its own passes, and the last step of a budget of
    seconds, is finished. The next chunk of an online experience gets what the previous one leaves. A memory is filled
    with the same random numbers for any number of epochs.

    Args:
        train: resolved training settings with a budget of gradients or seconds.
        rule: the rule.
        spent: returns the total spent so far.
        seed: the study's seed.
        experiences: number of experiences that are trained on together.

    Attributes:
        rows: one mapping per experience: its ``budget``, the amount ``spent``, and ``iterations``.
    """

    def __init__(
        self, train: Train, rule: RuleEntry, spent: Callable[[], float], seed: int, experiences: int = 1
    ) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._train, self._rule, self._spent, self._seed, self._experiences = train, rule, spent, seed, experiences
        self._acting, self._start, self._before, self._limit = rule, 0.0, 0.0, 0.0
        self._minibatches = self._part = 0
        self._parts = 1

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Compute the budget and the number of epochs that it allows.

        Args:
            strategy: the Avalanche strategy, with its data loader.

        Raises:
            UserError: if the budget is too small for one step.
        """
        if begins_experience(strategy):
            self._start, self._limit, self._minibatches, self._part = self._spent(), 0.0, 0, 0
            self.rows.append({"experience": experience_number(strategy), "budget": 0, "spent": 0, "iterations": 0})
        self._minibatches, self._part, self._parts = (
            self._minibatches + len(strategy.dataloader),
            self._part + 1,
            _parts(strategy.experience),
        )
        self._before, self._limit = self._limit, self._allowed()
        self.rows[-1]["budget"] = self._limit
        acts = experience_number(strategy) >= self._rule.from_experience and not isinstance(
            strategy.optimizer, ClosureOptimizer
        )
        self._acting = self._rule if acts else NoRule()
        strategy.train_epochs = self._epochs(len(strategy.dataloader))
        if not strategy.train_epochs:
            if self._parts == 1:
                raise UserError(
                    f"train: {self._limit:g} gradient evaluations in experience {experience_number(strategy)} are less "
                    f"than one step of {self._rule.name} takes; use a larger budget, or more passes"
                )
            self._seed_memory(strategy)

    def _allowed(self) -> float:
        if self._train.match == "gradients":
            part = {"part": self._part, "parts": self._parts}
            return gradient_limit(self._train, self._minibatches, **part, experiences=self._experiences)
        assert self._train.budget is not None
        return self._train.budget * self._experiences * self._part / self._parts

    def _epochs(self, minibatches: int) -> int:
        if self._train.match == "seconds":
            return maxsize
        return affordable_epochs(self._acting, minibatches, int(self._limit - self._used()))[0]

    def _used(self) -> float:
        return self._spent() - self._start

    def _room(self, step: int) -> bool:
        if self._train.match == "seconds":
            return self._used() < self._limit
        return self._used() + self._acting.gradients(step)[1] <= self._limit

    def spent_share(self) -> float:
        """Share of the experience's budget that is spent.

        Returns:
            A number in [0, 1].
        """
        part_share = (self._used() - self._before) / (self._limit - self._before) if self._limit > self._before else 1.0
        return (self._part - 1 + min(1.0, max(0.0, part_share))) / self._parts

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Wrap the loader so that it ends with the budget, or stop training."""
        if self._room(0):
            strategy.dataloader = WithinBudget(strategy.dataloader, self._room)
        else:
            strategy.stop_training()
            self.rows[-1]["spent"] = self._used()
            self._seed_memory(strategy)

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count the iteration."""
        self.rows[-1]["iterations"] += 1

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Restore the strategy's loader, and record the amount spent."""
        strategy.dataloader = strategy.dataloader.loader
        self.rows[-1]["spent"] = self._used()
        self._seed_memory(strategy)

    def _seed_memory(self, strategy: Any) -> None:
        seed_all(self._seed, MEMORY, strategy.clock.train_exp_counter, self._train.epochs - 1)


def _parts(experience: Any) -> int:
    """Number of chunks of an experience of the stream."""
    if not isinstance(experience, OnlineCLExperience):
        return 1
    with experience.no_attribute_masking():
        return int(experience.sub_stream_length)
