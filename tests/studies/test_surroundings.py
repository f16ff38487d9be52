"""Runs with unusual home, descriptors, disk or temporary folder, and errors that cannot be encoded."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from helpers import TESTS
from helpers.failing_optimizer import FailingSGD, unwritable
from helpers.interrupts import enable_interrupts
from helpers.tiny_study import TINY, command, tables_alone, write_study

from lifelong_lb import UserError, run_study, temporary
from lifelong_lb.descriptors import open_closed_descriptors
from lifelong_lb.store import ResultFolder, folder_status
from lifelong_lb.store.files import write_bytes, write_text
from lifelong_lb.studies.executors import processes

SMALL = {**TINY, "strategies": "naive", "rules": "none", "seeds": 1}
MAIN = "from lifelong_lb.cli import main; main()"
posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX")


def runs_of(out):
    return [path for path in (out / "runs").iterdir() if not path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("home", ["missing", "a file", "read-only", "unset", "damaged"])
@posix
def test_avalanche_is_imported_whatever_the_home_folder_is(home, tmp_path):
    """As another user, since root may write everywhere."""
    place, environment = tmp_path / "home", {k: v for k, v in os.environ.items() if k not in ("HOME", "MPLCONFIGDIR")}
    before = ()
    if home == "a file":
        place.touch()
    elif home == "read-only":
        place.mkdir(mode=0o555)
        if os.geteuid() == 0:
            before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
            imports = [*before, sys.executable, "-c", "import lifelong_lb"]
            if subprocess.run(imports, check=False, capture_output=True).returncode:
                pytest.skip("cannot change the user")
    elif home == "damaged":
        (place / ".avalanche").mkdir(parents=True)
        (place / ".avalanche" / "config.json").write_text("{")
    if home != "unset":
        environment["HOME"] = str(place)
    elif os.geteuid() == 0:
        before = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")  # without an entry in passwd, too
    code = (
        "import os, lifelong_lb.strategies as _, matplotlib as m; print(os.listdir(), os.path.isdir(m.get_cachedir()))"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path, *tmp_path.parents[:2]):  # pytest's are for their owner alone
        folder.chmod(0o755)
    empty.chmod(0o777)
    here = {"cwd": empty, "env": environment, "capture_output": True, "text": True, "check": False}
    done = subprocess.run([*before, sys.executable, "-c", code], **here)
    assert done.returncode == 0, done.stderr
    assert "Matplotlib" not in done.stderr
    assert done.stdout == "[] True\n"  # no folder called ~


@pytest.mark.slow
@posix
def test_a_study_without_a_home_folder(tmp_path):
    study = write_study(tmp_path / "s.yaml", **SMALL)
    environment = {**{k: v for k, v in os.environ.items() if k != "MPLCONFIGDIR"}, "HOME": "/dev/null"}
    done = command("run", study, "--out", tmp_path / "out", "--workers", 1, env=environment)
    assert done.returncode == 0, done.stderr
    assert "cache directory" not in done.stderr  # Matplotlib's
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(1, 2), (0, 1, 2)])
@posix
def test_closed_descriptors_fail_no_run(closed, tmp_path):
    study = write_study(tmp_path / "s.yaml", **SMALL)
    redirections = " ".join(f"{descriptor}>&-" for descriptor in closed)
    words = [sys.executable, "-c", MAIN, "run", str(study), "--out", str(tmp_path / "out"), "--workers", "1"]
    done = subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", *words], capture_output=True, check=False)
    assert done.returncode == 0
    assert folder_status(ResultFolder(tmp_path / "out")).counts == {"done": 1}


@pytest.mark.slow
@posix
def test_json_needs_stdout(tmp_path):
    study = write_study(tmp_path / "s.yaml", **SMALL)
    words = [sys.executable, "-c", MAIN, "run", str(study), "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --json prints progress on stdout, which is closed\n")


@pytest.mark.slow
@posix
def test_closed_descriptors_are_opened():
    code = "import os; from lifelong_lb.descriptors import open_closed_descriptors as f; f(); os.fstat(0); os.fstat(1)"
    words = ["sh", "-c", 'exec "$@" <&- >&-', "sh", sys.executable, "-c", f"{code}; os.write(2, b'x')"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"x")
    open_closed_descriptors()  # changes nothing where none is closed


@pytest.fixture
def _no_page(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.study.write_report", tables_alone)
    monkeypatch.setattr("lifelong_lb.studies.executors.failures.STATUS_TIMEOUT_SECONDS", 0.0)


def failed(how, out, **options):
    """Record and log of a run that ends this way."""
    target = f"{FailingSGD.__module__}.{FailingSGD.__name__}"
    optimizer = {"name": "external", "target": target, "settings": {"lr": 0.1, "how": how}}
    run_study({**SMALL, "optimizers": optimizer}, out, workers=1, **options)
    (path,) = runs_of(out)
    log = path / "log.txt"
    return ResultFolder(out).read_run(path.name), log.read_text("utf-8") if log.exists() else ""


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "in-process"])
@pytest.mark.usefixtures("_no_page")
def test_what_cannot_be_encoded_is_escaped(executor, tmp_path, capfd):
    record, log = failed("surrogate", tmp_path / "out", executor=executor)
    assert (record.status, record.message) == ("failed", r"RuntimeError: caf\udce9")
    assert r"RuntimeError: caf\udce9" in record.traceback
    assert r"RuntimeError: caf\udce9" in (log if executor == "local" else capfd.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "message"),
    [("unspeakable", "UnspeakableError: its message cannot be shown (ValueError)"), ("exit", "SystemExit: no licence")],
)
@pytest.mark.usefixtures("_no_page")
def test_errors_of_other_kinds_fail_their_run(how, message, tmp_path):
    record, _ = failed(how, tmp_path / "out")
    assert (record.status, record.message) == ("failed", message)
    assert "failing_optimizer.py" in record.traceback


@pytest.mark.slow
@pytest.mark.usefixtures("_no_page")
def test_a_run_that_cannot_be_written_says_why(tmp_path, monkeypatch):
    """The process fails outside of the code that records errors."""
    monkeypatch.setattr(processes, "_target", unwritable)
    run_study(SMALL, tmp_path / "out", workers=1)
    (path,) = runs_of(tmp_path / "out")
    record = ResultFolder(tmp_path / "out").read_run(path.name)
    assert record.message == "the run's process ended: OSError: [Errno 28] No space left on device: '/full/result.json'"
    assert "failing_optimizer.py" in record.traceback


def test_any_text_can_be_written(tmp_path):
    write_text(tmp_path / "a", "caf\udce9 é \x00")
    assert (tmp_path / "a").read_bytes() == b"caf\\udce9 \xc3\xa9 \x00"


def test_errors_of_writing_name_the_target(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    with pytest.raises(OSError, match="folder'") as caught:
        write_bytes(tmp_path / "folder", b"x")
    assert caught.value.filename == str(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lifelong_lb.store.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*file"):
        write_text(tmp_path / "file", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_site_below_a_file_names_the_path(finished, tmp_path, monkeypatch, capsys):
    from lifelong_lb import cli

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        sys, "argv", ["lifelong-lb", "site", str(finished.out), "--out", str(tmp_path / "file" / "sub")]
    )
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/file/sub: Not a directory\n"


def test_a_command_on_a_full_disk_names_the_path(finished, monkeypatch, capsys):
    from lifelong_lb import cli

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lifelong_lb.store.files.os.fsync", full)
    monkeypatch.setattr(sys, "argv", ["lifelong-lb", "report", str(finished.out)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    message = f"error: {finished.out}/results.csv: No space left on device\n"
    assert capsys.readouterr().err == message


# Python has no public access to its fork server. A killed one stays in the process table as on a busy machine
KILLS_SERVERS = """
import os, signal, sys, time
from multiprocessing import forkserver
start = forkserver._forkserver.ensure_running
left, killed, until = int(sys.argv.pop(1)), None, 0
def ensure_running():
    global left, killed, until
    start()
    if left:
        left -= 1
        killed, until = forkserver._forkserver._forkserver_pid, time.monotonic() + 0.5
        os.kill(killed, signal.SIGKILL)
