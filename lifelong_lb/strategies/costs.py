"""What a run costs beside its gradients and its time."""

import sys
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import nn

from lifelong_lb.models.normalise import Normalise


class SamplesSeen(SupervisedPlugin):
    """Counts the images of the training minibatches, once each iteration, however many passes a rule takes over them.

    Replayed images count where they are part of the minibatch, and not where a strategy draws them beside it.

    Attributes:
        count: images so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def after_training_iteration(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Count one minibatch.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self.count += len(strategy.mb_y)


class ForwardPasses(SupervisedPlugin):
    """Counts the forward passes over minibatches while a strategy trains, with or without a gradient, but evaluations.

    Those of copies of the model count, such as teachers, and those between its epochs, such as importances.

    Args:
        model: from :func:`~lifelong_lb.models.build_model`, whatever the strategy makes of it.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._passes = next(module.passes for module in model.modules() if isinstance(module, Normalise))
        self._training = False

    @property
    def count(self) -> int:
        """Passes so far."""
        return self._passes.count

    def before_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Begin.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._passes.on = self._training = True

    def after_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._passes.on = self._training = False

    def before_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look away.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._passes.on = False

    def after_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Go on, where training does.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._passes.on = self._training


def peak_memory(device: str, *, alone: bool) -> int | None:
    """The most memory that was in use at a time.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        alone: whether this process has done nothing but one run.

    Returns:
        Bytes: on CUDA those that torch had allocated since :func:`forget_peak_memory`, on the CPU the largest resident
        set of the process, libraries included. None where that would be another run's, or cannot be told.
    """
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    if not alone or sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # which getrusage counts in
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak_memory(device: str) -> None:
    """Begin to look for the peak on CUDA anew.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
    """
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
