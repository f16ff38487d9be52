"""Checkpoints of strategies whose optimizer is one of torch's."""

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

    Avalanche's function, which in avalanche-lib 0.6.0 fails with a PicklingError: torch takes the modules of its
    optimizers out of ``torch.optim``, so that dill does not find their classes there and tries to store their code.
    Here they are put back while saving.

    An update rule is stored with the plugin that applies it, and what it keeps between steps with the rule.

    Args:
        strategy: the Avalanche strategy, not in the middle of training or evaluation.
        path: the file to write.
    """
    check_version("save_checkpoint")
    with _optimizers_found():
        avalanches_save_checkpoint(strategy, Path(path))


def load_checkpoint(strategy: Any, path: str | PathLike[str], device: str | None = None) -> int:
    """Let a strategy go on where a saved one stopped.

    Everything that it was built with is replaced, its plugins too: read ``strategy.plugins`` for the plugin that counts
    gradients from now on, and ``strategy.model`` for the model. Only files that you trust may be loaded: they can run
    any code.

    Args:
        strategy: a strategy of the same class.
        path: a file from :func:`save_checkpoint`. Nothing happens when it is not there.
        device: where the tensors go; None for where they were.

    Returns:
        The number of experiences that it has been trained on: where to go on.

    Raises:
        TypeError: if the file holds an optimizer that is not torch's.
    """
    check_version("maybe_load_checkpoint")
    with redirect_stdout(StringIO()):  # it prints where each device goes
        _, trained = maybe_load_checkpoint(strategy, Path(path), map_location=device)
    if not isinstance(strategy.optimizer, torch.optim.Optimizer | NoneType):  # SLDA has none
        raise TypeError(f"{path} must hold a torch optimizer; got {type(strategy.optimizer).__name__}")
    return int(trained)


@contextmanager
def _optimizers_found() -> Iterator[None]:
    """Let the modules of ``torch.optim`` be its attributes, as those of any package are."""
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
