"""Costs of a run: images, forward passes and memory."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from avalanche.core import SupervisedPlugin
from torch import nn

from lifelong_lb import devices
from lifelong_lb.models.normalise import Normalise


class SamplesSeen(SupervisedPlugin):
    """Counts the images of the training minibatches, once per iteration for any number of passes.

    Replayed images count if they are part of the minibatch, not if a strategy draws them separately.

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
    """Counts the forward passes over minibatches in training, with or without gradient, excluding evaluations.

    Includes passes of copies of the model, such as teachers, and passes between epochs, such as for importances.

    Args:
        model: from :func:`~lifelong_lb.models.build_model`.
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
        """Start counting."""
        self._passes.on = self._training = True

    def after_training(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop counting."""
        self._passes.on = self._training = False

    def before_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Stop counting during an evaluation."""
        self._passes.on = False

    def after_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Continue counting if training continues."""
        self._passes.on = self._training


class MemoryMeter:
    """Measures the memory of a run, excluding that of its process before.

    On an accelerator: the peak allocation of torch there. On the CPU: the peak anonymous memory of the process, minus
    that at construction. Files are excluded: libraries and images of prepared data sets are shared between processes,
    and how much of them is resident depends on the load of the machine.

    Args:
        device: kind of the current device, e.g. ``"cpu"``.
        alone: whether this process executes a single run.
    """

    def __init__(self, device: str, *, alone: bool) -> None:
        self._device, self._before = device, None
        if device != "cpu":
            devices.reset_peak_memory(device)
        elif alone and (before := _resident()) is not None:
            with suppress(OSError):  # forbidden in some containers, where the process is new
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
            self._before = before["RssAnon"]

    def peak(self) -> int | None:
        """Peak memory so far.

        Linux records only the peak resident set including files. The current size of files is subtracted, because it
        only grows during a run.

        Returns:
            Bytes; None if it cannot be measured, e.g. for one of several runs in a process.
        """
        if self._device != "cpu":
            return devices.peak_memory(self._device)
        if self._before is None or (now := _resident()) is None:
            return None
        return max(0, now["VmHWM"] - now["RssFile"] - now["RssShmem"] - self._before)


def _resident() -> dict[str, int] | None:
    """Memory of this process by kind, in bytes; None if not on Linux."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = re.findall(r"^(VmHWM|Rss\w+):\s+(\d+) kB$", status, re.MULTILINE)
    sizes = {name: int(size) * 1024 for name, size in lines}
    return sizes if {"VmHWM", "RssAnon", "RssFile", "RssShmem"} <= set(sizes) else None
