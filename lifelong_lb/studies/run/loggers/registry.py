"""The loggers there are."""

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
    """A logger that can be asked for.

    Attributes:
        package: what it imports.
        install: what pip is to install where that is missing.
        make: makes one for a run.
    """

    package: str
    install: str
    make: Callable[[], RunLogger]


LOGGERS: dict[str, Kind] = {
    "tensorboard": Kind("tensorboard", "tensorboard", TensorBoardLogger),
    "wandb": Kind("wandb", "wandb", WandbLogger),
    "mlflow": Kind("mlflow", "'lifelong-lb[mlflow]'", MLflowLogger),
}
"""Names that the command line knows, and the loggers; what they import is imported when a run begins."""


def check_loggers(names: Sequence[str]) -> None:
    """See that loggers can be used.

    Args:
        names: what the user has asked for.

    Raises:
        UserError: when there is no such logger, or its package is not installed.
    """
    for name in names:
        if name not in LOGGERS:
            raise UserError(unknown_name("logger", name, LOGGERS))
        kind = LOGGERS[name]
        if find_spec(kind.package) is None:
            raise UserError(
                f"the logger {name} needs the package {kind.package}, which is not installed: "
                f"pip install {kind.install}"
            )
