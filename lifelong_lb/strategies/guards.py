"""Small plugins every run has: separate random streams, training time, and an eye on the loss."""

import time
from typing import Any

import torch
from avalanche.core import SupervisedPlugin

from lifelong_lb.seeding import DATA_ORDER, MEMORY, seed_all


class DivergedError(ArithmeticError):
    """Training has left the finite numbers."""


class SeparateSeeds(SupervisedPlugin):
    """Seeds the global generators at every epoch, so that the order of minibatches depends on the seed alone.

    Whatever random numbers a rule's passes or a model draw within an epoch, the next epoch's minibatches, and what a
    memory keeps afterwards, are those that every other rule gets.

    Args:
        seed: the study's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Seed for the epoch's minibatches.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        clock = strategy.clock
        seed_all(self._seed, DATA_ORDER, clock.train_exp_counter, clock.train_exp_epochs)

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Seed for what follows the epoch, such as filling a memory.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        clock = strategy.clock
        seed_all(self._seed, MEMORY, clock.train_exp_counter, clock.train_exp_epochs)


class Stopwatch(SupervisedPlugin):
    """Adds up the wall-clock seconds of the training epochs, without set-up and evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._started = 0.0

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._started = time.perf_counter()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self.seconds += time.perf_counter() - self._started


class DivergenceGuard(SupervisedPlugin):
    """Stops a run whose loss, or whose weights after an experience, are no longer finite numbers."""

    def after_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the loss of the minibatch.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.

        Raises:
            DivergedError: when it is not finite.
        """
        loss = strategy.loss.item()
        if loss != loss or loss in (float("inf"), float("-inf")):
            where = f"experience {strategy.clock.train_exp_counter}, iteration {strategy.clock.train_exp_iterations}"
            raise DivergedError(f"the loss became {loss} in {where}")

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look at the weights.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.

        Raises:
            DivergedError: when one of them is not finite.
        """
        for name, parameter in strategy.model.named_parameters():
            if not torch.isfinite(parameter).all():
                raise DivergedError(f"{name} is not finite after experience {strategy.clock.train_exp_counter}")
