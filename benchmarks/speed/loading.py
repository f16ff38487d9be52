"""Training and evaluation time relative to a bare tensor loop: this package, and stock Avalanche with transforms.

Run with one thread: ``OMP_NUM_THREADS=1 python benchmarks/speed/loading.py --rounds 5``. Each round measures the CPU
time of all alternatives in one process, so that other load affects them equally; each number is the median over rounds
of a ratio taken within a round. Prints a Markdown table. ``--growth`` measures instead how time grows when experiences,
images or classes double, ``--memory DIR`` the memory of one worker for Split-CIFAR-100 from the data in DIR.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from avalanche.benchmarks import benchmark_from_datasets, with_classes_timeline
from avalanche.benchmarks.utils import as_classification_dataset
from avalanche.evaluation.metrics import accuracy_metrics, loss_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive, Replay
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.data import Dataset
from torchvision.transforms import Compose, Normalize, ToTensor

from lifelong_lb.config import Study, parse_study
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.models import build_model
from lifelong_lb.optim import NoRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    AccuracyRecorder,
    DivergenceGuard,
    SeparateSeeds,
    SharpnessAwarePlugin,
    Stopwatch,
    StrategyGradients,
    TensorLoading,
    build_strategy,
)
from lifelong_lb.streams import Stream, split_stream

WHEN = {"minibatch": False, "epoch": True, "experience": True, "stream": True}
LR = 0.01
MEMORY = 500


@dataclass(frozen=True)
class Case:
    """A model, its images and their number."""

    name: str
    model: str
    image: tuple[int, int, int]
    batch: int
    experiences: int = 2
    an_experience: int = 2560
    classes: int = 10

    def images(self) -> ImageData:
        if self.name == "digits":
            return load_images(find_dataset("digits"))
        n = self.experiences * self.an_experience
        parts = [self._part(n), self._part(n // 5)]
        channels = self.image[0]
        return ImageData(*parts, (0.5,) * channels, (0.25,) * channels, "noise", "noise")

    def _part(self, n: int) -> ImageTensors:
        x = torch.randint(0, 256, (n, *self.image), dtype=torch.uint8)
        return ImageTensors(x, torch.arange(n) % self.classes)

    def study(self, strategy: str = "naive") -> Study:
        entry = {"name": "replay", "mem_size": MEMORY} if strategy == "replay" else strategy
        stream = {"name": "split-cifar100" if self.classes == 100 else "split-digits", "scenario": "class-incremental"}
        return parse_study({
            "streams": [{**stream, "experiences": self.experiences}],
            "model": {"name": self.model, "head": "single"},
            "train": {"batch_size": self.batch},
            "strategies": [entry],
            "optimizers": [{"name": "sgd", "lr": LR}],
        })


CASES = [
    Case("digits", "mlp", (1, 8, 8), 10),
    Case("digits", "mlp", (1, 8, 8), 128),
    Case("28 x 28", "mlp", (1, 28, 28), 10),
    Case("28 x 28", "mlp", (1, 28, 28), 128),
    Case("3 x 32 x 32", "small-cnn", (3, 32, 32), 10, an_experience=320),
    Case("3 x 32 x 32", "small-cnn", (3, 32, 32), 64, an_experience=320),
    Case("3 x 32 x 32", "reduced-resnet18", (3, 32, 32), 10, an_experience=160),
    Case("3 x 32 x 32", "reduced-resnet18", (3, 32, 32), 64, an_experience=256),
]


class Pictures(Dataset):
    """Images as in torchvision's data sets: arrays that a transform converts to tensors one by one."""

    def __init__(self, data: ImageTensors, indices: torch.Tensor, transform: Callable) -> None:
        self.arrays = data.x[indices].permute(0, 2, 3, 1).numpy()
        self.targets = data.y[indices].tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int):
        return self.transform(self.arrays[index]), self.targets[index]


