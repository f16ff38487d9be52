"""Times on an accelerator: passes, update rules and studies, alone and several at the same time.

``check.sh`` calls it. ``--tiny`` measures once with small sizes, to try the script on any device.
"""

import argparse
import contextlib
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb import devices, run_study
from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, Passes

PRECISIONS = ("float32", "tf32", "bfloat16")
RULE_SETTINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "sam": {"rho": 0.05},
    "lookbehind-sam": {"rho": 0.05, "k": 2, "alpha": 0.5},
    "lookbehind-sam k=5": {"rho": 0.05, "k": 5, "alpha": 0.5},
}


class Clock:
    """Deadline, and how long each measurement takes."""

    def __init__(self, device: str, seconds: float, *, tiny: bool) -> None:
        self.device, self.tiny = torch.device(device), tiny
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def milliseconds(self, call: Callable[[], Any], repeats: int = 20) -> dict[str, float]:
        """Median and smallest time of a call, over batches of calls between two synchronisations."""
        repeats, batches = (1, 2) if self.tiny else (repeats, 5)
        for _ in range(1 if self.tiny else 5):
            call()
        times = []
        for _ in range(batches):
            devices.synchronise(self.device)
            started = time.perf_counter()
            for _ in range(repeats):
                call()
            devices.synchronise(self.device)
            times.append((time.perf_counter() - started) / repeats * 1000)
        return {"median_ms": statistics.median(times), "min_ms": min(times)}


def set_precision(precision: str) -> None:
    allowed = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


class Problem:
    """A reduced ResNet-18 with one minibatch, and a pass over it in one of several ways."""

    def __init__(self, kind: str, batch: int, precision: str, way: str, *, tiny: bool) -> None:
        set_precision(precision)
        torch.manual_seed(0)
        size, width = (8, 2) if tiny else (32, 20)
        shape = Shape((3, size, size), 1, 10, 10, (0.5,) * 3, (0.25,) * 3)
        entry = MODEL_ENTRIES["reduced-resnet18"](head="single", width=width)
        amp = "bfloat16" if precision == "bfloat16" else "float32"
        self.model = build_model(entry, shape, amp).to(kind)
        self.optimizer = SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        self.x = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=kind)
        self.y = torch.randint(0, 10, (batch,), device=kind)
        self.called = torch.compile(self.model, mode="reduce-overhead") if way == "compile" else self.model
        self.graph = self._captured() if way == "cuda-graph" else None

    def forward_backward(self) -> torch.Tensor:
        if self.graph is not None:
            self.graph.replay()
            for p, grad in zip(self.model.parameters(), self.gradients, strict=True):
                p.grad = grad
            return self.loss
        for p in self.model.parameters():
            p.grad = None
        loss = cross_entropy(self.called(self.x), self.y)
        loss.backward()
        return loss.detach()

    def _captured(self) -> torch.cuda.CUDAGraph:
        self.graph = None
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.forward_backward()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = self.forward_backward()
        self.gradients = [p.grad for p in self.model.parameters()]
        return graph


def eager_ways(kind: str) -> list[str]:
    """How passes can be taken without compiling the model, which takes a minute."""
    return ["eager", "cuda-graph"] if kind == "cuda" else ["eager"]


@contextlib.contextmanager
def measuring(clock: Clock, rows: list[dict[str, Any]], **what: Any) -> Iterator[dict[str, Any]]:
    """Record a measurement, or why there is none."""
    row: dict[str, Any] = dict(what)
    rows.append(row)
    print(" ".join(map(str, what.values())), flush=True)
    if clock.left <= 0:
        row["skipped"] = "no time left"
    try:
        yield row
    except Exception as error:  # noqa: BLE001  the other measurements go on
        row["error"] = f"{type(error).__name__}: {error}"[:500]


