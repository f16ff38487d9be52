"""Gradient-based sample selection that does not change the training gradient."""

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
    """Avalanche's plugin, which clears its gradients.

    In avalanche-lib 0.6.0 they stay in ``.grad``, and the next backward pass adds the minibatch's gradient: every step
    is taken along the sum of both. Other faults that are fixed:

    - Replayed images compete for the memory again, which fills up with copies.
    - Empty places of the memory are replayed as black images of class 0.
    - Images are stored as floating-point numbers, which models take for normalised ones.
    - An error is raised if the memory holds fewer images than a minibatch, or fewer replaceable ones than there are
      candidates (here fewer are compared), and for gradients in channels-last layout.
    - Each minibatch is joined by 32 stored images, independent of its size.

    Random numbers come from a separate stream, so that those of a rule's passes do not change it.

    Args:
        mem_size: number of images kept.
        mem_strength: number of sets of stored images whose gradients are compared.

    Attributes:
        gradients: minibatches with gradients so far; the single images of a minibatch count as one.
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
        """Replay the memory."""
        if not self.filled:
            return
        memory_now = self.ext_mem_list_x[: self.filled], self.ext_mem_list_y[: self.filled]
        x, y = (part.cpu().clone() for part in memory_now)  # the memory changes in this experience
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
        """Seed the separate random stream from the strategy's."""
        self._seen = 0
        with torch.random.fork_rng(devices=[]):
            seed = int(torch.randint(2**31, ()))
        self._random = torch.Generator().manual_seed(seed).get_state()

    def after_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Compare the minibatch's new images with the memory, and store some."""
        new = min(int(strategy.train_mb_size), len(strategy.adapted_dataset) - self._seen)  # they come first
        self._seen += new
        if not self.filled:
            self.ext_mem_list_x = strategy.mb_x.new_zeros(self.mem_size, *strategy.mb_x.shape[1:])
        if self.filled == self.mem_size:
            with self._separate_random_numbers():
                self._break_ties()
            new = min(new, int((self.buffer_score > self.buffer_score.min()).sum()))
        if new:
            candidates = {"mb_x": strategy.mb_x[:new], "mb_y": strategy.mb_y[:new]}
            learner = {"model": strategy.model, "device": strategy.device, "_criterion": strategy._criterion}
            with self._separate_random_numbers():
                super().after_forward(SimpleNamespace(**candidates, **learner))
        strategy.optimizer.zero_grad()

    def get_rand_mem_grads(self, strategy: Any, grad_dims: list[int], gss_batch_size: int) -> Tensor:
        """Gradients of sets of stored images.

        Args:
            strategy: the Avalanche strategy.
            grad_dims: sizes of the parameters.
            gss_batch_size: images per set.

        Returns:
            ``(sets, P)``.
        """
        grads: Tensor = super().get_rand_mem_grads(strategy, grad_dims, min(gss_batch_size, self.filled))
        self.gradients += len(grads)
        return grads

    def get_batch_sim(self, strategy: Any, grad_dims: list[int], batch_x: Tensor, batch_y: Tensor) -> Any:
        """Similarity of the gradient of a minibatch to those of sets of stored images.

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
        """Similarity of the gradient of each image to those of sets of stored images.

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
        cosines: Tensor = super().get_each_batch_sample_sim(strategy, grad_dims, mem_grads, batch_x, batch_y)
        return cosines

    def get_grad_vector(self, pp: Callable[[], Iterable[nn.Parameter]], grad_dims: list[int]) -> Tensor:
        """A gradient as one vector.

        Args:
            pp: returns the parameters.
            grad_dims: their sizes.

        Returns:
            ``(P,)``, zeros for parameters without a gradient.
        """
        parts = zip(pp(), grad_dims, strict=True)
        return torch.cat([p.new_zeros(n) if p.grad is None else p.grad.reshape(-1) for p, n in parts])

    def _break_ties(self) -> None:
        """If all scores are equal, protect one random image, so that the others can be replaced."""
        score: Tensor = self.buffer_score
        if bool((score == score[0]).all()):
            score[torch.randint(len(score), ())] -= 1e-6

    @contextmanager
    def _separate_random_numbers(self) -> Iterator[None]:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()
