"""Time of training a head on stored features relative to training it through the frozen backbone.

Run with one thread: ``OMP_NUM_THREADS=1 python benchmarks/speed/frozen_features.py --rounds 3``; it needs the packages
of ``benchmarks/studies/pretrained/efficientnet_lite0.py``. Times are CPU times of whole runs, with evaluations. Each
round measures all alternatives in one process, so that other load affects them equally; each number is the median over
rounds, ratios are taken within a round. Images are noise, by default a fiftieth of CIFAR-100's, in ten experiences of
ten classes. Prints a Markdown table.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from lifelong_lb.config import RunConfig, expand, parse_study
from lifelong_lb.studies.run import execute
from lifelong_lb.studies.run.state import RunState

MODEL = Path(__file__).parents[1] / "studies" / "pretrained" / "efficientnet_lite0.py"
RULES = ["none", {"name": "sam", "rho": 0.05}, {"name": "lookbehind-sam", "rho": 0.05, "k": 2}]
CLASSES = 100


def configs(source: Path) -> list[RunConfig]:
    """One run per rule."""
    study = parse_study({
        "imports": str(MODEL),
        "streams": {"name": "split", "source": str(source), "experiences": 10, "scenario": "class-incremental"},
        "model": {"name": "efficientnet-lite0", "image_size": 96, "tune": "head", "head": "single"},
        "train": {"batch_size": 32},
        "optimizers": {"name": "sgd", "lr": 0.1},
        "rules": RULES,
    })
    return [run.config for run in expand(study)]


def write_noise(path: Path, train: int, test: int) -> None:
    """Write images of noise, with so many train and test images of each class."""
    draw, arrays = np.random.default_rng(0), {}
    for part, count in (("train", train), ("test", test)):
        arrays[f"x_{part}"] = draw.integers(0, 256, (CLASSES * count, 32, 32, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = np.repeat(np.arange(CLASSES), count)
    np.savez(path, **arrays)


def seconds(config: RunConfig) -> float:
    """CPU time of a run."""
    started = time.process_time()
    execute.execute(config, RunState(), roots=(), device="cpu", log=lambda line: None)
    return time.process_time() - started


def through_the_backbone(config: RunConfig) -> float:
    """CPU time of a run that stores no features."""
    usual = execute.obstacle
    execute.obstacle = lambda config: "it is measured"
    try:
        return seconds(config)
    finally:
        execute.obstacle = usual


def measure(train: int, test: int, rounds: int, seeds: int) -> None:
    features, times, ratios = [], defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        write_noise(Path(folder, "noise.npz"), train, test)
        runs = configs(Path(folder, "noise.npz"))
        for i in range(rounds):
            os.environ["LIFELONG_LB_CACHE"] = str(Path(folder, f"cache-{i}"))
            first = seconds(runs[0])  # computes the features, too
            on_features = {run.rule.name: seconds(run) for run in runs}
            features.append(first - on_features["none"])
            for run in runs:
                name, through = run.rule.name, through_the_backbone(run)
                times[name].append((on_features[name], through))
                ratios[name].append((
                    through / on_features[name],
                    seeds * through / (features[-1] + seeds * on_features[name]),
                ))
    images = CLASSES * (train + test)
    print(f"features of {images:,} images: {statistics.median(features):.1f} s\n")
    print(f"| rule | on features, s | through the backbone, s | ratio | ratio, {seeds} seeds with the features |")
    print("|---|---|---|---|---|")
    for name in times:
        cells = [
            f"{statistics.median(column):.1f}"
            for rows in (times[name], ratios[name])
            for column in zip(*rows, strict=True)
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--train", type=int, default=10, help="train images of each of 100 classes")
    parser.add_argument("--test", type=int, default=2, help="test images of each class")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measure(arguments.train, arguments.test, arguments.rounds, arguments.seeds)


if __name__ == "__main__":
    main()
