"""CPU time of `lifelong-lb report` for result folders of 100 and 1,000 synthetic runs.

    python benchmarks/speed/reports.py --rounds 3

The folders are written through the store with random accuracies, and deleted afterwards. "All" has accuracies measured
ten times during each experience and a landscape after it, in addition to the accuracy matrices. Each report is built in
a new process, and its imports are included.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import ResultFolder, RunRecord, StudyFile, write_landscape

RULES = [
    *("none", "sam", "asam", {"name": "lookbehind-sam", "k": 2}, {"name": "lookbehind-sam", "k": 5}),
    *("gsam", "looksam", "lookahead", "lookahead-sam", "friendly-sam"),
]
STRATEGIES = ["naive", "replay", "ewc", "agem", "der"]
STREAMS = {
    5: [{"name": "split-digits"}, {"name": "split-digits", "scenario": "class-incremental"}],
    20: [{"name": "permuted-digits", "experiences": 20}, {"name": "rotated-digits", "experiences": 20}],
}
"""Maps the number of experiences to two streams."""
KINDS = [(100, 5, False), (1000, 5, False), (1000, 20, False), (100, 5, True), (1000, 5, True), (1000, 20, True)]
"""Number of runs and experiences, and whether more than accuracy matrices is stored."""
ENVIRONMENT = {"lifelong_lb": "0.1.0", "python": "3.11", "torch": "2.6.0", "machine": {"name": "none", "cores": 2}}
OVER_RADII = [
    f"{adaptive}{measure}" for adaptive in ("", "adaptive_") for measure in ("rise_one_step", "rise", "m_sharpness")
]


def study_of(runs: int, experiences: int, everything: bool) -> StudyFile:
    few = runs == 100
    grid = {
        "streams": STREAMS[experiences][: 1 if few else 2],
        "strategies": STRATEGIES[: 2 if few else 5],
        "rules": RULES[: 5 if few else 10],
        "seeds": 10,
    }
    return StudyFile.of(parse_study({"name": "invented", **grid, "evaluation": {"every": 5} if everything else {}}))


def continual(R: np.ndarray, generator: np.random.Generator) -> list[tuple[int, int, int, float]]:
    """Ten measurements per experience, the last of which is the row of the matrix."""
    T = len(R)
    return [
        (5 * (10 * i + n + 1), i, j, float(R[i, j] if n == 9 else generator.uniform(0.2, 1)))
        for i in range(T)
        for n in range(10)
        for j in range(i + 1)
    ]


def landscape(T: int, generator: np.random.Generator) -> Iterator[tuple[int, int, str, float, float, float]]:
    """Rows of all measures of `evaluation: {landscape: {}}`."""
    nan = float("nan")
    for i in range(T):
        rows = [(measure, at) for measure in OVER_RADII for at in (0.05, 0.1, 0.2)]
        rows += [(measure, at) for measure in ("noisy_accuracy", "accuracy_lost_to_noise") for at in (0.1, 0.2, 0.4)]
        for measure, at in [*rows, ("hessian_eigenvalue", 1), ("hessian_trace", nan), ("loss", nan)]:
            yield i, i, measure, at, generator.uniform(), nan
        for at in np.linspace(0, 1, 11) if i else ():
            yield from ((i, j, "path_loss", at, generator.uniform(), nan) for j in (i - 1, i))


def invent(path: Path, file: StudyFile, experiences: int, everything: bool) -> int:
    """Write a result folder with all runs of a study, and return their number."""
    folder, T = ResultFolder(path), experiences
    folder.write_study(file)
    generator = np.random.default_rng(0)
    for run, config in file.configurations().items():
        R = generator.uniform(0.2, 1, (T, T))
        record = RunRecord(
            run=run,
            config=config.to_json(),
            status="done",
            accuracy=AccuracyMatrix(R).seen(),
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
            folder.write_run(record, scratch, continual=continual(R, generator) if everything else [])
        if everything:
            write_landscape(folder.run_path(run), list(landscape(T, generator)), {"images": 64})
    return len(file.places)


def measure(path: Path) -> tuple[float, float]:
    """CPU and wall-clock seconds of one report."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "lifelong_lb", "report", str(path)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=3, help="number of reports per folder, of which the median is printed"
    )
    parser.add_argument(
        "--keep", type=Path, help="parent of the result folders: keep them there, or reuse existing ones"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print("| runs | experiences | measured | charts | page, MB | CPU time, s | wall clock, s |")
        print("|---|---|---|---|---|---|---|")
        for runs, experiences, everything in KINDS:
            measured = "all" if everything else "accuracy matrices"
            path = (options.keep or Path(scratch)) / f"{runs}-{experiences}-{measured.split()[0]}"
            if not path.exists():
                assert invent(path, study_of(runs, experiences, everything), experiences, everything) == runs
            times = [measure(path) for _ in range(options.rounds)]
            processor, clock = (statistics.median(values) for values in zip(*times, strict=True))
            page = (path / "report.html").read_bytes()
            charts, megabytes = page.count(b" data-chart="), len(page) / 1e6
            row = (f"{runs:,}", experiences, measured, charts, f"{megabytes:.1f}", f"{processor:.1f}", f"{clock:.1f}")
            print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
