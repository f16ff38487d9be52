"""SIGKILL at random moments, of workers and of launchers, and what a study is worth afterwards.

A study of 40 runs is done once undisturbed. Then it is done again, and workers (three times out of four) or the
launcher are killed at random moments; a launcher that was killed is started again. When such a study has come to its
end before enough kills, another one is begun. Each must leave the undisturbed study's accuracies, byte for byte, every
run once, and nothing beside the runs. ``--figure FILE`` draws when what was killed, and how many runs were done then.
"""

import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
from common import STUDY, arguments, drawn, finish, launch, leftovers, print_summary_and_exit, runs_of, same_accuracies

Kill = tuple[int, str, float, int]
"""Number of the study, what was killed, seconds since that study began, runs stored then."""


def main() -> None:
    """Kill, continue, compare."""
    options = arguments(__doc__, kills=50, seed=0)
    draw, clean = random.Random(options.seed), options.out / "clean"
    finish(STUDY, clean, "--workers", "2")
    killed: list[Kill] = []
    wrong, rounds = [], 0
    while len(killed) < options.kills:
        rounds += 1
        out = options.out / f"killed-{rounds}"
        disturbed(out, options.kills, killed, rounds, draw)
        wrong += compared(out, clean)
        workers = sum(victim == "worker" for _, victim, _, _ in killed)
        print(f"study {rounds}: {workers} workers and {len(killed) - workers} launchers killed so far", flush=True)
    if options.figure:
        draw_kills(killed, rounds, options.figure)
    print_summary_and_exit(wrong)


def disturbed(out: Path, kills: int, killed: list[Kill], number: int, draw: random.Random) -> None:
    """Do the study, killing on the way."""
    hushed, begun = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}, time.perf_counter()
    process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **hushed)
    while process.wait() if len(killed) >= kills else process.poll() != 0:
        victim = draw.choice(["worker", "worker", "worker", "launcher"])
        if process.poll() is not None:
            process = launch(STUDY, out, "--workers", "2", "--retry", "failed", **hushed)
        elif worker_killed(process, draw) if victim == "worker" else launcher_killed(process, draw):
            done = len(list((out / "runs").glob("[!.]*/result.json")))
            killed.append((number, victim, time.perf_counter() - begun, done))


def launcher_killed(process: "subprocess.Popen[str]", draw: random.Random) -> bool:
    """Kill a launcher at some moment; False where it has come to its end before."""
    time.sleep(draw.uniform(0, 5))
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def worker_killed(process: "subprocess.Popen[str]", draw: random.Random) -> bool:
    """Kill a worker at some moment of its run; False where the study ends before there is one."""
    while process.poll() is None:
        time.sleep(draw.uniform(0, 0.8))
        try:
            workers = [worker for server in psutil.Process(process.pid).children() for worker in server.children()]
            if workers:
                draw.choice(workers).send_signal(signal.SIGKILL)
                return True
        except psutil.NoSuchProcess:
            continue
    return False


def draw_kills(killed: list[Kill], rounds: int, file: Path) -> None:
    """Runs on record, killed ones too, when something was killed, over the time since the study began."""
    with drawn(file, rounds) as panels:
        for number, panel in enumerate(panels, start=1):
            for victim, mark in (("worker", "."), ("launcher", "x")):
                at = [(seconds, done) for n, v, seconds, done in killed if (n, v) == (number, victim)]
                panel.plot([s for s, _ in at], [done for _, done in at], mark, label=f"{victim} killed ({len(at)})")
            panel.set(xlabel="seconds since the study began", ylabel="runs on record, of 40", ylim=(-2, 42))
            panel.set_title(f"study {number}", loc="left")
            panel.legend(frameon=False, loc="lower right")


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
