"""An optimizer that hangs."""

import time

import torch


class HangingSGD(torch.optim.SGD):
    """Take five steps, then hang."""

    taken = 0

    def step(self, closure=None):
        self.taken += 1
        if self.taken > 5:
            time.sleep(1000)
        return super().step(closure)
