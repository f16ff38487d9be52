"""What a run costs beside its gradients and its time."""

import re
from contextlib import suppress
from pathlib import Path
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
        """Count a minibatch."""
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
        """Begin."""
        self._passes.on = self._training = True

    def after_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop."""
        self._passes.on = self._training = False

    def before_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Look away."""
        self._passes.on = False

    def after_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Go on, where training does."""
        self._passes.on = self._training


class MemoryMeter:
    """Measures the memory that a run takes beside what its process takes anyway.

    On CUDA it is the most that torch has allocated. On the CPU it is the most anonymous memory of the process in use
    at a time, minus that in use when the meter is made: libraries and the images of a prepared data set are files that
    processes share, and how much of them is resident depends on what else the machine does.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        alone: whether this process does nothing but one run.
    """

    def __init__(self, device: str, *, alone: bool) -> None:
        self._device, self._before = device, None
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        elif alone and (before := _resident()) is not None:
            with suppress(OSError):  # not allowed in some containers, where a process is new anyway
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
            self._before = before["RssAnon"]

    def peak(self) -> int | None:
        """The most memory so far.

        Linux only keeps the largest resident set, files included. What files take now is subtracted: it only grows
        while a run repeats the same kind of steps.

        Returns:
            Bytes; None where that cannot be measured, as for one of several runs in a process.
        """
        if self._device == "cuda":
            return int(torch.cuda.max_memory_allocated())
        if self._before is None or (now := _resident()) is None:
            return None
        return max(0, now["VmHWM"] - now["RssFile"] - now["RssShmem"] - self._before)


def _resident() -> dict[str, int] | None:
    """Bytes of this process by kind, as Linux counts them; None elsewhere."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.findall(r"^(VmHWM|Rss\w+):\s+(\d+) kB$", status, re.MULTILINE)
    sizes = {name: int(size) * 1024 for name, size in found}
    return sizes if {"VmHWM", "RssAnon", "RssFile", "RssShmem"} <= set(sizes) else None