def passes(clock: Clock, kind: str, batches: list[int], ways: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in batches:
        for precision in PRECISIONS:
            for way in ways:
                with measuring(clock, rows, batch=batch, precision=precision, way=way) as row:
                    if "skipped" not in row:
                        problem = Problem(kind, batch, precision, way, tiny=clock.tiny)
                        row |= clock.milliseconds(problem.forward_backward)
    return rows


def rules(clock: Clock, kind: str, batches: list[int], ways: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in batches:
        for precision in PRECISIONS:
            for way in ways:
                for label, settings in RULE_SETTINGS.items():
                    for non_finite in ("raise", "ignore") if precision == "float32" else ("raise",):
                        what = {"batch": batch, "precision": precision, "way": way, "rule": label}
                        with measuring(clock, rows, **what, non_finite=non_finite) as row:
                            if "skipped" not in row:
                                row |= _rule(clock, kind, batch, precision, way, label, settings, non_finite)
    return rows


def _rule(clock, kind, batch, precision, way, label, settings, non_finite) -> dict[str, float]:
    problem = Problem(kind, batch, precision, way, tiny=clock.tiny)
    rule = RULES[label.partition(" ")[0]](**settings, passes=Passes(non_finite=non_finite))
    return clock.milliseconds(lambda: rule.step(problem.optimizer, problem.forward_backward, problem.model), repeats=5)


def _worker(kind: str, batches: list[int], tiny: bool, barrier: Any, results: Any) -> None:
    """Steps of SAM per second in one of several processes that share a device, for each size of a minibatch."""
    _register(kind)
    for batch in batches:
        problem = Problem(kind, batch, "float32", "eager", tiny=tiny)
        rule = RULES["sam"](rho=0.05)
        for _ in range(3):
            rule.step(problem.optimizer, problem.forward_backward, problem.model)
        devices.synchronise(torch.device(kind))
        barrier.wait(120)
        steps, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < (0.2 if tiny else 2.0):
            rule.step(problem.optimizer, problem.forward_backward, problem.model)
            steps += 1
        devices.synchronise(torch.device(kind))
        results.put((batch, steps / (time.perf_counter() - begun)))


def shared(clock: Clock, kind: str, batches: list[int], counts: list[int]) -> list[dict[str, Any]]:
    """Steps per second of all processes together."""
    rows: list[dict[str, Any]] = []
    spawn = multiprocessing.get_context("spawn")
    for count in counts:
        with measuring(clock, rows, processes=count) as row:
            if "skipped" in row:
                continue
            barrier, results = spawn.Barrier(count), spawn.Queue()
            arguments = (kind, batches, clock.tiny, barrier, results)
            processes = [spawn.Process(target=_worker, args=arguments, daemon=True) for _ in range(count)]
            for process in processes:
                process.start()
            try:
                rates: dict[int, list[float]] = {batch: [] for batch in batches}
                for _ in range(count * len(batches)):
                    batch, rate = results.get(timeout=120)
                    rates[batch].append(rate)
                row["steps_per_second"] = {batch: sum(of) for batch, of in rates.items()}
                row["of_each_process"] = rates
            finally:
                for process in processes:
                    process.terminate()
                    process.join()
    return rows


def studies(clock: Clock, kind: str, batches: list[int], counts: list[int]) -> list[dict[str, Any]]:
    """Seconds of whole runs, one worker per run."""
    rows: list[dict[str, Any]] = []
    size, images = (8, 10) if clock.tiny else (32, 500)
    for batch in batches:
        for precision in ("float32", "bfloat16"):
            for count in counts if precision == "float32" else counts[:1]:
                with measuring(clock, rows, batch=batch, precision=precision, workers=count) as row:
                    if "skipped" in row:
                        continue
                    study = {
                        "name": "accelerator",
                        "streams": [
                            {"name": "generated", "experiences": 2, "image_size": size, "train_images": images}
                        ],
                        "model": {"name": "reduced-resnet18", "width": 2 if clock.tiny else 20},
                        "train": {"batch_size": batch, "precision": precision},
                        "rules": ["sam"],
                        "seeds": count,
                        "imports": ["simulated_device.registered"] if kind == "sim" else [],
                    }
                    with tempfile.TemporaryDirectory() as folder:
                        started = time.perf_counter()
                        table = run_study(study, folder, device=kind, workers=count).table()
                        row["wall_seconds"] = time.perf_counter() - started
                    row["statuses"] = sorted(set(table["status"]))
                    row["train_seconds"] = float(table["train_seconds"].mean())
                    row["peak_memory"] = float(table["peak_memory"].max())
    return rows


def _register(kind: str) -> None:
    if kind == "sim":
        import simulated_device.registered  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="kind of device; sim needs PYTHONPATH=tests")
    parser.add_argument("--seconds", type=float, default=300.0, help="no measurement starts later")
    parser.add_argument("--out", type=Path, default=Path("accelerator.json"))
    parser.add_argument("--tests", type=int, help="exit status of the tests, for the record")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    _register(options.device)
    clock = Clock(options.device, options.seconds, tiny=options.tiny)
    batches, counts = ([4], [1, 2]) if options.tiny else ([10, 128], [1, 2, 4, 8])
    result: dict[str, Any] = {
        "device": devices.model_name(options.device),
        "torch": torch.__version__,
        **devices.toolkit(options.device),
        "tiny": options.tiny,
        "tests_exit_status": options.tests,
    }
    kind, ways = options.device, eager_ways(options.device)
    parts = {
        "passes": lambda: passes(clock, kind, batches, ways),
        "rules": lambda: rules(clock, kind, batches, ways),
        "shared": lambda: shared(clock, kind, batches, counts),
        "studies": lambda: studies(clock, kind, batches, counts),
    }
    if kind in ("cuda", "cpu"):  # the others have no compiler
        parts["compiled_passes"] = lambda: passes(clock, kind, batches, ["compile"])
        parts["compiled_rules"] = lambda: rules(clock, kind, batches[:1], ["compile"])
    for name, measure in parts.items():
        result[name] = measure()
        options.out.write_text(json.dumps(result, indent=1) + "\n")  # also what there is if the time is up
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
