"""Processor time of `lifelong-lb report` for result folders of about 100 and 1,000 invented runs.

    python benchmarks/speed/reports.py --rounds 3

The folders are written through the store, with accuracies drawn at random, and are gone afterwards. Each report is made
by a process of its own, imports and all.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lifelong_lb.config import parse_study
from lifelong_lb.store import ResultFolder, RunRecord, StudyFile

EXPERIENCES = 5
RULES = [
    *("none", "sam", "asam", {"name": "lookbehind-sam", "k": 2}, {"name": "lookbehind-sam", "k": 5}),
    *("gsam", "looksam", "lookahead", "lookahead-sam", "friendly-sam"),
]
STRATEGIES = ["naive", "replay", "ewc", "agem", "der"]
STREAM = {"name": "split-digits", "experiences": EXPERIENCES}
GRIDS = {
    100: {"streams": [STREAM], "strategies": STRATEGIES[:2], "rules": RULES[:5], "seeds": 10},
    1000: {
        "streams": [STREAM, {**STREAM, "scenario": "class-incremental"}],
        "strategies": STRATEGIES,
        "rules": RULES,
        "seeds": 10,
    },
}
ENVIRONMENT = {"lifelong_lb": "0.1.0", "python": "3.11", "torch": "2.6.0", "machine": {"name": "none", "cores": 2}}


def invent(path: Path, grid: dict[str, object]) -> int:
    """Write a result folder with all runs of a grid; return their number."""
    folder, file = ResultFolder(path), StudyFile.of(parse_study({"name": "invented", **grid}))
    folder.write_study(file)
    generator = np.random.default_rng(0)
    for run, config in file.configurations().items():
        R = generator.uniform(0.2, 1, (EXPERIENCES, EXPERIENCES))
        record = RunRecord(
            run=run,
            config=config.to_json(),
            status="done",
            experiences=EXPERIENCES,
            accuracy=[(i, j, float(R[i, j])) for i in range(EXPERIENCES) for j in range(i + 1)],
            gradient_evaluations=int(generator.integers(1000, 5000)),
            train_seconds=float(generator.uniform(1, 9)),
            samples_seen=10_000,
            forward_passes=int(generator.integers(1000, 5000)),
            parameters=100_000,
            peak_memory=500_000_000,
            environment=ENVIRONMENT,
            data={"sha256": "00", "class_order": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]},
        )
        with folder.new_run(run) as scratch:
            folder.write_run(record, scratch)
    return len(file.places)


def measure(path: Path) -> tuple[float, float]:
    """Seconds of processor time, and of the clock, that one report takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "lifelong_lb", "report", str(path)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="reports of each folder; the median counts")
    parser.add_argument("--keep", type=Path, help="leave the folders below this one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print("| runs | figures | page, MB | processor time, s | clock, s |\n|---|---|---|---|---|")
        for size, grid in GRIDS.items():
            path = (options.keep or Path(scratch)) / str(size)
            runs = invent(path, grid)
            times = [measure(path) for _ in range(options.rounds)]
            processor, clock = (statistics.median(values) for values in zip(*times, strict=True))
            figures = len(list((path / "figures").glob("*.svg")))
            megabytes = (path / "report.html").stat().st_size / 1e6
            print(f"| {runs:,} | {figures} | {megabytes:.1f} | {processor:.1f} | {clock:.1f} |", flush=True)


if __name__ == "__main__":
    main()
