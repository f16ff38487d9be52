"""Processor time, peak memory and page size of `lifelong-lb report` for result folders of synthetic runs.

    python benchmarks/speed/reports.py --rounds 3
    python benchmarks/speed/reports.py --kinds 1000-20-all --old TREE --keep FOLDER

The folders are written through the store with random accuracies, and deleted afterwards. "All" has accuracies measured
ten times during each experience, confusion counts, diagnostics and a landscape, in addition to the accuracy matrices.
Each report is built in a new process, without the files of an earlier report, and its imports are included. `--old`
names checkouts of other versions, whose reports of the same folders alternate with ours; one that cannot read them
reports on KEEP/TREE/KIND, if that folder exists.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import ResultFolder, RunRecord, StudyFile, write_landscape

ROOT = Path(__file__).resolve().parents[2]
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
KINDS = {
    f"{runs}-{experiences}-{measured}": (runs, experiences, measured == "all")
    for measured in ("accuracy", "all")
    for runs, experiences in ((100, 5), (1000, 5), (1000, 20))
}
"""Number of runs and experiences, and whether more than accuracy matrices is stored."""
ENVIRONMENT = {"lifelong_lb": "0.1.0", "python": "3.11", "torch": "2.6.0", "machine": {"name": "none", "cores": 2}}
OVER_RADII = [
    f"{adaptive}{measure}" for adaptive in ("", "adaptive_") for measure in ("rise_one_step", "rise", "m_sharpness")
]
CLASSES = list(range(10))
IMAGES = 100
"""Test images per experience."""


def study_of(runs: int, experiences: int, everything: bool) -> StudyFile:
    few = runs == 100
    grid = {
        "streams": STREAMS[experiences][: 1 if few else 2],
        "strategies": STRATEGIES[: 2 if few else 5],
        "rules": RULES[: 5 if few else 10],
        "seeds": 10,
    }
    measured = {"every": 5, "confusion": True, "diagnostics_every": 50} if everything else {}
    return StudyFile.of(parse_study({"name": "invented", **grid, "evaluation": measured}))


def continual(R: np.ndarray, generator: np.random.Generator) -> list[tuple[int, int, int, float]]:
    """Ten measurements per experience, the last of which is the row of the matrix."""
    T = len(R)
    return [
        (5 * (10 * i + n + 1), i, j, float(R[i, j] if n == 9 else generator.uniform(0.2, 1)))
        for i in range(T)
        for n in range(10)
        for j in range(i + 1)
    ]


def confusion(R: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[int, int, int, int, int]]:
    """Counts that agree with the matrix; of 5 experiences, each has two classes, of 20, all ten."""
    T = len(R)
    for i in range(T):
        for j in range(i + 1):
            classes = np.array(CLASSES if T > 5 else CLASSES[2 * j : 2 * j + 2])
            right = np.arange(IMAGES) < round(R[i, j] * IMAGES)
            place = generator.integers(len(classes), size=IMAGES)
            other = (place + generator.integers(1, len(classes), size=IMAGES)) % len(classes)
            pairs = np.column_stack([classes[place], classes[np.where(right, place, other)]])
            cells, counts = np.unique(pairs, axis=0, return_counts=True)
            yield from ((i, j, *cell, count) for cell, count in zip(cells.tolist(), counts.tolist(), strict=True))


def diagnostics(T: int, generator: np.random.Generator) -> list[dict[str, float]]:
    """Ten recorded passes per experience."""
    numbers = ("loss", "gradient_norm", "distance", "cosine")
    return [
        {"step": 50 * row, "experience": row // 10, "iteration": 5 * (row % 10), "pass": 0}
        | {name: float(generator.uniform()) for name in numbers}
        for row in range(10 * T)
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
        if everything:
            R = np.round(R * IMAGES) / IMAGES
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
            data={"sha256": "00", "class_order": CLASSES},
        )
        with folder.new_run(run) as scratch:
            if everything:
                parts = diagnostics(T, generator), continual(R, generator), list(confusion(R, generator))
                folder.write_run(record, scratch, *parts)
                write_landscape(folder.run_path(run), list(landscape(T, generator)), {"images": 64})
            else:
                folder.write_run(record, scratch)
    return len(file.places)


@dataclass(frozen=True)
class Measured:
    """Processor seconds and peak memory of one report, and what it wrote."""

    seconds: float
    gigabytes: float
    page: float
    charts: int


def using(tree: Path) -> dict[str, str]:
    """Environment of a process that imports the package of a checkout."""
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def measure(path: Path, tree: Path) -> Measured:
    """Write one report with the package of a checkout."""
    for file in path.iterdir():
        if file.name not in ("study.json", "runs"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    command = [sys.executable, "-m", "lifelong_lb", "report", str(path.resolve())]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=tree, env=using(tree), stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(output.read().decode())
    page = (path / "report.html").read_bytes()
    charts = page.count(b" data-chart=") or page.count(b"<figure")  # the latter before charts were drawn by Vega
    return Measured(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9, len(page) / 1e6, charts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=3, help="number of reports per folder, of which the fastest is printed"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="runs-experiences-measured")
    parser.add_argument("--old", type=Path, nargs="+", default=[], help="checkouts of other versions to measure too")
    parser.add_argument(
        "--keep", type=Path, help="parent of the result folders: keep them there, or reuse existing ones"
    )
    options = parser.parse_args()
    trees = [*(tree.resolve() for tree in options.old), ROOT]
    with tempfile.TemporaryDirectory() as scratch:
        print("| runs | experiences | measured | version | charts | page, MB | memory, GB | processor time, s |")
        print("|---|---|---|---|---|---|---|---|")
        for kind in options.kinds:
            runs, experiences, everything = KINDS[kind]
            path = (options.keep or Path(scratch)) / kind
            if not path.exists():
                assert invent(path, study_of(runs, experiences, everything), experiences, everything) == runs
            own = {tree: path.parent / tree.name / kind for tree in trees}
            paths = {tree: folder if folder.exists() else path for tree, folder in own.items()}
            rounds = [[measure(path, tree) for tree, path in paths.items()] for _ in range(options.rounds)]
            for tree, reports in zip(trees, zip(*rounds, strict=True), strict=True):
                found = min(reports, key=lambda report: report.seconds)
                numbers = (found.charts, f"{found.page:.1f}", f"{found.gigabytes:.2f}", f"{found.seconds:.1f}")
                row = (f"{runs:,}", experiences, "all" if everything else "accuracy matrices", tree.name, *numbers)
                print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
