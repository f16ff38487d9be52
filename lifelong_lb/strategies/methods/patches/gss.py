"""Gradient-based sample selection that leaves the gradient of training alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.benchmarks.utils.data_loader import ReplayDataLoader
from avalanche.training.plugins import GSS_greedyPlugin
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lifelong_lb.strategies.methods.patches.version import check_version


class GSS(GSS_greedyPlugin):
    """Avalanche's plugin, which clears the gradients that it has taken.

    In avalanche-lib 0.6.0 they stay in ``.grad``, where the backward pass that follows adds the minibatch's own: every
    step is taken along the sum of both. More faults are fixed. Replayed images compete for the memory again,
    which fills up with copies of them. Places of the memory that are still empty are replayed as black images of class
    0. Images are kept as floating-point numbers, which models take for normalised ones. And training ends with an error
    where the memory holds fewer images than a minibatch, or fewer with a chance to be replaced than there are
    candidates: here a smaller set is compared with, and fewer compete. So it ends for gradients that do not lie in
    memory in the order of their indices, as those of convolutions in channels-last layout. Each minibatch is joined by
    as many kept images, not by 32.

    Random numbers come from a stream of its own, so that what a rule's passes draw does not change it.

    Args:
        mem_size: images kept.
        mem_strength: number of sets of kept images whose gradients are compared with.

    Attributes:
        gradients: minibatches that gradients were taken over so far, the single images of one counting as one.
    """

    def __init__(self, mem_size: int, mem_strength: int) -> None:
        check_version("GSS_greedyPlugin")
        super().__init__(mem_size, mem_strength, [])
        self.ext_mem_list_x: Tensor
        self.ext_mem_list_y: Tensor
        self.gradients = self._counted = self._seen = 0
        self._random = torch.get_rng_state()

    @property
    def filled(self) -> int:
        """Images in the memory."""
        return int(self.ext_mem_list_current_index)

    def newly_taken(self) -> int:
        """Gradients since this was last asked.

        Returns:
            A number of minibatches.
        """
        before, self._counted = self._counted, self.gradients
        return self.gradients - before

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Replay what is in the memory.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: ``shuffle`` of the loader.
        """
        if not self.filled:
            return
        memory_now = self.ext_mem_list_x[: self.filled], self.ext_mem_list_y[: self.filled]
        x, y = (part.cpu().clone() for part in memory_now)  # which the experience is going to change
        y = y.long()
        attributes = [
            DataAttribute(y.tolist(), "targets"),
            DataAttribute([0] * self.filled, "targets_task_labels", use_in_getitem=True),
        ]
        memory = TaskAwareSupervisedClassificationDataset([TensorDataset(x, y)], data_attributes=attributes)
        strategy.dataloader = ReplayDataLoader(
            strategy.adapted_dataset,
            memory,
            oversample_small_tasks=True,
            batch_size=strategy.train_mb_size,
            batch_size_mem=min(int(strategy.train_mb_size), self.filled),
            shuffle=bool(kwargs.get("shuffle", True)),
        )

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Begin a stream of random numbers that follows from the strategy's."""
        self._seen = 0
        with torch.random.fork_rng(devices=[]):
            seed = int(torch.randint(2**31, ()))
        self._random = torch.Generator().manual_seed(seed).get_state()

    def after_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Let the minibatch's new images compete for the memory."""
        new = min(int(strategy.train_mb_size), len(strategy.adapted_dataset) - self._seen)  # they come first
        self._seen += new
        if not self.filled:
            self.ext_mem_list_x = strategy.mb_x.new_zeros(self.mem_size, *strategy.mb_x.shape[1:])
        if self.filled == self.mem_size:
            with self._own_random_numbers():
                self._tell_apart()
            new = min(new, int((self.buffer_score > self.buffer_score.min()).sum()))
        if new:
            candidates = {"mb_x": strategy.mb_x[:new], "mb_y": strategy.mb_y[:new]}
            learner = {"model": strategy.model, "device": strategy.device, "_criterion": strategy._criterion}
            with self._own_random_numbers():
                super().after_forward(SimpleNamespace(**candidates, **learner))
        strategy.optimizer.zero_grad()

    def get_rand_mem_grads(self, strategy: Any, grad_dims: list[int], gss_batch_size: int) -> Tensor:
        """Gradients of sets of kept images.

        Args:
            strategy: the Avalanche strategy.
            grad_dims: sizes of the parameters.
            gss_batch_size: images of a set.

        Returns:
            ``(sets, P)``.
        """
        found: Tensor = super().get_rand_mem_grads(strategy, grad_dims, min(gss_batch_size, self.filled))
        self.gradients += len(found)
        return found

    def get_batch_sim(self, strategy: Any, grad_dims: list[int], batch_x: Tensor, batch_y: Tensor) -> Any:
        """How alike the gradient of a minibatch is to those of sets of kept images.

        Args:
            strategy: the Avalanche strategy.
            grad_dims: sizes of the parameters.
            batch_x: images.
            batch_y: labels.

        Returns:
            The largest cosine, and the sets' gradients.
        """
        self.gradients += 1
        return super().get_batch_sim(strategy, grad_dims, batch_x, batch_y)

    def get_each_batch_sample_sim(
        self, strategy: Any, grad_dims: list[int], mem_grads: Tensor, batch_x: Tensor, batch_y: Tensor
    ) -> Tensor:
        """How alike the gradient of each image is to those of sets of kept images.

        Args:
            strategy: the Avalanche strategy.
            grad_dims: sizes of the parameters.
            mem_grads: the sets' gradients.
            batch_x: images.
            batch_y: labels.

        Returns:
            The largest cosines, ``(B,)``.
        """
        self.gradients += 1
        found: Tensor = super().get_each_batch_sample_sim(strategy, grad_dims, mem_grads, batch_x, batch_y)
        return found

    def get_grad_vector(self, pp: Callable[[], Iterable[nn.Parameter]], grad_dims: list[int]) -> Tensor:
        """A gradient as one vector.

        Args:
            pp: gives the parameters.
            grad_dims: their sizes.

        Returns:
            ``(P,)``, zeros where a parameter has no gradient.
        """
        parts = zip(pp(), grad_dims, strict=True)
        return torch.cat([p.new_zeros(n) if p.grad is None else p.grad.reshape(-1) for p, n in parts])

    def _tell_apart(self) -> None:
        """Where all scores are the same, keep one image at random, and let the others be replaced alike."""
        score: Tensor = self.buffer_score
        if bool((score == score[0]).all()):
            score[torch.randint(len(score), ())] -= 1e-6

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()
