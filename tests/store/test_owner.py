"""Processes that own claims and scratch folders."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lifelong_lb.store.owner import Owner

HERE = Owner.here()
ELSEWHERE = replace(HERE, host="elsewhere")


@pytest.mark.slow
def test_a_later_process_with_the_same_pid_is_another():
    code = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        there = replace(HERE, pid=process.pid)
        assert there.is_known_dead()  # it started later than this process
        process.kill()
    assert not HERE.is_known_dead()
    assert not replace(ELSEWHERE, pid=2**22 + 1).is_known_dead()
    assert not replace(HERE, space="pid:[1]", pid=2**22 + 1).is_known_dead()
    assert Owner.from_json(HERE.to_json()) == HERE
