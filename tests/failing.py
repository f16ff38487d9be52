"""Optimizers whose runs end in unusual ways."""

import os
import sys

import torch


class UnspeakableError(Exception):
    """One that cannot say what it is."""

    def __str__(self):
        raise ValueError("no text")


class FailingSGD(torch.optim.SGD):
    """Does what ``how`` says in its first step."""

    def __init__(self, params, lr, how):
        super().__init__(params, lr=lr)
        self.param_groups[0]["how"] = how

    def step(self, closure=None):
        how = self.param_groups[0]["how"]
        if how == "surrogate":
            raise RuntimeError("caf\udce9")
        if how == "unspeakable":
            raise UnspeakableError
        if how == "exit":
            sys.exit("no licence")
        if how == "no parent":
            os.kill(os.getpid(), 9)
        return super().step(closure)
