"""Checkpoints of strategies with torch optimizers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from os import PathLike
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any

import torch
from avalanche.checkpointing import maybe_load_checkpoint
from avalanche.checkpointing import save_checkpoint as avalanches_save_checkpoint

from lifelong_lb.strategies.methods.patches.version import check_version


def save_checkpoint(strategy: Any, path: str | PathLike[str]) -> None:
    """Save a strategy between two experiences, with model, optimizer, plugins, memories and random numbers.

    Avalanche's function, which in avalanche-lib 0.6.0 fails with a PicklingError: torch removes the modules of its
    optimizers from ``torch.optim``, so that dill does not find their classes and tries to store their code. Here they
    are added while saving. The plugin is stored with its update rule and the rule's state.

    Args:
        strategy: the Avalanche strategy, not in the middle of training or evaluation.
        path: the file to write.
    """
    check_version("save_checkpoint")
    with _optimizers_found():
        avalanches_save_checkpoint(strategy, Path(path))


def load_checkpoint(strategy: Any, path: str | PathLike[str], device: str | None = None) -> int:
    """Restore a strategy from a checkpoint.

    All its parts are replaced, including plugins: read the plugin that counts gradients from ``strategy.plugins``, and
    the model from ``strategy.model``. Load only trusted files: they can run any code.

    Args:
        strategy: a strategy of the same class.
        path: a file from :func:`save_checkpoint`. A missing file changes nothing.
        device: device of the tensors; None for their original one.

    Returns:
        The number of experiences that it has been trained on.

    Raises:
        TypeError: if the optimizer in the file is not a torch optimizer.
    """
    check_version("maybe_load_checkpoint")
    with redirect_stdout(StringIO()):  # it prints the device map
        _, trained = maybe_load_checkpoint(strategy, Path(path), map_location=device)
    if not isinstance(strategy.optimizer, torch.optim.Optimizer | NoneType):  # SLDA has none
        raise TypeError(f"{path} must hold a torch optimizer; got {type(strategy.optimizer).__name__}")
    return int(trained)


@contextmanager
def _optimizers_found() -> Iterator[None]:
    """Make the modules of ``torch.optim`` its attributes, as in any package."""
    prefix = torch.optim.__name__ + "."
    missing: dict[str, ModuleType] = {
        name.removeprefix(prefix): module
        for name, module in sys.modules.items()
        if name.startswith(prefix) and "." not in name.removeprefix(prefix)
    }
    missing = {name: module for name, module in missing.items() if not hasattr(torch.optim, name)}
    for name, module in missing.items():
        setattr(torch.optim, name, module)
    try:
        yield
    finally:
        for name in missing:
            delattr(torch.optim, name)
