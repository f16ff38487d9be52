"""Runs that end in unusual ways."""

import errno
import os
import sys

import torch

from lifelong_lb.studies.executors import processes


class UnspeakableError(Exception):
    """An error whose text cannot be computed."""

    def __str__(self):
        raise ValueError("no text")


class FailingSGD(torch.optim.SGD):
    """Fail as given by ``how`` in the sixth step; the check before the study takes fewer."""

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


_TARGET = processes._target  # private, and the only place before the code that records errors


def unwritable(job, errors):
    """Replacement of ``processes._target`` that behaves as on a full disk."""
    from lifelong_lb.studies.run import worker

    def full(job):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/result.json")

    if job is not None:
        worker.work_in_own_process = full
    _TARGET(job, errors)
