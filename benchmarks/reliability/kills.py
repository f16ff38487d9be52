"""Workers and launchers killed by SIGKILL at random times, and the results of their studies.

A study of 40 runs is executed once undisturbed. Then it is executed again while workers (three times out of four) or
the launcher are killed at random times; a killed launcher is restarted. If a study ends before the required number of
kills, another one is started. Each must have the accuracies of the undisturbed study, byte for byte, every run once,
and no other files beside the runs. ``--figure FILE`` draws the kills over time and the number of runs done by then.
"""

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
from common import (
    STUDY,
    arguments,
    finish,
    launch,
    leftovers,
    print_summary_and_exit,
    runs_of,
    same_accuracies,
    write_panels,
)

Kill = tuple[int, str, float, int]
"""Number of the study, victim, seconds since the start of that study, number of runs stored by then."""


def main() -> None:
    """Kill processes until there are enough kills, and compare the results."""
    options = arguments(__doc__, kills=50, seed=0)
    rng, clean = random.Random(options.seed), options.out / "clean"
    finish(STUDY, clean, "--workers", "2")
    killed: list[Kill] = []
    wrong, rounds = [], 0
    while len(killed) < options.kills:
        rounds += 1
        out = options.out / f"killed-{rounds}"
        run_with_kills(out, options.kills, killed, rounds, rng)
        wrong += differences(out, clean)
        workers = sum(victim == "worker" for _, victim, _, _ in killed)
        print(f"study {rounds}: {workers} workers and {len(killed) - workers} launchers killed so far", flush=True)
    if options.figure:
        draw_kills(killed, rounds, options.figure)
    print_summary_and_exit(wrong)


def run_with_kills(out: Path, kills: int, killed: list[Kill], number: int, rng: random.Random) -> None:
    """Run the study while killing its processes."""
    silent, start = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}, time.perf_counter()
    process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **silent)
    while process.wait() if len(killed) >= kills else process.poll() != 0:
        victim = rng.choice(["worker", "worker", "worker", "launcher"])
        if process.poll() is not None:
            process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **silent)
        elif kill_worker(process, rng) if victim == "worker" else kill_launcher(process, rng):
            done = len(list((out / "runs").glob("[!.]*/result.json")))
            killed.append((number, victim, time.perf_counter() - start, done))


def kill_launcher(process: "subprocess.Popen[str]", rng: random.Random) -> bool:
    """Kill a launcher at a random time; False if it ends before."""
    time.sleep(rng.uniform(0, 5))
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def kill_worker(process: "subprocess.Popen[str]", rng: random.Random) -> bool:
    """Kill a worker at a random time of its run; False if the study ends before there is one."""
    while process.poll() is None:
        time.sleep(rng.uniform(0, 0.8))
        try:
            workers = [worker for server in psutil.Process(process.pid).children() for worker in server.children()]
            if workers:
                rng.choice(workers).send_signal(signal.SIGKILL)
                return True
        except psutil.NoSuchProcess:
            continue
    return False


def draw_kills(killed: list[Kill], rounds: int, file: Path) -> None:
    """Draw the number of recorded runs, killed ones included, at each kill over time."""
    panels = []
    for number in range(1, rounds + 1):
        points = [(victim, seconds, done) for n, victim, seconds, done in killed if n == number]
        counts = Counter(victim for victim, _, _ in points)
        rows = [{"victim": victim, "seconds": seconds, "runs": done} for victim, seconds, done in points]
        encoding = {
            "x": {"field": "seconds", "type": "quantitative", "title": "seconds since the start"},
            "y": {
                "field": "runs",
                "type": "quantitative",
                "title": "recorded runs, of 40",
                "scale": {"domain": [0, 40]},
            },
            "color": {"field": "victim", "type": "nominal", "title": "killed"},
            "shape": {"field": "victim", "type": "nominal", "title": "killed"},
        }
        panels.append({
            "title": f"study {number}: {counts['worker']} workers, {counts['launcher']} launchers",
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True},
            "encoding": encoding,
        })
    write_panels(file, panels)


def differences(out: Path, clean: Path) -> list[str]:
    """List differences from the undisturbed study."""
    wrong = []
    if not same_accuracies(out, clean):
        wrong.append(f"{out}: different accuracies")
    if runs_of(out) != runs_of(clean):
        wrong.append(f"{out}: different runs")
    if leftovers(out):
        wrong.append(f"{out}: left behind {', '.join(leftovers(out))}")
    return wrong


if __name__ == "__main__":
    main()
