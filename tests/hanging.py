"""An optimizer that comes to a halt, as bugs and file systems let runs do."""

import time

import torch


class HangingSGD(torch.optim.SGD):
    """Takes five steps, then none."""

    taken = 0

    def step(self, closure=None):
        self.taken += 1
        if self.taken > 5:
            time.sleep(1000)
        return super().step(closure)
