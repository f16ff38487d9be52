"""A slow optimizer."""

import time

import torch


class SlowSGD(torch.optim.SGD):
    """Wait before each step."""

    def __init__(self, params, lr, seconds=0.02):
        super().__init__(params, lr=lr)
        self.param_groups[0]["seconds"] = seconds  # part of the state dict, which a checkpoint saves

    def step(self, closure=None):
        time.sleep(self.param_groups[0]["seconds"])
        return super().step(closure)
