"""Commands on a result folder in forked processes of limited time and memory, and what is wrong with how they end."""

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
    """How a command ended.

    Attributes:
        code: exit code; negative for a signal, None if it took too long.
        said: what it printed.
        seconds: how long it took.
    """

    code: int | None
    said: str
    seconds: float


def guarded(command: str, out: Path, seconds: float, megabytes: int, *, figures: bool = False) -> Outcome:
    """Do ``report``, ``status`` or ``load_results`` in a forked process of limited time and memory."""
    said, begun = out.with_name(f"{out.name}.said"), time.monotonic()
    child = os.fork()
    if not child:
        _child(command, out, said, megabytes, figures=figures)
    while time.monotonic() - begun < seconds:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code: int | None = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        code = None
    return Outcome(code, said.read_text(errors="replace"), time.monotonic() - begun)


def _child(command: str, out: Path, said: Path, megabytes: int, *, figures: bool) -> None:
    code = 70
    try:
        with said.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * 2**20,) * 2)
        code = _load(out) if command == "load_results" else _call(command, out, figures=figures)
    except BaseException:  # noqa: BLE001  the caller counts it
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
    from lifelong_lb.reports import classes, flatness
    from lifelong_lb.reports import figures as drawn
    from lifelong_lb.reports.style import Drawing

    if not figures:
        drawn.draw_figures = lambda *args, **options: {}
        flatness.draw_flatness = flatness.draw_away = lambda *args: None
        classes.draw_squares = lambda *args: Drawing("blank", "", "", b"<svg></svg>", b"")
    sys.argv = ["lifelong-lb", command, str(out)]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def numbers_of(table: Path) -> dict[str, tuple[str, str]]:
    """Status and average accuracy of each run in a table; empty if there is none."""
    if not table.exists():
        return {}
    with table.open(newline="") as file:
        return {row["run"]: (row["status"], row["average_accuracy"]) for row in csv.DictReader(file)}


def faults(command: str, out: Path, outcome: Outcome, others: dict[str, tuple[str, str]], *, whole: bool) -> list[str]:
    """What is wrong with how a command has ended.

    Args:
        command: ``report``, ``status`` or ``load_results``.
        out: the folder.
        outcome: how it ended.
        others: status and average accuracy of runs that must be reported.
        whole: whether it may refuse the whole folder, with exit code 2 and one message.
    """
    found = []
    if outcome.code not in (0, 1, 2):
        found.append("took too long" if outcome.code is None else f"exit code {outcome.code}")
    if "Traceback (most recent call last)" in outcome.said or "Warning: " in outcome.said:
        found.append("traceback or warning")
    if any(len(line) > 3000 for line in outcome.said.splitlines()) or len(outcome.said) > 30_000:
        found.append(f"said {len(outcome.said)} characters")
    if outcome.code == 2:
        if outcome.said.count("error: ") != 1:
            found.append("no message, or several")
        return found if whole else [*found, "refused all"]
    if found or not others:
        return found
    if command == "status":
        done = sum(status == "done" for status, _ in others.values())
        counts = {
            name: int(count) for count, name in (part.split(" ") for part in outcome.said.splitlines()[0].split(", "))
        }
        return [] if counts.get("done", 0) >= done else ["done runs are not counted"]
    table = out / ("results.csv" if command == "report" else "loaded.csv")
    lost = [run for run, numbers in others.items() if numbers_of(table).get(run) != numbers]
    return [f"{len(lost)} other runs are not reported, or changed"] if lost else []
