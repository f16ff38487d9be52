"""Parts of a program that are interrupted only afterwards."""

import os
import signal
import time

import pytest

from lifelong_lb.interrupts import uninterrupted


def interrupted(done):
    with uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        done.append("all of it")


def test_what_must_not_be_interrupted_is_interrupted_afterwards():
    done = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted(done)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["all of it"]