def still_there(call, result, position):
    return lambda *a: result if a[position] == killed and time.monotonic() < until else call(*a)
os.waitpid, os.waitid = still_there(os.waitpid, (0, 0), 0), still_there(os.waitid, None, 1)
forkserver.ensure_running = forkserver._forkserver.ensure_running = ensure_running
"""


@pytest.mark.slow
@pytest.mark.parametrize(("times", "code"), [(1, 0), (100, 1)])
@posix
def test_a_server_killed_while_it_starts(times, code, tmp_path):
    study = write_study(tmp_path / "s.yaml", **SMALL)
    words = [sys.executable, "-c", KILLS_SERVERS + MAIN, str(times), "run", study, "--out", tmp_path / "out"]
    done = subprocess.run([*map(str, words), "--workers", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "interrupted" not in done.stderr
    if code:
        why = "the fork server was killed by signal 9 before it was ready, twice in a row"
        assert done.stderr.endswith(f"error: {why}; finished runs are kept\n")


@pytest.mark.slow
@posix
def test_what_cannot_be_imported_is_said_once(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['avalanche'] = None")
    study = write_study(tmp_path / "s.yaml", **SMALL)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = command("run", study, "--out", tmp_path / "out", env=environment)
    assert done.returncode == 1
    assert done.stderr.count("error") == 1
    assert "error: runs cannot be started: ModuleNotFoundError: import of avalanche halted" in done.stderr


@pytest.fixture
def place():
    """A folder for temporary files whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def begun(tmp_path, place, **changes):
    """A launcher in a new session with a separate temporary folder."""
    study = write_study(tmp_path / "s.yaml", **{**SMALL, **changes})
    words = [sys.executable, "-c", MAIN, "run", str(study), "--out", str(tmp_path / "out"), "--workers", "1"]
    path = os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": path}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": enable_interrupts}
    return subprocess.Popen(words, env=environment, start_new_session=True, **options)


