"""stdout and stderr: only JSON Lines on stdout with --json, and a closed reader is no error."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from helpers.tiny_study import command, write_study
from rich.console import Console

from lifelong_lb.cli.stdio import tolerant_stream
from lifelong_lb.store import ResultFolder, folder_status
from lifelong_lb.studies import LineObserver
from lifelong_lb.studies.progress.console import ConsoleObserver
from lifelong_lb.studies.progress.dispatch import EventDispatcher

COMMAND = [sys.executable, "-c", "from lifelong_lb.cli import main; main()"]


@pytest.mark.slow
def test_only_json_on_stdout_and_labels_in_any_encoding(tmp_path):
    """A module that a study imports prints in the launcher and in the process of each run."""
    (tmp_path / "mine.py").write_text("import os\nprint('by python', flush=True)\nos.system('echo by another')\n")
    rules = [{"name": "none", "label": "ρ→0"}, {"name": "sam", "label": "ρ→1"}]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules=rules, seeds=1, imports=["mine.py"])
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    out = tmp_path / "out"
    done = command("run", study, "--out", out, "--json", env=environment)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    counts = Counter(event["event"] for event in events)
    assert counts == {"start": 1, "run started": 2, "experience ended": 10, "run ended": 2, "end": 1}
    assert {event.get("title") for event in events} >= {"split-digits naive ρ→0 sgd seed 0"}
    assert "by python\nby another\n" in done.stderr
    assert "2 of 2 runs done" in done.stderr
    assert "Traceback" not in done.stderr
    report = command("report", out, env={**environment, "PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert (report.returncode, report.stderr) == (0, "")
    assert "\\u03c1\\u21920" in report.stdout


@pytest.mark.slow
def test_a_study_continues_when_the_reader_of_its_progress_disconnects(tmp_path):
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", seeds=3)
    words = [*COMMAND, "run", study, "--out", tmp_path / "out", "--executor", "in-process", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as process:
        assert json.loads(process.stdout.readline())["event"] == "start"
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == 0
    assert folder_status(ResultFolder(tmp_path / "out")).counts == {"done": 3}
    assert (tmp_path / "out" / "report.html").exists()


def test_a_terminal_that_is_gone():
    reader, writer = os.pipe()
    os.close(reader)
    with tolerant_stream(writer, close=True) as stream:
        observer = ConsoleObserver(Console(file=stream, force_terminal=True))
        observer.start(2, {})
        observer.waiting(1)
        observer.stop()


def test_a_line_is_written_once_however_an_interrupt_comes():
    """A thread interrupts as soon as it has read a line, during or after the write."""
    reader, writer = os.pipe()
    read = []

    def listen():
        with os.fdopen(reader) as lines:
            for line in lines:
                read.append(line)
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    listener = threading.Thread(target=listen)
    listener.start()
    interrupts = 0
    try:
        stream = tolerant_stream(writer, close=True)
        for number in range(100):
            try:
                print(number, file=stream)
                time.sleep(1)
            except KeyboardInterrupt:
                interrupts += 1
        stream.close()
        listener.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupts == 100
    assert read == [f"{number}\n" for number in range(100)]


def test_an_observer_without_a_reader_gets_no_more_events(tmp_path):
    lines = []

    def say(line):
        lines.append(line)
        raise BrokenPipeError

    with EventDispatcher(LineObserver(say), list, tmp_path) as dispatcher:
        dispatcher.start(3, {})
        dispatcher.waiting(2)
    assert lines == ["3 runs"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_cannot_be_encoded_is_escaped(encoding, tmp_path):
    with (tmp_path / "text").open("wb") as file, tolerant_stream(file.fileno(), encoding) as stream:
        print("ρ = 1", file=stream)
    assert (tmp_path / "text").read_text() == "\\u03c1 = 1\n"


def test_a_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        stream = tolerant_stream(full.fileno())
        for write in (lambda: print("x", file=stream), stream.close):  # what could not be written stays in its buffer
            with pytest.raises(OSError, match="No space left"):
                write()


@pytest.mark.slow
@pytest.mark.parametrize("words", [["run", "{study}"], ["tune", "{study}"], ["report", "{study}"]])
def test_an_empty_name_is_no_folder(words, tmp_path):
    study = write_study(tmp_path / "s.yaml")
    done = command(*(word.replace("{study}", str(study)) for word in words), "--out", "", cwd=tmp_path)
    assert done.returncode == 2
    assert "must name a folder, such as . for the current one; got an empty text" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_status_where_runs_is_a_file(finished, tmp_path):
    (tmp_path / "study.json").write_bytes((finished.out / "study.json").read_bytes())
    (tmp_path / "runs").touch()
    done = command("status", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {tmp_path / 'runs'}: must be the folder of the runs; it is a file\n",
    )