def stock_streams(images: ImageData, stream: Stream):
    """Build the same experiences in stock Avalanche."""
    transform = Compose([ToTensor(), Normalize(images.mean, images.std)])
    per = len(stream.class_order) // len(stream.train)

    def parts(data: ImageTensors):
        for i in range(len(stream.train)):
            classes = torch.tensor(stream.class_order[i * per : (i + 1) * per])
            indices = torch.nonzero(torch.isin(data.y, classes)).flatten()
            yield as_classification_dataset(Pictures(data, indices, transform))

    scenario = benchmark_from_datasets(train=list(parts(images.train)), test=list(parts(images.test)))
    scenario = with_classes_timeline(scenario)
    return list(scenario.train_stream), list(scenario.test_stream)


class Alternative:
    """One way to train on a stream and evaluate its test part."""

    def __init__(self, case: Case, images: ImageData, stream: Stream) -> None:
        self.case, self.images, self.stream = case, images, stream
        self.model = self._model("naive")

    def _model(self, strategy: str) -> nn.Module:
        seed_all(0, INITIALISATION)
        return build_model(self.case.study(strategy).model, self.stream.shape)

    def start(self, strategy: str) -> None:
        """Set up training, without being measured."""
        self.model = self._model(strategy)
        self.optimizer = SGD(self.model.parameters(), lr=LR)


class Bare(Alternative):
    """Index, forward, backward, step; replay adds as many images from a fixed memory as from the experience."""

    def start(self, strategy: str) -> None:
        super().start(strategy)
        self.replays = strategy == "replay"
        self.parts = [torch.tensor(list(e.dataset._flat_data._indices)) for e in self.stream.train]
        self.tests = [torch.tensor(list(e.dataset._flat_data._indices)) for e in self.stream.test]
        self.x, self.y = self.stream.train[0].dataset._flat_data._datasets[0].tensors
        self.x_test, self.y_test = self.stream.test[0].dataset._flat_data._datasets[0].tensors

    def train(self) -> None:
        self.model.train()
        for i, part in enumerate(self.parts):
            for indices in part[torch.randperm(len(part))].split(self.case.batch):
                if self.replays and i:
                    memory = self.parts[0][:MEMORY]
                    indices = torch.cat([indices, memory[torch.randint(len(memory), (self.case.batch,))]])
                self.optimizer.zero_grad()
                loss = cross_entropy(self.model(self.x.index_select(0, indices)), self.y[indices])
                loss.backward()
                self.optimizer.step()

    def evaluate(self) -> None:
        self.model.eval()
        with torch.no_grad():
            for part in self.tests:
                for indices in part.split(64):
                    self.model(self.x_test.index_select(0, indices)).argmax(dim=1)


class Ours(Alternative):
    """Training and evaluation as in a run of a study."""

    def start(self, strategy: str) -> None:
        super().start(strategy)
        study = self.case.study(strategy)
        self.recorder = AccuracyRecorder()
        rule = SharpnessAwarePlugin(NoRule())
        rest = [DivergenceGuard(), StrategyGradients(), Stopwatch(), self.recorder]
        self.strategy = build_strategy(
            study.strategies[0],
            model=self.model,
            optimizer=self.optimizer,
            train=study.train,
            evaluation=study.evaluation,
            plugins=[SeparateSeeds(0), TensorLoading(), rule, *rest],
        )

    def train(self) -> None:
        for experience in self.stream.train:
            self.strategy.train(experience, eval_streams=[])

    def evaluate(self) -> None:
        self.recorder.evaluate(self.strategy, self.stream.test)


class Stock(Alternative):
    """Stock Avalanche with transforms and the metrics of its default evaluator, without printing."""

    def __init__(self, case: Case, images: ImageData, stream: Stream) -> None:
        super().__init__(case, images, stream)
        self.train_stream, self.test_stream = stock_streams(images, stream)

    def start(self, strategy: str) -> None:
        super().start(strategy)
        make = Naive if strategy == "naive" else Replay
        extra = {} if strategy == "naive" else {"mem_size": MEMORY}
        self.strategy = make(
            model=self.model,
            optimizer=self.optimizer,
            criterion=nn.CrossEntropyLoss(),
            train_mb_size=self.case.batch,
            eval_mb_size=64,
            evaluator=EvaluationPlugin(accuracy_metrics(**WHEN), loss_metrics(**WHEN), loggers=[]),
            **extra,
        )

    def train(self) -> None:
        for experience in self.train_stream:
            self.strategy.train(experience, eval_streams=[])

    def evaluate(self) -> None:
        self.strategy.eval(self.test_stream)


