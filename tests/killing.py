"""An optimizer that once kills the process which has started its own, as machines of a cluster die."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch


class KillingSGD(torch.optim.SGD):
    """Does it in the first step after the first checkpoint, if ``KILLED``, a file, is not there."""

    def step(self, closure=None):
        killed = Path(os.environ["KILLED"])
        if not killed.exists() and list(killed.parent.glob("out/runs/.*.checkpoint/*")):
            killed.touch()
            os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
            time.sleep(1000)
        return super().step(closure)
