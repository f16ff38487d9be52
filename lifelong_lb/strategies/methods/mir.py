"""Maximally interfered retrieval, with the same retrieved images in all passes of a step."""

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
from lifelong_lb.strategies.methods.replay import next_batch


class MIR(SupervisedTemplate):
    """Replay of the images whose loss a plain step would raise most.

    Aljundi et al. 2019, arXiv 1908.04742: of ``subsample`` images drawn from the memory, those ``batch_size_mem`` whose
    loss rises most by a step on the minibatch alone. They are retrieved in the first pass of a step, at w, and replayed
    in every pass. The memory is balanced over classes and filled after each experience. Differs from
    Avalanche's MIRPlugin, which leaves images of the latest classes out for the whole next experience.

    Args:
        mem_size: number of images kept.
        batch_size_mem: number of images replayed.
        subsample: number of candidates to choose from.
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
        mem_size: number of images kept.
        batch_size_mem: number of images replayed.
        subsample: number of candidates to choose from.
    """

    replays_aside = True  # outside the minibatches of the strategy's data loader

    def __init__(self, mem_size: int, batch_size_mem: int, subsample: int) -> None:
        check_version("MIRPlugin")
        super().__init__()
        self.batch_size_mem, self.subsample = batch_size_mem, subsample
        self.storage_policy = ClassBalancedBuffer(max_size=mem_size, adaptive_size=True)
        self._loader: Iterator[Any] | None = None
        self.candidates: list[Tensor] | None = None
        self.retrieved: list[Tensor] | None = None

    @property
    def active(self) -> bool:
        """Whether the memory holds images."""
        return self._loader is not None

    def draw(self, device: torch.device) -> None:
        """Draw the candidates of this iteration.

        Args:
            device: device of the candidates.
        """
        self.candidates, self.retrieved = next_batch(self._loader, device), None

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse an optimizer that maximises, because the trial step descends.

        Raises:
            ValueError: if it maximises.
        """
        if (where := maximising(strategy.optimizer)) is not None:
            raise ValueError(f"MIR tries a step downhill, and {where}: negate the loss and minimise it")

    def before_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Add the loss on the retrieved images, which the first pass chooses."""
        if self.candidates is None:
            return
        if self.retrieved is None:
            with drawn_again(RandomState({strategy.device})):  # extra passes skip this, and must draw the same masks
                order = torch.argsort(_interference(strategy, self.candidates))
            chosen = order[max(0, len(order) - self.batch_size_mem) :]
            self.retrieved = [part[chosen] for part in self.candidates]
        x, y, task = self.retrieved
        strategy.loss += strategy._criterion(avalanche_forward(strategy.model, x, task), y)

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Fill the memory."""
        self.storage_policy.post_adapt(strategy, strategy.experience)
        self._loader = shuffled(self.storage_policy.buffer, self.subsample)


def shuffled(memory: Any, batch_size: int) -> Endless:
    """Endless minibatches of a memory in random order; the last one of a round may be smaller.

    Args:
        memory: a data set, not empty.
        batch_size: images per minibatch.

    Returns:
        An iterator over minibatches.
    """
    return Endless(DataLoader(memory, batch_size=batch_size, shuffle=True))


def _interference(strategy: Any, candidates: list[Tensor]) -> Tensor:
    """Increase of the loss of each candidate by a plain step on the loss so far, ``(n,)``."""
    model, parameters = strategy.model, list(strategy.model.parameters())
    trained = [p for p in parameters if p.requires_grad]
    of_trained = iter(torch.autograd.grad(strategy.loss, trained, retain_graph=True, allow_unused=True))
    grads = [next(of_trained) if p.requires_grad else None for p in parameters]
    stepped = update_temp(model, grads, strategy.optimizer.param_groups[0]["lr"])
    x, y, task = candidates
    with torch.no_grad():
        before, after = (cross_entropy(avalanche_forward(m, x, task), y, reduction="none") for m in (model, stepped))
    return after - before
