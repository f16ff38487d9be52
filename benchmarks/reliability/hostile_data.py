"""Broken and hostile image files through ``validate`` and ``data prepare``, some also through ``run``.

Each command runs in a separate forked process with limited time and memory. A case holds if each command ends with the
expected exit code, 0 or 2, without a traceback, a control character or a file created by hostile code.
"""

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common import arguments, print_summary_and_exit
from data_cases import ACCEPTED, CANARY, CLASSES, REFUSED, Case, folders
from data_cases_more import DAMAGE

SECONDS = {"run": 300}
"""Time limits in seconds; 60 for other commands. A run imports torch, which takes long on a busy machine."""
MEMORY = 4 * 2**30
"""Bytes of address space that a command may use beyond those of the script."""
STUDY = "streams: {{name: split, source: {source}, experiences: {experiences}}}\nmodel: {{name: mlp, hidden: [4]}}\n"
COUNTS = {"IDX": 10}
"""Number of classes by kind of source; others have as many as :data:`CLASSES`."""


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

    def faults(self) -> Iterator[str]:
        """List faults that are independent of the case.

        Yields:
            Sentences.
        """
        if self.code not in (0, 2):
            yield f"ended with {self.code}"
        if "Traceback" in self.output or "Error:" in self.output:
            yield "printed a traceback"
        if any(c not in "\n\t" and not c.isprintable() for c in self.output):
            yield "printed a control character"
        if self.code == 2 and "\nerror: " not in f"\n{self.output}":
            yield "printed no message"
        if len(self.output) > 6000:
            yield f"printed {len(self.output):,} characters"


def forked(*words: str, folder: Path) -> Outcome:
    """Run a command in a forked process with limited time and memory.

    Args:
        words: the command line.
        folder: working directory, which also receives the output.

    Returns:
        The outcome.
    """
    output, start = folder / "output", time.monotonic()
    child = os.fork()
    if child == 0:
        _command(words, folder, output)
    code: int | None = None
    while time.monotonic() - start < SECONDS.get(words[0], 60):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Outcome(code, output.read_text(encoding="utf-8", errors="backslashreplace"), time.monotonic() - start)


def file_of(descriptor: int) -> io.TextIOWrapper:
    """Open a descriptor as a text file without taking ownership.

    Args:
        descriptor: 1 or 2.

    Returns:
        The file.
    """
    binary = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(binary), "utf-8", "backslashreplace", write_through=True)


def _command(words: tuple[str, ...], folder: Path, output: Path) -> None:
    """Run the command in this process and exit."""
    code = 70
    try:
        with output.open("w", encoding="utf-8", errors="backslashreplace") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(folder)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        sys.stdout, sys.stderr = (file_of(fd) for fd in (1, 2))
        sys.argv = ["lifelong-lb", *words]
        from lifelong_lb.cli import main

        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001  reported by the caller
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def try_source(name: str, case: Case, folder: Path, *, expected: int, through_run: bool = False) -> list[str]:
    """Try all commands on a source.

    Args:
        name: name of the case.
        case: writes the source.
        folder: an empty folder.
        expected: the expected exit code.
        through_run: whether to try ``run``, too.

    Returns:
        Faults; empty if the case held.
    """
    (folder / "source").mkdir()
    source = case(folder / "source")
    experiences = 2 if expected == 0 or COUNTS.get(name.partition(":")[0], len(CLASSES)) % 2 == 0 else 1
    text = STUDY.format(source=json.dumps(str(source)), experiences=experiences)
    (folder / "study.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    commands = {"validate": ("validate", "study.yaml"), "data prepare": ("data", "prepare", str(source))}
    if through_run:
        commands["run"] = ("run", "study.yaml", "--out", "out", "--executor", "in-process")
    return _faults({title: forked(*words, folder=folder) for title, words in commands.items()}, expected, folder)


STUDY_FAULTS = ("must have at least two classes", "labels of", "the test part")
"""Parts of messages about requirements of a stream, which ``data prepare`` does not check."""


def _faults(outcomes: Mapping[str, Outcome], expected: int, folder: Path) -> list[str]:
    wrong = [f"{title}: {fault}" for title, outcome in outcomes.items() for fault in outcome.faults()]
    of_stream = any(fault in outcomes["validate"].output for fault in STUDY_FAULTS)
    for title, outcome in outcomes.items():
        if outcome.code != expected and not (title == "data prepare" and of_stream):
            wrong.append(f"{title}: exit code {outcome.code} instead of {expected}")
    if (folder / "canary").exists():
        wrong.append("hostile code ran")
    return wrong + [outcome.output[-600:] for outcome in outcomes.values()] * bool(wrong)


def try_damaged_entry(name: str, folder: Path) -> list[str]:
    """Damage a cache entry, which must be prepared again.

    Args:
        name: key of the damage.
        folder: an empty folder.

    Returns:
        Faults; empty if the case held.
    """
    source = folders(folder / "source")
    (folder / "study.yaml").write_text(STUDY.format(source=source, experiences=2))
    before = forked("data", "prepare", "source", folder=folder)
    (entry,) = [path for path in Path(os.environ["LIFELONG_LB_CACHE"]).iterdir() if len(path.name) == 16]
    DAMAGE[name](entry)
    outcomes = {
        "validate": forked("validate", "study.yaml", folder=folder),
        "data prepare": forked("data", "prepare", "source", folder=folder),
    }
    wrong = _faults(outcomes, 0, folder)
    return wrong + ["other images"] * (before.output != outcomes["data prepare"].output)


def attacks(out: Path, *, runs: int, only: frozenset[str] | None = None) -> dict[str, list[str]]:
    """Try all cases.

    Args:
        out: folder for the cases.
        runs: every how many cases ``run`` is tried, too; 0 for none.
        only: names of the cases to try; None for all.

    Returns:
        Maps the name of each case to its faults.
    """
    cases: dict[str, Callable[[Path], list[str]]] = {}
    for expected, group in ((2, REFUSED), (0, ACCEPTED)):
        for i, (name, case) in enumerate(group.items()):
            through_run = bool(runs) and i % runs == 0
            cases[name] = partial(try_source, name, case, expected=expected, through_run=through_run)
    cases |= {f"cache: {name}": partial(try_damaged_entry, name) for name in DAMAGE}
    faults = {}
    for i, (name, attack) in enumerate(cases.items()):
        if only is not None and name not in only:
            continue
        folder = out / str(i)
        folder.mkdir(parents=True)
        os.environ |= {CANARY: str(folder / "canary"), "LIFELONG_LB_CACHE": str(folder / "cache")}
        faults[name] = attack(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return faults


def preload() -> None:
    """Import the modules of the commands once for all forks."""
    import PIL.Image
    import pyarrow.parquet  # noqa: F401

    import lifelong_lb.studies.planning.validate  # noqa: F401

    PIL.Image.init()


def main() -> None:
    """Try all cases and print the number that held by kind."""
    options = arguments(__doc__ or "", runs=8)
    preload()
    faults = attacks(options.out, runs=options.runs)
    kinds = Counter(name.partition(":")[0] for name in faults)
    held = Counter(name.partition(":")[0] for name, wrong in faults.items() if not wrong)
    print(", ".join(f"{kind}: {held[kind]} of {number} held" for kind, number in kinds.items()))
    print_summary_and_exit([f"{name}: {'; '.join(wrong)}" for name, wrong in faults.items() if wrong])


if __name__ == "__main__":
    main()
