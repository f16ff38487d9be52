"""Commands on a result folder in forked processes with limited time and memory, and checks of their outcome."""

import csv
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Outcome of a command.

    Attributes:
        code: exit code; negative for a signal, None after the time limit.
        output: stdout and stderr.
        seconds: elapsed time.
    """

    code: int | None
    output: str
    seconds: float


def guarded(command: str, out: Path, seconds: float, megabytes: int, *, figures: bool = False) -> Outcome:
    """Call ``report``, ``status`` or ``load_results`` in a forked process with limited time and memory."""
    file, start = out.with_name(f"{out.name}.output"), time.monotonic()
    child = os.fork()
    if not child:
        _child(command, out, file, megabytes, figures=figures)
    while time.monotonic() - start < seconds:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code: int | None = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        code = None
    return Outcome(code, file.read_text(errors="replace"), time.monotonic() - start)


def _child(command: str, out: Path, output: Path, megabytes: int, *, figures: bool) -> None:
    code = 70
    try:
        with output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * 2**20,) * 2)
        code = _load(out) if command == "load_results" else _call(command, out, figures=figures)
    except BaseException:  # noqa: BLE001  reported by the caller
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _load(out: Path) -> int:
    import lifelong_lb
    from lifelong_lb.config import UserError

    warnings.simplefilter("ignore", UserWarning)  # names what was left out
    try:
        runs, _ = lifelong_lb.load_results(out)
    except UserError as error:
        print(f"error: {error}")
        return 2
    runs.to_csv(out / "loaded.csv", index=False)
    return 0


def _call(command: str, out: Path, *, figures: bool) -> int:
    from lifelong_lb.cli import main

    files = ["--figures", "svg"] if figures and command == "report" else []
    sys.argv = ["lifelong-lb", command, str(out), *files]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def numbers_of(table: Path) -> dict[str, tuple[str, str]]:
    """Status and average accuracy of each run in a table; empty if the table is missing."""
    if not table.exists():
        return {}
    with table.open(newline="") as file:
        return {row["run"]: (row["status"], row["average_accuracy"]) for row in csv.DictReader(file)}


def faults(command: str, out: Path, outcome: Outcome, others: dict[str, tuple[str, str]], *, whole: bool) -> list[str]:
    """List the faults of an outcome.

    Args:
        command: ``report``, ``status`` or ``load_results``.
        out: the folder.
        outcome: the outcome.
        others: status and average accuracy of runs that must be reported.
        whole: whether the command may refuse the whole folder, with exit code 2 and one message.
    """
    wrong = []
    if outcome.code not in (0, 1, 2):
        wrong.append("took too long" if outcome.code is None else f"exit code {outcome.code}")
    if "Traceback (most recent call last)" in outcome.output or "Warning: " in outcome.output:
        wrong.append("traceback or warning")
    if any(len(line) > 3000 for line in outcome.output.splitlines()) or len(outcome.output) > 30_000:
        wrong.append(f"printed {len(outcome.output)} characters")
    if outcome.code == 2:
        if outcome.output.count("error: ") != 1:
            wrong.append("no message, or several")
        return wrong if whole else [*wrong, "refused all"]
    if wrong or not others:
        return wrong
    if command == "status":
        done = sum(status == "done" for status, _ in others.values())
        counts = {
            name: int(count) for count, name in (part.split(" ") for part in outcome.output.splitlines()[0].split(", "))
        }
        return [] if counts.get("done", 0) >= done else ["done runs are not counted"]
    table = out / ("results.csv" if command == "report" else "loaded.csv")
    lost = [run for run, numbers in others.items() if numbers_of(table).get(run) != numbers]
    return [f"{len(lost)} other runs are not reported, or changed"] if lost else []