def wait_for(condition):
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@posix
def test_an_interrupt_while_workers_start_says_two_lines(tmp_path, place):
    with begun(tmp_path, place) as launcher:
        assert launcher.stderr.readline() == "1 run\n"
        time.sleep(1.5)  # the server imports what runs need for seconds
        os.killpg(launcher.pid, signal.SIGINT)
        _, errors = launcher.communicate(timeout=240)
    assert launcher.returncode == 130
    assert [line for line in errors.splitlines() if line] == [
        "stopping active runs; press Ctrl-C again to stop at once",
        "interrupted: finished runs are kept; the same command continues the study",
    ]


@pytest.mark.slow
@posix
def test_what_a_killed_launcher_leaves_is_removed_by_the_next(tmp_path, place, monkeypatch):
    slow = {"name": "external", "target": "helpers.slow_optimizer.SlowSGD", "settings": {"lr": 0.1, "seconds": 0.1}}
    with begun(tmp_path, place, optimizers=slow) as launcher:
        wait_for(lambda: list((tmp_path / "out" / "runs").glob(".*.claim-1")))
        wait_for(lambda: list(place.glob("lifelong-lb-*/pymp-*/listener-*")))
        launcher.kill()
        launcher.communicate()
    (left,) = place.glob("lifelong-lb-*")
    monkeypatch.setattr(temporary, "SECONDS_TO_LOCK", 0.0)
    unrelated = place / "pymp-of-another"
    unrelated.mkdir()
    temporary.remove_abandoned(place)
    assert not left.exists()
    assert unrelated.is_dir()


@pytest.mark.slow
@posix
def test_the_folder_of_a_living_process_stays(place):
    code = (
        "import time; from lifelong_lb.temporary import temporary_folder as t; print(t(), flush=True); time.sleep(100)"
    )
    environment = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as other:
        folder = Path(other.stdout.readline().strip())
        assert folder.parent == place
        temporary.remove_abandoned(place)
        assert folder.is_dir()
        other.kill()
        other.wait()
        temporary.remove_abandoned(place)
        assert not folder.exists()


def test_status_removes_the_claim_of_a_dead_launcher_on_a_run_that_is_done(finished, tmp_path):
    import shutil

    out = tmp_path / "out"
    shutil.copytree(finished.out, out)
    run, *_ = runs_of(out)
    code = "import json; from lifelong_lb.store.owner import Owner; print(json.dumps(Owner.here().to_json()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    claim = out / "runs" / f".{run.name}.claim-1"
    claim.write_text(json.dumps({**json.loads(done.stdout), "since": time.time(), "began": 0, "retry": []}))
    status = command("status", out)
    assert (status.returncode, status.stdout) == (0, "8 done\n")
    assert not claim.exists()


@pytest.mark.parametrize("name", ["results.csv", "summary.md", "report.html"])
def test_files_of_others_are_not_replaced(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"holds {name}, but no study: a report would replace it; use another --out"):
        run_study(TINY, tmp_path, executor="in-process")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
