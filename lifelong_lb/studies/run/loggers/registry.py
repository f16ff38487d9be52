"""Registry of loggers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.studies.run.loggers.base import RunLogger
from lifelong_lb.studies.run.loggers.mlflow import MLflowLogger
from lifelong_lb.studies.run.loggers.tensorboard import TensorBoardLogger
from lifelong_lb.studies.run.loggers.wandb import WandbLogger


@dataclass(frozen=True)
class Kind:
    """A kind of logger.

    Attributes:
        package: the package it imports.
        install: argument of ``pip install`` if the package is missing.
        make: creates the logger of a run.
    """

    package: str
    install: str
    make: Callable[[], RunLogger]


LOGGERS: dict[str, Kind] = {
    "tensorboard": Kind("tensorboard", "tensorboard", TensorBoardLogger),
    "wandb": Kind("wandb", "wandb", WandbLogger),
    "mlflow": Kind("mlflow", "'lifelong-lb[mlflow]'", MLflowLogger),
}
"""Loggers by the name used on the command line; their packages are imported when a run starts."""


def check_loggers(names: Sequence[str]) -> None:
    """Check that loggers exist and their packages are installed.

    Args:
        names: names of loggers.

    Raises:
        UserError: if a logger is unknown, or its package is not installed.
    """
    for name in names:
        if name not in LOGGERS:
            raise UserError(unknown_name("logger", name, LOGGERS))
        kind = LOGGERS[name]
        if find_spec(kind.package) is None:
            raise UserError(
                f"logger {name} needs the package {kind.package}, which is not installed: pip install {kind.install}"
            )
