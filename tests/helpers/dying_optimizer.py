"""An optimizer that ends its process once, after the first checkpoint of its run."""

import os
import signal
import time
from pathlib import Path

import torch


class DyingSGD(torch.optim.SGD):
    """Fail as given by ``how`` once, in the first step after the first checkpoint under ``folder``."""

    def __init__(self, params, lr, folder, how):
        super().__init__(params, lr=lr)
        self.param_groups[0].update(folder=folder, how=how)  # part of the state dict, which a checkpoint saves

    def step(self, closure=None):
        folder, how = Path(self.param_groups[0]["folder"]), self.param_groups[0]["how"]
        done = folder / f"has-{how}"
        if not done.exists() and list(folder.glob("runs/.*.checkpoint/checkpoint.json")):
            done.touch()
            if how == "been killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "hung":
                time.sleep(1000)
            raise RuntimeError("raised")
        return super().step(closure)
