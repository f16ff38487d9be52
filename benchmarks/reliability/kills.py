"""SIGKILL at random moments, of workers and of launchers, and what a study is worth afterwards.

A study of 40 runs is done once undisturbed. Then it is done again, and workers (three times out of four) or the
launcher are killed at random moments; a launcher that was killed is started again. When such a study has come to its
end before enough kills, another one is begun. Each must leave the undisturbed study's accuracies, byte for byte, every
run once, and nothing beside the runs.
"""

import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
from common import STUDY, arguments, conclude, finish, launch, leftovers, runs_of, same_accuracies


def main() -> None:
    """Kill, continue, compare."""
    options = arguments(__doc__, kills=50, seed=0)
    draw, clean = random.Random(options.seed), options.out / "clean"
    finish(STUDY, clean, "--workers", "2")
    counts, wrong, rounds = {"worker": 0, "launcher": 0}, [], 0
    while sum(counts.values()) < options.kills:
        rounds += 1
        out = options.out / f"killed-{rounds}"
        disturbed(out, options.kills, counts, draw)
        wrong += compared(out, clean)
        print(
            f"round {rounds}: {counts['worker']} workers and {counts['launcher']} launchers killed so far", flush=True
        )
    conclude(wrong)


def disturbed(out: Path, kills: int, counts: dict[str, int], draw: random.Random) -> None:
    """Do the study, killing on the way."""
    hushed = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **hushed)
    while process.wait() if sum(counts.values()) >= kills else process.poll() != 0:
        victim = draw.choice(["worker", "worker", "worker", "launcher"])
        if process.poll() is not None:
            process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **hushed)
        elif victim == "worker":
            counts[victim] += worker_killed(process, draw)
        else:
            time.sleep(draw.uniform(0, 5))
            counts[victim] += process.poll() is None
            process.kill()
            process.wait()


def worker_killed(process: "subprocess.Popen[str]", draw: random.Random) -> bool:
    """Kill a worker at some moment of its run; False where the study ends before there is one."""
    while process.poll() is None:
        time.sleep(0.02)
        try:
            workers = [worker for server in psutil.Process(process.pid).children() for worker in server.children()]
            if workers:
                time.sleep(draw.uniform(0, 0.8))
                draw.choice(workers).send_signal(signal.SIGKILL)
                return True
        except psutil.NoSuchProcess:
            continue
    return False


def compared(out: Path, clean: Path) -> list[str]:
    """What is other than in the undisturbed study."""
    wrong = []
    if not same_accuracies(out, clean):
        wrong.append(f"{out}: other accuracies")
    if runs_of(out) != runs_of(clean):
        wrong.append(f"{out}: other runs")
    if leftovers(out):
        wrong.append(f"{out}: left behind {', '.join(leftovers(out))}")
    return wrong


if __name__ == "__main__":
    main()
