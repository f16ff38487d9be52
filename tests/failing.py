"""Runs that end in unusual ways."""

import errno
import os
import sys

import torch

from lifelong_lb.studies.executors import processes


class UnspeakableError(Exception):
    """One that cannot say what it is."""

    def __str__(self):
        raise ValueError("no text")


class FailingSGD(torch.optim.SGD):
    """Does what ``how`` says in its sixth step; a trial before the run takes fewer."""

    def __init__(self, params, lr, how):
        super().__init__(params, lr=lr)
        self.param_groups[0]["how"] = how
        self.taken = 0

    def step(self, closure=None):
        self.taken += 1
        if self.taken > 5:
            how = self.param_groups[0]["how"]
            if how == "surrogate":
                raise RuntimeError("caf\udce9")
            if how == "unspeakable":
                raise UnspeakableError
            sys.exit("no licence")
        return super().step(closure)


_TARGET = processes._target


def unwritable(job, errors):
    """What a run's process does on a full disk, in place of ``processes._target``."""
    from lifelong_lb.studies.run import worker

    def full(job):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/result.json")

    if job is not None:
        worker.work_in_own_process = full
    _TARGET(job, errors)
