"""Maximally interfered retrieval, the retrieved images held still for all passes of a step."""

from collections.abc import Iterator
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from avalanche.training.plugins.mir import update_temp
from avalanche.training.storage_policy import ClassBalancedBuffer
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from lifelong_lb.optim.modes import maximising
from lifelong_lb.optim.passes import RandomState, drawn_again
from lifelong_lb.strategies.loading.loader import Endless
from lifelong_lb.strategies.methods.patches.version import check_version
from lifelong_lb.strategies.methods.replay import drawn


class MIR(SupervisedTemplate):
    """A strategy that replays the images that a plain step would forget most.

    Aljundi et al. 2019, arXiv 1908.04742: of ``subsample`` images drawn from the memory, those ``batch_size_mem`` whose
    loss rises most by a step on the minibatch alone. They are retrieved in the first pass of a step, at w, and replayed
    in every pass. The memory is balanced over classes and filled after each experience. As in Avalanche's MIRPlugin,
    but for what is replayed: there, images of the latest classes are left out for the whole next experience.

    Args:
        mem_size: images kept.
        batch_size_mem: images replayed.
        subsample: images among which to choose.
        common: arguments of Avalanche's SupervisedTemplate.
    """

    def __init__(self, *, mem_size: int, batch_size_mem: int, subsample: int, **common: Any) -> None:
        self.retrieval = Retrieval(mem_size, batch_size_mem, subsample)
        common["plugins"] = [*common["plugins"], self.retrieval]
        super().__init__(**common)

    def _unpack_minibatch(self) -> None:
        super()._unpack_minibatch()
        if self.is_training:
            self.retrieval.draw(self.device)


class Retrieval(SupervisedPlugin):
    """The memory of :class:`MIR`, and the loss on what it retrieves.

    Args:
        mem_size: images kept.
        batch_size_mem: images replayed.
        subsample: images among which to choose.
    """

    replays_aside = True  # of the minibatches that the strategy's data loader gives

    def __init__(self, mem_size: int, batch_size_mem: int, subsample: int) -> None:
        check_version("MIRPlugin")
        super().__init__()
        self.batch_size_mem, self.subsample = batch_size_mem, subsample
        self.storage_policy = ClassBalancedBuffer(max_size=mem_size, adaptive_size=True)
        self._loader: Iterator[Any] | None = None
        self._candidates: list[Tensor] | None = None
        self.retrieved: list[Tensor] | None = None

    @property
    def active(self) -> bool:
        """Whether there is anything to retrieve."""
        return self._loader is not None

    def draw(self, device: torch.device) -> None:
        """Draw the images to choose from in this iteration.

        Args:
            device: where to put them.
        """
        self._candidates, self.retrieved = drawn(self._loader, device), None

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse an optimizer that maximises: the step that is tried is one downhill.

        Raises:
            ValueError: if it maximises.
        """
        if (where := maximising(strategy.optimizer)) is not None:
            raise ValueError(f"MIR tries a step downhill, and {where}: negate the loss and minimise it")

    def before_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Add the loss on the retrieved images, which the first pass chooses."""
        if self._candidates is None:
            return
        if self.retrieved is None:
            with drawn_again(RandomState({strategy.device})):  # further passes do not choose, and draw the same masks
                order = torch.argsort(_interference(strategy, self._candidates))
            chosen = order[max(0, len(order) - self.batch_size_mem) :]
            self.retrieved = [part[chosen] for part in self._candidates]
        x, y, task = self.retrieved
        strategy.loss += strategy._criterion(avalanche_forward(strategy.model, x, task), y)

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Fill the memory."""
        self.storage_policy.post_adapt(strategy, strategy.experience)
        self._loader = shuffled(self.storage_policy.buffer, self.subsample)


def shuffled(memory: Any, batch_size: int) -> Endless:
    """Minibatches of a memory in random order, the last of each round perhaps a smaller one, over and over.

    Args:
        memory: a data set, not empty.
        batch_size: of a minibatch.

    Returns:
        An iterator over minibatches.
    """
    return Endless(DataLoader(memory, batch_size=batch_size, shuffle=True))


def _interference(strategy: Any, candidates: list[Tensor]) -> Tensor:
    """By how much a plain step on the loss so far would raise the loss of each candidate, ``(n,)``."""
    model, parameters = strategy.model, list(strategy.model.parameters())
    grads = torch.autograd.grad(strategy.loss, parameters, retain_graph=True, allow_unused=True)
    stepped = update_temp(model, grads, strategy.optimizer.param_groups[0]["lr"])
    x, y, task = candidates
    with torch.no_grad():
        before, after = (cross_entropy(avalanche_forward(m, x, task), y, reduction="none") for m in (model, stepped))
    return after - before
