"""A-GEM for models in any memory layout, and for checkpoints."""

from collections.abc import Iterator
from typing import Any

import torch
from avalanche.models import avalanche_forward
from avalanche.training.plugins import AGEMPlugin
from torch import Tensor, nn

from lifelong_lb.strategies.patches.version import check_version


class AverageGEM(AGEMPlugin):
    """Avalanche's plugin, for gradients that do not lie in memory in the order of their indices.

    In avalanche-lib 0.6.0 the first gradient of a convolution in channels-last layout ends training with an error. And
    a strategy that has a memory cannot be pickled, since it keeps a generator of minibatches; between experiences
    nothing has been drawn from it, so that it can be made anew.

    Args:
        patterns_per_exp: images kept of each experience.
        sample_size: images of a minibatch of the memory.
    """

    buffer_dliter: Iterator[Any]

    def __init__(self, patterns_per_exp: int, sample_size: int) -> None:
        check_version("AGEMPlugin")
        super().__init__(patterns_per_exp, sample_size)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "buffer_dliter"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.buffer_dliter = iter([] if self.buffer_dataloader is None else self.buffer_dataloader)

    def before_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Take the reference gradient on a minibatch of the memory.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        if not self.buffers:
            return
        strategy.model.train()
        strategy.optimizer.zero_grad()
        minibatch = self.sample_from_memory()
        x, y, task = (minibatch[part].to(strategy.device) for part in (0, 1, -1))
        strategy._criterion(avalanche_forward(strategy.model, x, task), y).backward()
        self.reference_gradients = flat_gradient(strategy.model)
        strategy.optimizer.zero_grad()

    @torch.no_grad()
    def after_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Take away from the gradient what would raise the loss on the memory.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
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
    """A model's gradient as one vector, in the order of its parameters and of their indices.

    Args:
        model: any model.

    Returns:
        ``(P,)``, zeros where a parameter has no gradient.
    """
    parameters = list(model.parameters())
    return torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in parameters])
