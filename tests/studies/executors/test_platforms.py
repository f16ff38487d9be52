"""Runs on systems without a fork server, process groups and the signals and files of Linux, simulated here."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from helpers.tiny_study import write_study

from lifelong_lb.studies.executors import processes

WINDOWS = """
import faulthandler, multiprocessing.reduction, os, pathlib, signal
import filelock, multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, platformdirs, psutil, subprocess

multiprocessing.reduction.HAVE_SEND_HANDLE = False   # without it, there is no fork server
multiprocessing.resource_tracker._HAVE_SIGMASK = False
for module, names in {
    os: "fork forkpty setsid killpg getpgid getpgrp geteuid sysconf sched_getaffinity waitid P_PID "
        "WEXITED WNOWAIT",
    signal: "SIGUSR1 SIGUSR2 SIGHUP SIGALRM pthread_sigmask SIG_BLOCK SIG_SETMASK",
    faulthandler: "register",
}.items():
    for name in names.split():
        delattr(module, name)

read_text, readlink = pathlib.Path.read_text, pathlib.Path.readlink

def without_proc(function):
    def call(path, *args, **kwargs):
        if str(path).startswith("/proc/") and path.name != "stat":  # from which Linux takes the start of a process
            raise FileNotFoundError(path)
        return function(path, *args, **kwargs)
    return call

pathlib.Path.read_text, pathlib.Path.readlink = without_proc(read_text), without_proc(readlink)
"""
"""Removes from each Python process what Windows lacks. The platform itself is still called Linux."""


@pytest.mark.slow
def test_runs_are_spawned(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WINDOWS)
    path = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", seeds=2)
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(
        f"import lifelong_lb\nlifelong_lb.run_study({str(study)!r}, {str(out)!r}, workers=2, timeout=600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    words = [sys.executable, script]  # without a main guard
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(out / "results.csv")
    assert results["status"].tolist() == ["done"] * 2
    assert results["peak_memory"].isna().all()  # it comes from /proc
    assert not list((out / "runs").glob(".*"))


def test_a_process_is_killed_without_groups_and_signals(monkeypatch):
    for module, name in ((os, "killpg"), (signal, "SIGUSR1"), (signal, "SIGKILL")):
        monkeypatch.delattr(module, name)
    process = SimpleNamespace(pid=1, calls=[], is_alive=lambda: True)
    process.kill = lambda: process.calls.append("kill")
    processes.kill(process)
    assert process.calls == ["kill"]


def test_no_fork_server_on_macos(monkeypatch):
    assert processes._can_fork()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not processes._can_fork()