KINDS = {"bare": Bare, "ours": Ours, "stock": Stock}


def timed(function: Callable[[], None], repeats: int = 1) -> float:
    started = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - started) / repeats


def measure(case: Case, strategy: str, rounds: int) -> dict[str, float]:
    """Median over rounds of each ratio."""
    torch.manual_seed(0)
    images = case.images()
    stream = split_stream(case.study().streams[0], images, seed=0)
    alternatives = {name: kind(case, images, stream) for name, kind in KINDS.items()}
    ratios: dict[str, list[float]] = {}
    for i in range(rounds + 1):  # the first one is a warm-up
        train, evaluation = {}, {}
        for name, alternative in alternatives.items():
            alternative.start(strategy)
            train[name] = timed(alternative.train)
            alternative.evaluate()
            evaluation[name] = timed(alternative.evaluate, 3)
        if i:
            for name in ("ours", "stock"):
                ratios.setdefault(f"train {name}", []).append(train[name] / train["bare"])
                ratios.setdefault(f"eval {name}", []).append(evaluation[name] / evaluation["bare"])
    return {name: statistics.median(values) for name, values in ratios.items()}


def print_table(rounds: int) -> None:
    print("| images | model | batch | strategy | train, ours | train, stock | evaluate, ours | evaluate, stock |")
    print("|---|---|---|---|---|---|---|---|")
    for case in CASES:
        for strategy in ("naive", "replay"):
            r = measure(case, strategy, rounds)
            numbers = " | ".join(f"{r[key]:.2f}" for key in ("train ours", "train stock", "eval ours", "eval stock"))
            print(f"| {case.name} | {case.model} | {case.batch} | {strategy} | {numbers} |", flush=True)


def print_growth(rounds: int) -> None:
    """CPU time of this package when a size doubles, relative to the base case."""
    base = {"name": "28 x 28", "model": "mlp", "image": (1, 28, 28), "batch": 10, "an_experience": 250}
    cases = {
        "5 experiences of 250 images": Case(**base, experiences=5),
        "10 experiences of 250 images": Case(**base, experiences=10),
        "5 experiences of 500 images": Case(**{**base, "an_experience": 500}, experiences=5),
        "5 experiences of 250 images, 100 classes": Case(**base, experiences=5, classes=100),
    }
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in cases}
    for i in range(rounds + 1):
        for name, case in cases.items():
            torch.manual_seed(0)
            images = case.images()
            started = time.process_time()
            stream = split_stream(case.study().streams[0], images, seed=0)
            ours = Ours(case, images, stream)
            ours.start("replay")
            start = time.process_time() - started
            row = (start, timed(ours.train), timed(ours.evaluate))
            if i:
                times[name].append(row)
    first = [statistics.median(column) for column in zip(*next(iter(times.values())), strict=True)]
    print("| replay, mlp, batch 10 | start | training | evaluation |")
    print("|---|---|---|---|")
    for name, rows in times.items():
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"| {name} | " + " | ".join(f"{m / f:.2f}" for m, f in zip(medians, first, strict=True)) + " |")


def print_memory(data: Path) -> None:
    """Private memory and start time of one worker on Split-CIFAR-100, in addition to its imports."""
    process = psutil.Process()

    def private() -> float:
        return process.memory_full_info().uss / 2**30

    imported, started = private(), time.process_time()
    images = load_images(find_dataset("cifar100", [data]))
    case = Case("CIFAR-100", "reduced-resnet18", (3, 32, 32), 10, experiences=20, classes=100)
    stream = split_stream(case.study().streams[0], images, seed=0)
    ours = Ours(case, images, stream)
    ours.start("replay")
    print(f"ready to train: {time.process_time() - started:.2f} s, {private() - imported:.3f} GB private memory")
    for experience in stream.train[:2]:
        ours.strategy.train(experience, eval_streams=[])
    ours.recorder.evaluate(ours.strategy, stream.test[:2])
    print(f"after two experiences: {private() - imported:.3f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--memory", type=Path, metavar="DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # Avalanche's own
    if options.memory is not None:
        print_memory(options.memory)
    elif options.growth:
        print_growth(options.rounds)
    else:
        print_table(options.rounds)


if __name__ == "__main__":
    main()
