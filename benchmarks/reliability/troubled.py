"""A strategy that fails on purpose while the file in the environment variable TROUBLE exists."""

import os
import signal
import time
from pathlib import Path
from typing import Any, Literal

import torch
from avalanche.training.plugins import SupervisedPlugin
from avalanche.training.supervised import Naive

from lifelong_lb import extend


class Trouble(SupervisedPlugin):
    """Fails in the third training iteration.

    Args:
        kind: kind of failure.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.iterations = kind, 0

    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        """Fail in the third iteration."""
        self.iterations += 1
        if self.iterations != 3 or not Path(os.environ.get("TROUBLE", "none")).exists():
            return
        if self.kind == "hangs":
            time.sleep(600)
        elif self.kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "fails":
            raise RuntimeError("intended failure")
        elif self.kind == "memory":
            torch.zeros(2**46)
        elif self.kind == "diverges":
            with torch.no_grad():
                next(strategy.model.parameters()).fill_(float("inf"))


@extend.strategy("troubled")
def troubled(common: dict[str, Any], *, kind: Literal["hangs", "killed", "fails", "memory", "diverges"]) -> Any:
    """Fine-tuning with a failure."""
    return Naive(**{**common, "plugins": [*common["plugins"], Trouble(kind)]})
