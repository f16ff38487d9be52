"""An optimizer that kills its parent process once, like a failing cluster machine."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch


class KillingSGD(torch.optim.SGD):
    """Kill in the first step after the first checkpoint, unless the file ``KILLED`` exists."""

    def step(self, closure=None):
        killed = Path(os.environ["KILLED"])
        if not killed.exists() and list(killed.parent.glob("out/runs/.*.checkpoint/*")):
            killed.touch()
            os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
            time.sleep(1000)
        return super().step(closure)
