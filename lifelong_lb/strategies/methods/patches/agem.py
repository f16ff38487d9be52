"""A-GEM with a randomly drawn reference minibatch, any memory layout, and checkpoints."""

import random
from typing import Any

import torch
from avalanche.benchmarks.utils.utils import concat_datasets
from avalanche.models import avalanche_forward
from avalanche.training.plugins import AGEMPlugin
from torch import Tensor, nn

from lifelong_lb.strategies.loading.loader import Endless
from lifelong_lb.strategies.loading.random_draws import RandomDraws
from lifelong_lb.strategies.methods.patches.version import check_version


class AverageGEM(AGEMPlugin):
    """Avalanche's plugin, whose reference minibatch is a new random draw from the whole memory at each step.

    Chaudhry et al. 2019 (arXiv 1812.00420), algorithm 2: (x_ref, y_ref) ~ M, without replacement within a minibatch. In
    avalanche-lib 0.6.0 the minibatch takes an equal share of each experience, in the order in which images are stored,
    and starts from the first again after the last. Two more faults are fixed: the first gradient of a convolution in
    channels-last layout raises an error, and a strategy with a memory cannot be pickled, because it holds a Python
    generator.

    Draws come from a separate generator, so that they change no other random number. In a study it is seeded at each
    epoch from the study's seed (:class:`lifelong_lb.strategies.SeparateSeeds`), elsewhere from torch's initial seed.

    Args:
        patterns_per_exp: images kept of each experience.
        sample_size: images per minibatch of the memory, or all if there are fewer.

    Attributes:
        generator: draws the minibatches.
    """

    def __init__(self, patterns_per_exp: int, sample_size: int) -> None:
        check_version("AGEMPlugin")
        super().__init__(patterns_per_exp, sample_size)
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    @torch.no_grad()
    def update_memory(self, dataset: Any, num_workers: int = 0, **kwargs: Any) -> None:
        """Keep images of an experience.

        Args:
            dataset: the Avalanche data set of the experience.
            num_workers: not used.
            kwargs: not used.
        """
        if len(dataset) > self.patterns_per_experience:
            indices = list(range(len(dataset)))
            random.shuffle(indices)
            dataset = dataset.subset(indices[: self.patterns_per_experience])
        self.buffers.append(dataset)
        self.buffer_dliter = Endless(RandomDraws(concat_datasets(self.buffers), self.sample_size, self.generator))

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Take the reference gradient on a minibatch of the memory."""
        if not self.buffers:
            return
        strategy.model.train()
        strategy.optimizer.zero_grad()
        minibatch = self.sample_from_memory()
        x, y, task = (minibatch[part].to(strategy.device, non_blocking=True) for part in (0, 1, -1))
        strategy._criterion(avalanche_forward(strategy.model, x, task), y).backward()
        self.reference_gradients = flat_gradient(strategy.model)
        strategy.optimizer.zero_grad()

    @torch.no_grad()
    def after_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Project the gradient if a step along it would raise the loss on the memory."""
        if not self.buffers:
            return
        gradient, reference = flat_gradient(strategy.model), self.reference_gradients
        along = torch.dot(gradient, reference)
        if along < 0:
            projected = gradient - reference * (along / torch.dot(reference, reference))
            parameters = list(strategy.model.parameters())
            parts = torch.split(projected, [p.numel() for p in parameters])
            for parameter, part in zip(parameters, parts, strict=True):
                if parameter.grad is not None:
                    parameter.grad.copy_(part.view(parameter.shape))


def flat_gradient(model: nn.Module) -> Tensor:
    """Gradient of a model as one vector, in the order of its parameters and their indices.

    Args:
        model: any model.

    Returns:
        ``(P,)``, zeros for parameters without a gradient.
    """
    parameters = list(model.parameters())
    return torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in parameters])
