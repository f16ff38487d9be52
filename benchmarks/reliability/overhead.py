"""Overhead of the runner: seconds per run, speed-up by a second worker, memory and open files.

The overhead of a run is the additional time of 50 more tiny runs, minus their training time, divided by 50. It includes
starting a process, reading images, building a model, evaluating and writing. Times are meaningful only on an idle
machine. Memory and open files are those of the launcher and its fork server; ``--figure FILE`` draws them.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from common import HERE, arguments, print_summary_and_exit, write_panels

from lifelong_lb import load_results, run_study
from lifelong_lb.config import read_study
from lifelong_lb.studies import ProgressObserver

TINY = {
    "name": "tiny",
    "streams": {"name": "split-digits", "experiences": 2, "images_per_class": 4},
    "model": {"name": "mlp", "hidden": [8]},
}
DEMO = HERE.parent / "studies" / "split-digits.yaml"


class Samples(ProgressObserver):
    """Samples memory and open files after every ``every`` runs."""

    def __init__(self, every: int) -> None:
        self.every, self.ended_runs = every, 0
        self.rows: list[tuple[int, float, int]] = []

    def ended(self, *ended: Any, **more: Any) -> None:
        """Take a sample if it is due."""
        self.ended_runs += 1
        if self.ended_runs % self.every == 0:
            launcher = psutil.Process()
            servers = [child for child in launcher.children() if "forkserver" in " ".join(child.cmdline())]
            processes = [launcher, *servers]
            memory = sum(process.memory_info().rss for process in processes) / 1e6
            self.rows.append((self.ended_runs, memory, sum(process.num_fds() for process in processes)))
            print(f"{self.ended_runs} runs: {memory:.1f} MB, {self.rows[-1][2]} open files", flush=True)


def main() -> None:
    """Measure and compare with the targets."""
    options = arguments(__doc__, runs=1000)
    cost = seconds_per_run(options.out)
    print(f"overhead: {cost:.2f} s per run")
    ratio = second_worker(options.out)
    print(f"two workers are {ratio:.2f} times as fast as one")
    samples = Samples(max(1, options.runs // 20))
    run_study({**TINY, "seeds": options.runs}, options.out / "many", workers=2, observer=samples)
    if options.figure:
        draw_growth(samples.rows, options.figure)
    (_, first, files), (_, last, files_last) = samples.rows[1], samples.rows[-1]
    wrong = [] if cost < 0.3 else [f"overhead of {cost:.2f} s per run; the target is 0.3"]
    wrong += [] if ratio >= 1.8 else [f"two workers are {ratio:.2f} times as fast as one; the target is 1.8"]
    wrong += [] if files_last <= files + 2 else [f"open files grew from {files} to {files_last}"]
    wrong += [] if last < first + 30 else [f"memory grew from {first:.0f} to {last:.0f} MB"]
    wrong += [] if threading.active_count() < 5 else [f"{threading.active_count()} threads remain"]
    print_summary_and_exit(wrong)


def seconds_per_run(out: Path) -> float:
    """Seconds per run in addition to its training."""
    seconds = {runs: timed({**TINY, "seeds": runs}, out / f"tiny-{runs}", 1) for runs in (10, 60)}
    trained = load_results(out / "tiny-60")[0]["train_seconds"].mean()
    return (seconds[60] - seconds[10]) / 50 - float(trained)


def second_worker(out: Path) -> float:
    """Time of one worker divided by that of two on the digits study, measured in the order 1, 2, 2, 1."""
    study = read_study(DEMO)
    seconds: dict[int, float] = {1: 0.0, 2: 0.0}
    for turn, workers in enumerate((1, 2, 2, 1)):
        seconds[workers] += timed(study, out / f"digits-{turn}", workers)
    return seconds[1] / seconds[2]


def draw_growth(rows: list[tuple[int, float, int]], file: Path) -> None:
    """Draw memory and open files over the number of runs."""
    values = [{"runs": runs, "memory, MB": memory, "open files": files} for runs, memory, files in rows]
    x = {"field": "runs", "type": "quantitative", "title": "runs ended"}
    write_panels(
        file,
        [
            {
                "data": {"values": values},
                "mark": {"type": "line", "point": True},
                "encoding": {"x": x, "y": {"field": name, "type": "quantitative", "scale": {"zero": True}}},
            }
            for name in ("memory, MB", "open files")
        ],
    )


def timed(study: Any, out: Path, workers: int) -> float:
    """Seconds from the end of the first run to the end of the last, to exclude the start of the fork server."""

    class Clock(ProgressObserver):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def ended(self, *ended: Any, **more: Any) -> None:
            self.ends.append(time.perf_counter())

    clock = Clock()
    run_study(study, out, workers=workers, observer=clock)
    return clock.ends[-1] - clock.ends[0]


if __name__ == "__main__":
    sys.exit(main())
