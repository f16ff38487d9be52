"""Plugins of every run: separate random streams, training time, and checks of the loss."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin
from torch import Tensor

from lifelong_lb import devices
from lifelong_lb.seeding import DATA_ORDER, MEMORY, NOISE, REFERENCE, derive, seed_all
from lifelong_lb.strategies.methods.patches.agem import AverageGEM
from lifelong_lb.strategies.monitors.stiffness import stiffness_hint
from lifelong_lb.strategies.schedule.position import experience_number


class DivergedError(ArithmeticError):
    """Loss or weights are not finite.

    Args:
        what: which value is not finite, and where.
        strategy: the Avalanche strategy, to append a hint about a penalty that is too stiff for the learning rate.
    """

    def __init__(self, what: str, strategy: Any = None) -> None:
        super().__init__(what if strategy is None else what + stiffness_hint(strategy))


def place(strategy: Any) -> str:
    """Describe the position of a strategy in training.

    Args:
        strategy: the Avalanche strategy.

    Returns:
        Experience, chunk (in an online stream) and iteration, as text.
    """
    where = f"experience {experience_number(strategy)}"
    if isinstance(strategy.experience, OnlineCLExperience):
        where += f", chunk {strategy.clock.train_exp_counter}"
    return f"{where}, iteration {strategy.clock.train_exp_iterations}"


class SeparateSeeds(SupervisedPlugin):
    """Separates two random streams: one for the order of minibatches and memories, one for training itself.

    Both are seeded at each epoch from the seed, and so is the generator of A-GEM's reference minibatches. Minibatches
    and memories are therefore the same for all rules, independent of random numbers drawn in passes (e.g. dropout).

    Args:
        seed: the study's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._other = torch.get_rng_state()  # state of the inactive stream

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Seed both streams, and activate that of the minibatches."""
        at = (strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs)
        for plugin in strategy.plugins:
            if isinstance(plugin, AverageGEM):
                plugin.generator.manual_seed(derive(self._seed, REFERENCE, *at))
        seed_all(self._seed, NOISE, *at)
        self._other = torch.get_rng_state()
        kind = strategy.device.type
        noise = devices.generator_state(devices.current(kind))
        seed_all(self._seed, DATA_ORDER, *at)
        if kind != "cpu":  # minibatches are drawn on the CPU, so that a device's generator belongs to training alone
            devices.set_generator_state(devices.current(kind), noise)

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Switch to the stream of training, after the minibatch is loaded."""
        self._switch()

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Switch back before the next minibatch is loaded."""
        self._switch()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Seed for operations after the epoch, such as filling a memory."""
        seed_all(self._seed, MEMORY, strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs)

    def _switch(self) -> None:
        active = torch.get_rng_state()
        torch.set_rng_state(self._other)
        self._other = active


class Stopwatch(SupervisedPlugin):
    """Wall-clock seconds of the training epochs, without set-up and evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far, including the current epoch."""
        return self._seconds + (0.0 if self._started is None else time.perf_counter() - self._started)

    @contextmanager
    def stopped(self, strategy: Any) -> Iterator[None]:
        """Pause within an epoch.

        Args:
            strategy: the Avalanche strategy; pending work of its device counts as training.

        Yields:
            None.
        """
        devices.synchronise(strategy.device)
        left = time.perf_counter()
        try:
            yield
        finally:
            if self._started is not None:
                self._started += time.perf_counter() - left

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Start the epoch."""
        self._started = time.perf_counter()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop at the end of the epoch."""
        self._seconds, self._started = self.seconds, None

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop after an epoch that was stopped before it began."""
        self._started = None


def check_loss(strategy: Any) -> None:
    """Check the loss of a minibatch.

    Args:
        strategy: the Avalanche strategy.

    Raises:
        DivergedError: if it is not finite.
    """
    loss = strategy.loss.item()
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise DivergedError(f"the loss became {loss} in {place(strategy)}", strategy)


class DivergenceGuard(SupervisedPlugin):
    """Stops a run whose loss, or weights after an experience, are not finite.

    The loss is checked after each iteration; on an accelerator, whose host would have to wait for it, the sum of the
    losses is checked after the experience.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sum: Tensor | None = None

    def after_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Check the loss of the minibatch, or add it.

        Raises:
            DivergedError: if it is not finite.
        """
        if strategy.device.type == "cpu":
            check_loss(strategy)
        else:
            loss = strategy.loss.detach()
            self._sum = loss if self._sum is None else self._sum + loss

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Check the sum of the losses, and the weights.

        Raises:
            DivergedError: if one of them is not finite.
        """
        values = dict(strategy.model.named_parameters())
        if self._sum is not None:
            values = {"the loss": self._sum, **values}
            self._sum = None
        if not values:
            return
        finite = torch.stack([torch.isfinite(value).all() for value in values.values()]).tolist()
        for name, is_finite in zip(values, finite, strict=True):
            if not is_finite:
                raise DivergedError(f"{name} is not finite after {place(strategy)}", strategy)
