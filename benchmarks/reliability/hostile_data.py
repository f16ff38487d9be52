"""Images in broken and hostile files, each through ``validate`` and ``data prepare``, some through ``run``.

Each command runs in a forked process of its own, with limits of time and memory. It holds when it ends with exit code 0
or 2, as it should for the case, without a traceback, a character that a terminal acts on, or a file made by hostile
code, and when ``validate`` and the others agree.
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
"""How long a command may take; others 60. A run imports torch, which takes long on a busy machine."""
MEMORY = 4 * 2**30
"""Address space that a command may add to what the script itself has."""
STUDY = "streams: {{name: split, source: {source}, experiences: {experiences}}}\nmodel: {{name: mlp, hidden: [4]}}\n"
COUNTS = {"IDX": 10}
"""Classes of the sources of a kind; others have as many as :data:`CLASSES`."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; None when a signal or the time limit ended it.
        said: what it printed.
        seconds: how long it took.
    """

    code: int | None
    said: str
    seconds: float

    def faults(self) -> Iterator[str]:
        """What must not be, whatever the files hold.

        Yields:
            Sentences.
        """
        if self.code not in (0, 2):
            yield f"ended with {self.code}"
        if "Traceback" in self.said or "Error:" in self.said:
            yield "printed a traceback"
        if any(c not in "\n\t" and not c.isprintable() for c in self.said):
            yield "printed a character that a terminal acts on"
        if self.code == 2 and "\nerror: " not in f"\n{self.said}":
            yield "printed no message"
        if len(self.said) > 6000:
            yield f"printed {len(self.said):,} characters"


def forked(*words: str, folder: Path) -> Ended:
    """A command in a process with limits.

    Args:
        words: of the command.
        folder: where it is called, and where its output goes.

    Returns:
        How it ended.
    """
    output, began = folder / "output", time.monotonic()
    child = os.fork()
    if child == 0:
        _command(words, folder, output)
    code: int | None = None
    while time.monotonic() - began < SECONDS.get(words[0], 60):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Ended(code, output.read_text(encoding="utf-8", errors="backslashreplace"), time.monotonic() - began)


def file_of(descriptor: int) -> io.TextIOWrapper:
    """A text file for a descriptor that stays open.

    Args:
        descriptor: 1 or 2.

    Returns:
        The file.
    """
    binary = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(binary), "utf-8", "backslashreplace", write_through=True)


def _command(words: tuple[str, ...], folder: Path, output: Path) -> None:
    """Become the command; never returns."""
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
    except BaseException:  # noqa: BLE001  whatever it is, it must be seen
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def tried(name: str, case: Case, folder: Path, *, right: int, through_run: bool = False) -> list[str]:
    """Try a source.

    Args:
        name: the case.
        case: writes it.
        folder: an empty folder.
        right: the exit code that is right.
        through_run: whether ``run`` is tried, too.

    Returns:
        What is wrong; nothing where it held.
    """
    (folder / "source").mkdir()
    source = case(folder / "source")
    experiences = 2 if right == 0 or COUNTS.get(name.partition(":")[0], len(CLASSES)) % 2 == 0 else 1
    text = STUDY.format(source=json.dumps(str(source)), experiences=experiences)
    (folder / "study.yaml").write_text(text, encoding="utf-8", errors="surrogateescape")
    commands = {"validate": ("validate", "study.yaml"), "data prepare": ("data", "prepare", str(source))}
    if through_run:
        commands["run"] = ("run", "study.yaml", "--out", "out", "--executor", "in-process")
    return _judged({title: forked(*words, folder=folder) for title, words in commands.items()}, right, folder)


STUDY_FAULTS = ("must have at least two classes", "labels of", "the test part")
"""Sentences about what a stream needs, which ``data prepare`` is not asked about."""


def _judged(found: Mapping[str, Ended], right: int, folder: Path) -> list[str]:
    wrong = [f"{title}: {fault}" for title, ended in found.items() for fault in ended.faults()]
    of_stream = any(fault in found["validate"].said for fault in STUDY_FAULTS)
    for title, ended in found.items():
        if ended.code != right and not (title == "data prepare" and of_stream):
            wrong.append(f"{title}: exit code {ended.code} in place of {right}")
    if (folder / "canary").exists():
        wrong.append("hostile code ran")
    return wrong + [ended.said[-600:] for ended in found.values()] * bool(wrong)


def damaged(name: str, folder: Path) -> list[str]:
    """Damage an entry of the cache, which must be made again.

    Args:
        name: the damage.
        folder: an empty folder.

    Returns:
        What is wrong.
    """
    source = folders(folder / "source")
    (folder / "study.yaml").write_text(STUDY.format(source=source, experiences=2))
    before = forked("data", "prepare", "source", folder=folder)
    (entry,) = [path for path in Path(os.environ["LIFELONG_LB_CACHE"]).iterdir() if len(path.name) == 16]
    DAMAGE[name](entry)
    found = {
        "validate": forked("validate", "study.yaml", folder=folder),
        "data prepare": forked("data", "prepare", "source", folder=folder),
    }
    wrong = _judged(found, 0, folder)
    return wrong + ["other images"] * (before.said != found["data prepare"].said)


def attacks(out: Path, *, runs: int, only: frozenset[str] | None = None) -> dict[str, list[str]]:
    """Try all cases.

    Args:
        out: a folder for them.
        runs: how many of them go through ``run``, too: one of so many, and 0 for none.
        only: names of the cases to try; None for all.

    Returns:
        Case to what is wrong.
    """
    cases: dict[str, Callable[[Path], list[str]]] = {}
    for right, some in ((2, REFUSED), (0, ACCEPTED)):
        for i, (name, case) in enumerate(some.items()):
            through_run = bool(runs) and i % runs == 0
            cases[name] = partial(tried, name, case, right=right, through_run=through_run)
    cases |= {f"cache: {name}": partial(damaged, name) for name in DAMAGE}
    found = {}
    for i, (name, attack) in enumerate(cases.items()):
        if only is not None and name not in only:
            continue
        folder = out / str(i)
        folder.mkdir(parents=True)
        os.environ |= {CANARY: str(folder / "canary"), "LIFELONG_LB_CACHE": str(folder / "cache")}
        found[name] = attack(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return found


def preload() -> None:
    """Import what the commands need, once for all forks."""
    import PIL.Image
    import pyarrow.parquet  # noqa: F401

    import lifelong_lb.studies.planning.validate  # noqa: F401

    PIL.Image.init()


def main() -> None:
    """Try all, and say how many held."""
    options = arguments(__doc__ or "", runs=8)
    preload()
    found = attacks(options.out, runs=options.runs)
    kinds = Counter(name.partition(":")[0] for name in found)
    held = Counter(name.partition(":")[0] for name, wrong in found.items() if not wrong)
    print(", ".join(f"{kind}: {held[kind]} of {number} held" for kind, number in kinds.items()))
    print_summary_and_exit([f"{name}: {'; '.join(wrong)}" for name, wrong in found.items() if wrong])


if __name__ == "__main__":
    main()
