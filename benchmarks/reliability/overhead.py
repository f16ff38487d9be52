"""What the runner costs beside the runs: seconds a run, what a second worker brings, memory and open files.

The cost of a run is the time that 50 more tiny runs take, less what they say they trained, over 50: what it takes to
begin a process, read images, build a model, evaluate and write is part of it. Times mean something on an idle machine
only. Memory and open files are those of the launcher and of the server process that runs are forked from;
``--figure FILE`` draws them.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from common import HERE, arguments, drawn, print_summary_and_exit

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
    """Memory and open files after every so many runs."""

    def __init__(self, every: int) -> None:
        self.every, self.ended_runs = every, 0
        self.rows: list[tuple[int, float, int]] = []

    def ended(self, *ended: Any, **more: Any) -> None:
        """Look, now and then."""
        self.ended_runs += 1
        if self.ended_runs % self.every == 0:
            own = psutil.Process()
            servers = [child for child in own.children() if "forkserver" in " ".join(child.cmdline())]
            found = [own, *servers]
            memory = sum(process.memory_info().rss for process in found) / 1e6
            self.rows.append((self.ended_runs, memory, sum(process.num_fds() for process in found)))
            print(f"{self.ended_runs} runs: {memory:.1f} MB, {self.rows[-1][2]} open files", flush=True)


def main() -> None:
    """Measure."""
    options = arguments(__doc__, runs=1000)
    cost = a_run(options.out)
    print(f"the runner takes {cost:.2f} s a run")
    ratio = second_worker(options.out)
    print(f"two workers are {ratio:.2f} times as fast as one")
    samples = Samples(max(1, options.runs // 20))
    run_study({**TINY, "seeds": options.runs}, options.out / "many", workers=2, observer=samples)
    if options.figure:
        draw_growth(samples.rows, options.figure)
    (_, first, files), (_, last, files_last) = samples.rows[1], samples.rows[-1]
    wrong = [] if cost < 0.3 else [f"{cost:.2f} s a run are more than 0.3"]
    wrong += [] if ratio >= 1.8 else [f"two workers are {ratio:.2f} times as fast as one, less than 1.8"]
    wrong += [] if files_last <= files + 2 else [f"open files grew from {files} to {files_last}"]
    wrong += [] if last < first + 30 else [f"memory grew from {first:.0f} to {last:.0f} MB"]
    wrong += [] if threading.active_count() < 5 else [f"{threading.active_count()} threads are left"]
    print_summary_and_exit(wrong)


def a_run(out: Path) -> float:
    """Seconds a run beside its training."""
    took = {runs: timed({**TINY, "seeds": runs}, out / f"tiny-{runs}", 1) for runs in (10, 60)}
    trained = load_results(out / "tiny-60")[0]["train_seconds"].mean()
    return (took[60] - took[10]) / 50 - float(trained)


def second_worker(out: Path) -> float:
    """Time of one worker over that of two on the digits study, taken in the order 1, 2, 2, 1."""
    study = read_study(DEMO)
    took: dict[int, float] = {1: 0.0, 2: 0.0}
    for turn, workers in enumerate((1, 2, 2, 1)):
        took[workers] += timed(study, out / f"digits-{turn}", workers)
    return took[1] / took[2]


def draw_growth(rows: list[tuple[int, float, int]], file: Path) -> None:
    """Memory and open files over the runs that have ended."""
    runs, memory, files = zip(*rows, strict=True)
    with drawn(file, 2) as (left, right):
        left.plot(runs, memory, ".-")
        left.set(xlabel="runs ended", ylabel="memory, MB", ylim=(0, 1.2 * max(memory)))
        right.plot(runs, files, ".-")
        right.set(xlabel="runs ended", ylabel="open files", ylim=(0, 1.2 * max(files)))


def timed(study: Any, out: Path, workers: int) -> float:
    """Seconds from the first run's end to the last's: the server process is warm then."""

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
