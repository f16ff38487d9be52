"""Result folders made to hang, exhaust memory or break readers, through report, status and load_results.

A valid folder is copied, one of its files or the folder itself is changed, and each command runs in a process with
limited time and memory. A command holds if it ends with exit code 0, 1 or 2, without a traceback, and reports all other
runs as before; a folder whose study.json, or whose tables without runs, are changed may also be refused with one
message. ``--seeds`` is the number of repetitions of each mutation; figures are exported in every ``--figures``-th case.
"""

import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from common import HERE, arguments, print_summary_and_exit
from guarded import faults, guarded, numbers_of

sys.path.insert(0, str(HERE.parents[1] / "tests"))

from helpers import hostile_folders as hostile

COMMANDS = ("report", "status", "load_results")
_REQUIRED = {"config.json", "environment.json", "result.json", "accuracy.csv"}
"""Files without which a run is not reported."""


def main() -> None:
    """Try all mutations."""
    options = arguments(__doc__, seeds=1, figures=25, seconds=60, megabytes=2000, first=0, every=1)
    base = hostile.make_base(options.out / "base")
    for command in ("load_results", "report"):
        assert guarded(command, base.path, 300, options.megabytes).code in (0, 1)
    numbers = numbers_of(base.path / "results.csv")
    tried, held, wrong, slowest = Counter[str](), Counter[str](), [], 0.0
    for number, (kind, mutation, seed) in enumerate(list(cases(options.seeds))[options.first :: options.every]):
        out = options.out / str(number)
        shutil.copytree(base.path, out, symlinks=True, ignore=shutil.ignore_patterns("figures", "loaded.csv"))
        draw = random.Random(f"{kind}, {mutation}, {seed}")
        run = draw.choice(base.done)
        detail = mutate(base, out, kind, mutation, run, draw)
        others, whole = expected(kind, mutation, run, numbers)
        for command in COMMANDS:
            figures = number % options.figures == 0
            outcome = guarded(command, out, options.seconds, options.megabytes, figures=figures)
            slowest = max(slowest, outcome.seconds)
            problems = faults(command, out, outcome, others, whole=whole)
            tried[kind] += 1
            held[kind] += not problems
            if problems:
                sentence = f"{kind}, {mutation} ({detail}), {command}: {', '.join(problems)}"
                print(f"{sentence}\n    {' '.join(outcome.output.split())[-600:]}", flush=True)
                wrong.append(sentence)
        (out / "runs").chmod(0o755) if (out / "runs").is_dir() else None
        shutil.rmtree(out, ignore_errors=True)
    print(table(tried, held))
    print(f"slowest: {slowest:.1f} s")
    print_summary_and_exit(wrong)


def cases(seeds: int) -> Iterator[tuple[str, str, int]]:
    """Yield kind of file, name of the mutation, and seed."""
    for kind in [*hostile.RUN_FILES, *hostile.OTHER_FILES, *(f"{name}, no runs" for name in hostile.TABLES)]:
        for name, mutation in hostile.mutations_of(kind.removesuffix(", no runs")):
            of_values = mutation not in hostile.FILE_MUTATIONS.values()
            yield from ((kind, name, seed) for seed in range(6 * seeds if of_values else seeds))
    yield from (("folder", name, 0) for name in hostile.FOLDER_MUTATIONS)


def mutate(base: hostile.Base, out: Path, kind: str, mutation: str, run: str, draw: random.Random) -> object:
    """Apply a mutation to a copy of the folder, and return a description."""
    if kind == "folder":
        hostile.FOLDER_MUTATIONS[mutation](base, out, run, draw)
        return run
    name = kind.removesuffix(", no runs")
    if name != kind:
        for path in (out / "runs", out / "study.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        path = out / name
    else:
        path = hostile.path_of(base, out, kind, run)
    return dict(hostile.mutations_of(name))[mutation](path, draw)


def expected(
    kind: str, mutation: str, run: str, numbers: dict[str, tuple[str, str]]
) -> tuple[dict[str, tuple[str, str]], bool]:
    """Return the runs that must be reported as before, and whether the whole folder may be refused."""
    if kind == "study.json" or kind.endswith("no runs") or mutation.startswith("runs is"):
        return {}, True
    if mutation == "seeds is 1e400":
        return {}, True
    done = {other: known for other, known in numbers.items() if known[0] == "done"}
    lost = {run} if kind in _REQUIRED or kind == "folder" else set()
    return {other: known for other, known in done.items() if other not in lost}, False


def table(tried: Counter[str], held: Counter[str]) -> str:
    """Numbers of commands that were tried and held, by kind of file."""
    rows = [f"{kind:<24}{tried[kind]:>8}{held[kind]:>8}" for kind in tried]
    total = f"{'all':<24}{tried.total():>8}{held.total():>8}"
    return "\n".join([f"{'file':<24}{'tried':>8}{'held':>8}", *rows, total])


if __name__ == "__main__":
    main()
