"""Estimate the gradient evaluations of runs before execution, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np

from lifelong_lb.config import RuleEntry, RunConfig
from lifelong_lb.config.checks.budgets import affordable_epochs, gradient_limit
from lifelong_lb.config.entries.own_loop_strategies import MER, LaMAML
from lifelong_lb.config.entries.rules import NoRule
from lifelong_lb.config.entries.strategies import AGEM, EWC, GEM, GSS, MAS, MIR, Cumulative, GDumb, ICaRL, RWalk
from lifelong_lb.data.selection import Labels


@dataclass(frozen=True)
class Count:
    """An exact number or a lower bound.

    Attributes:
        least: the number or lower bound.
        exact: whether it is exact.
    """

    least: int = 0
    exact: bool = True

    def __add__(self, other: "Count") -> "Count":
        return Count(self.least + other.least, self.exact and other.exact)

    def __str__(self) -> str:
        return f"{self.least:,}" if self.exact else f"at least {self.least:,}"


@dataclass(frozen=True)
class Training:
    """Input of one training call: an experience, a chunk of one, or the whole stream.

    Attributes:
        experience: index of the experience.
        images: number of its images.
        minibatches: number of minibatches per epoch.
        first: whether it is the first of the run.
    """

    experience: int
    images: int
    minibatches: Count
    first: bool


def trainings(config: RunConfig, learnt: Sequence[Labels]) -> list[Training]:
    """List the training calls of a run.

    Args:
        config: the run's configuration.
        learnt: labels of the images of each experience, from :func:`lifelong_lb.data.experiences.learnt_labels`.

    Returns:
        One element per training call, in order.
    """
    sizes, batch = [len(labels) for labels in learnt], config.train.batch_size
    if config.strategy.trained_once:
        return [Training(0, sum(sizes), _joined(config, sizes), True)]
    result = []
    for i, size in enumerate(sizes):
        chunk = config.stream.chunk or size
        parts = [min(chunk, size - start) for start in range(0, size, chunk)]
        for number, images in enumerate(parts):
            if isinstance(config.strategy, Cumulative):
                minibatches = _joined(config, sizes[: i + 1])
            elif isinstance(config.strategy, GDumb):
                minibatches = Count(ceil(_in_memory(config.strategy.mem_size, learnt[: i + 1]) / batch), exact=False)
            else:
                minibatches = Count(ceil(images / batch), exact=i == 0 or not isinstance(config.strategy, ICaRL))
            result.append(Training(i, images, minibatches, first=i == number == 0))
    return result


def _joined(config: RunConfig, sizes: Sequence[int]) -> Count:
    """Minibatches over several experiences; with tasks, each minibatch has a share of every task."""
    batch, tasks = config.train.batch_size, len(sizes)
    if config.stream.scenario != "task-incremental":
        return Count(ceil(sum(sizes) / batch))
    shares = [batch // tasks + (i < batch % tasks) for i in range(tasks)]
    if not all(shares):  # minibatches smaller than the number of tasks are impossible
        return Count(exact=False)
    return Count(max(ceil(size / share) for size, share in zip(sizes, shares, strict=True)))


def _in_memory(mem_size: int, seen: Sequence[Labels]) -> int:
    """Minimum number of images in a memory with equal shares for all classes seen."""
    _, counts = np.unique(np.concatenate(seen), return_counts=True)
    return int(np.minimum(counts, mem_size // len(counts)).sum())


@cache
def _epoch_gradients(rule: RuleEntry, minibatches: int) -> Count:
    spans = [rule.gradients(step) for step in range(minibatches)]
    return Count(sum(fewest for fewest, _ in spans), all(fewest == most for fewest, most in spans))


def rule_gradients(config: RunConfig, parts: Sequence[Training]) -> Count:
    """Estimate the gradient evaluations of a run's rule, ``gradient_evaluations`` in the results.

    Args:
        config: the run's configuration.
        parts: what it trains on.

    Returns:
        The number, or a lower bound if it depends on the training.
    """
    if not config.strategy.takes_gradients:
        return Count()
    if config.training.match == "seconds":
        return Count(exact=False)
    if config.training.match == "gradients":
        return _within_budget(config, parts)
    total = Count()
    for part in parts:
        acting = config.rule if part.experience >= config.rule.from_experience else NoRule()
        epoch = _epoch_gradients(acting, part.minibatches.least)
        exact = epoch.exact and part.minibatches.exact and not config.optimizer.takes_passes
        total += Count(config.train.epochs_of(part.experience) * epoch.least, exact)
    return total


def _within_budget(config: RunConfig, parts: Sequence[Training]) -> Count:
    experiences = config.stream.learnt if config.strategy.trained_once else 1
    total = Count()
    for experience in dict.fromkeys(part.experience for part in parts):
        of_experience = [part for part in parts if part.experience == experience]
        acting = config.rule if experience >= config.rule.from_experience else NoRule()
        fewest, most = acting.gradients(0)
        taken = limit = minibatches = 0
        for number, part in enumerate(of_experience, start=1):
            minibatches += part.minibatches.least
            limit = gradient_limit(
                config.training, minibatches, part=number, parts=len(of_experience), experiences=experiences
            )
            if part.minibatches.least:
                taken += affordable_epochs(acting, part.minibatches.least, limit - taken)[1]
        if fewest < most or not all(part.minibatches.exact for part in of_experience) or config.optimizer.takes_passes:
            total += Count(max(0, limit - most + 1), exact=False)
        else:
            total += Count(taken)
    return total


def strategy_gradients(config: RunConfig, parts: Sequence[Training]) -> Count:
    """Estimate the strategy's own gradients of a run, ``strategy_gradient_evaluations``.

    Args:
        config: the run's configuration.
        parts: what it trains on.

    Returns:
        The number, or a lower bound if it depends on the training.
    """
    strategy, total = config.strategy, Count()
    for part in parts:
        known = config.training.match == "steps"
        epochs = config.train.epochs_of(part.experience)
        iterations = epochs * part.minibatches.least if known else 0
        if isinstance(strategy, RWalk) or (isinstance(strategy, AGEM | MIR) and not part.first):
            total += Count(iterations, known)
        elif isinstance(strategy, GEM):
            total += Count(part.experience * iterations, known)
        elif isinstance(strategy, EWC | MAS):
            total += Count(ceil(part.images / config.train.batch_size))
        elif isinstance(strategy, GSS):
            total += Count(exact=False)
        elif isinstance(strategy, LaMAML):
            total += Count(epochs * _inner_updates(strategy, part, config.train.batch_size) * known, known)
        elif isinstance(strategy, MER):
            total += Count((strategy.n_inner_steps - 1) * iterations, known)
    return total


def _inner_updates(strategy: LaMAML, part: Training, batch: int) -> int:
    """Inner updates per epoch; the last minibatch may be smaller."""
    whole, rest = divmod(part.images, batch)
    return whole * strategy.inner_updates(batch) + (strategy.inner_updates(rest) if rest else 0)
