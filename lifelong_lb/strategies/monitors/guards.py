"""Small plugins every run has: separate random streams, training time, and an eye on the loss."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin

from lifelong_lb.seeding import DATA_ORDER, MEMORY, NOISE, REFERENCE, derive, seed_all
from lifelong_lb.strategies.methods.patches.agem import AverageGEM
from lifelong_lb.strategies.monitors.stiffness import stiffness_hint
from lifelong_lb.strategies.schedule.position import experience_number


class DivergedError(ArithmeticError):
    """Training has left the finite numbers.

    Args:
        what: what is not finite, and where.
        strategy: the Avalanche strategy; a quadratic penalty that is too stiff for its learning rate is named.
    """

    def __init__(self, what: str, strategy: Any = None) -> None:
        super().__init__(what if strategy is None else what + stiffness_hint(strategy))


def place(strategy: Any) -> str:
    """Where a strategy is in its training.

    Args:
        strategy: the Avalanche strategy.

    Returns:
        Experience, chunk in an online stream, and iteration, in words.
    """
    where = f"experience {experience_number(strategy)}"
    if isinstance(strategy.experience, OnlineCLExperience):
        where += f", chunk {strategy.clock.train_exp_counter}"
    return f"{where}, iteration {strategy.clock.train_exp_iterations}"


class SeparateSeeds(SupervisedPlugin):
    """Keeps two random streams apart: one that orders minibatches and fills memories, one that training itself uses.

    Both start anew at each epoch, from the seed alone, and so does the generator of A-GEM's reference minibatches.
    Whatever random numbers a rule's passes or a model draw (for dropout, say), the minibatches that follow, and what a
    memory keeps, are those that every other rule gets.

    Args:
        seed: the study's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._other = torch.get_rng_state()  # of the stream that is not in use now

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start both streams; that of the minibatches is in use."""
        at = (strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs)
        for plugin in strategy.plugins:
            if isinstance(plugin, AverageGEM):
                plugin.generator.manual_seed(derive(self._seed, REFERENCE, *at))
        seed_all(self._seed, NOISE, *at)
        self._other = torch.get_rng_state()
        seed_all(self._seed, DATA_ORDER, *at)

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """The minibatch is there: change to the stream that training uses."""
        self._change()

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Change back before the next minibatch is made."""
        self._change()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Seed for what follows the epoch, such as filling a memory."""
        seed_all(self._seed, MEMORY, strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs)

    def _change(self) -> None:
        mine = torch.get_rng_state()
        torch.set_rng_state(self._other)
        self._other = mine


class Stopwatch(SupervisedPlugin):
    """Adds up the wall-clock seconds of the training epochs, without set-up and evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far, those of an epoch under way included."""
        return self._seconds + (0.0 if self._started is None else time.perf_counter() - self._started)

    @contextmanager
    def stopped(self, strategy: Any) -> Iterator[None]:
        """Stand still while something other than training goes on within an epoch.

        Args:
            strategy: the Avalanche strategy; what its device still has to do for training counts.

        Yields:
            Nothing.
        """
        if strategy.device.type == "cuda":
            torch.cuda.synchronize(strategy.device)
        left = time.perf_counter()
        try:
            yield
        finally:
            if self._started is not None:
                self._started += time.perf_counter() - left

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start."""
        self._started = time.perf_counter()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop."""
        self._seconds, self._started = self.seconds, None

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stand still, too, where an epoch was stopped before it began."""
        self._started = None


def check_loss(strategy: Any) -> None:
    """Look at the loss of a minibatch.

    Args:
        strategy: the Avalanche strategy.

    Raises:
        DivergedError: if it is not finite.
    """
    loss = strategy.loss.item()
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise DivergedError(f"the loss became {loss} in {place(strategy)}", strategy)


class DivergenceGuard(SupervisedPlugin):
    """Stops a run whose loss, or whose weights after an experience, are no longer finite numbers."""

    def after_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the loss of the minibatch.

        Raises:
            DivergedError: if it is not finite.
        """
        check_loss(strategy)

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the weights.

        Raises:
            DivergedError: if one of them is not finite.
        """
        for name, parameter in strategy.model.named_parameters():
            if not torch.isfinite(parameter).all():
                raise DivergedError(f"{name} is not finite after {place(strategy)}", strategy)
