"""Runs that take too long, and studies that are interrupted."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from helpers import TESTS
from helpers.tiny_study import write_study

from lifelong_lb.config import UserError
from lifelong_lb.store import ResultFolder, folder_status
from lifelong_lb.studies.durations import readable, seconds
from lifelong_lb.studies.executors.processes import terminate

COMMANDS = """
import json, sys
from lifelong_lb.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as stop:
        print("exit", stop.code, flush=True)
"""


def wait_for(condition, what):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signals")
def test_a_run_that_hangs_is_stopped_and_one_that_is_terminated_leaves_nothing(tmp_path):
    optimizers = [
        "sgd",
        {"name": "external", "target": "helpers.hanging_optimizer.HangingSGD", "settings": {"lr": 0.1}},
    ]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", optimizers=optimizers, seeds=1)
    folder = ResultFolder(tmp_path / "out")
    run = ["run", str(study), "--out", str(folder.path), "--workers", "2"]
    words = [sys.executable, "-c", COMMANDS, json.dumps([[*run, "--timeout", "8s"], [*run, "--retry", "timeout"]])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, env=environment, **pipes) as process:
        output = iter(process.stdout)
        assert any(line == "exit 1\n" for line in output)
        assert folder_status(folder).counts == {"done": 1, "timeout": 1}
        (late,) = [p for p in folder.runs_path.iterdir() if '"timeout"' in (p / "result.json").read_text()]
        log = (late / "log.txt").read_text()
        assert "hanging_optimizer.py" in log.partition("most recent call first")[2]
        assert log.endswith("stopped after 8 s, the time limit per run\n")
        wait_for(lambda: list(folder.runs_path.glob(f".{late.name}.*/log.txt")), "tried again")
        process.send_signal(signal.SIGTERM)
        assert next(output) == "exit 130\n"
        errors = process.stderr.read()
    assert "TIMEOUT: stopped after 8 s" in errors
    assert "2 runs, 1 of them ended earlier" in errors
    assert errors.endswith(
        "stopping active runs; press Ctrl-C again to stop at once\n"
        "interrupted: finished runs are kept; the same command continues the study\n"
    )
    assert len(list(folder.runs_path.iterdir())) == 2  # no claim, nothing half done
    assert folder_status(folder).counts == {"done": 1, "timeout": 1}


class Stubborn:
    """A process that ignores SIGTERM; waiting for it is interrupted."""

    def __init__(self, pid=None):
        self.pid, self.calls = pid, []

    def terminate(self):
        self.calls.append("terminate")

    def join(self, timeout=None):
        self.calls.append("join")
        if timeout is not None:
            raise KeyboardInterrupt

    def is_alive(self):
        return "kill" not in self.calls

    def kill(self):
        self.calls.append("kill")


def test_a_second_interrupt_kills_at_once():
    processes = [Stubborn(), Stubborn()]
    with pytest.raises(KeyboardInterrupt):
        terminate(processes)
    assert [process.calls for process in processes] == [
        ["terminate", "join", "kill", "join"],
        ["terminate", "kill", "join"],
    ]


@pytest.mark.slow
def test_what_a_run_has_started_ends_with_it():
    code = "import subprocess; subprocess.run(['sleep', '1000'])"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as leader:
        started = psutil.Process(leader.pid)
        wait_for(started.children, "its child")
        (child,) = started.children()
        with pytest.raises(KeyboardInterrupt):
            terminate([Stubborn(leader.pid)])
        assert leader.wait() == -signal.SIGKILL
        child.wait(10)


@pytest.mark.parametrize(
    ("text", "found"), [("90", 90), ("1.5", 1.5), (".5s", 0.5), ("30m", 1800), (" 2 h ", 7200), ("1d", 86400)]
)
def test_durations(text, found):
    assert seconds("--timeout", text) == found


@pytest.mark.parametrize("text", ["", "0", "-3", "1e3", "nan", "inf", "3 weeks", "1h30m", "9" * 400])
def test_what_is_no_duration(text):
    with pytest.raises(UserError, match="--timeout must be a positive number of seconds, or e.g. 90s, 30m, 2h or 1d"):
        seconds("--timeout", text)


def test_durations_for_people():
    assert [readable(s) for s in (8, 119, 120, 1800, 5400)] == ["8 s", "119 s", "2 min", "30 min", "1.5 h"]
