"""Time of one step of each update rule relative to the passes that it takes.

Run with one thread: ``python benchmarks/speed/update_rules.py --rounds 30``. Each round measures all alternatives in
one process, so that other load affects them equally; each number is the median over rounds of a ratio taken within a
round. Prints a Markdown table.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, LookbehindSAM, Passes, UpdateRule
from lifelong_lb.optim.ascent import SAMAscent
from lifelong_lb.optim.weights import copied, load, perturb

SETTINGS = {
    "lookbehind-sam": {"k": 2},
    "lookbehind-asam": {"k": 2},
    "multistep-sam": {"k": 2},
    "multistep-asam": {"k": 2},
}


class TwoKPasses(UpdateRule):
    """Lookbehind-SAM as in its published code: one ascent and one descent gradient in each of k steps."""

    def __init__(self, k: int) -> None:
        super().__init__(Passes(batch_norm="all"))
        self._ascent, self.k = SAMAscent(0.05), k

    @property
    def gradient_evaluations(self) -> float:
        return 2 * self.k

    def further_passes(self, minibatch):
        params = minibatch.params
        slow = copied(params)
        fast = slow
        for i in range(self.k):
            if i:
                yield
            perturb(params, *self._ascent(minibatch, params))
            yield
            if i < self.k - 1:
                perturbed = copied(params)
                load(params, fast)
                minibatch.optimizer.step()
                fast = copied(params)
                load(params, perturbed)
        load(params, fast)

        def finish():
            with torch.no_grad():
                torch._foreach_lerp_(params, slow, 0.5)

        return finish


def problem(model_name: str, batch: int) -> tuple[nn.Module, SGD, Callable[[], torch.Tensor]]:
    image = (3, 32, 32) if model_name == "reduced-resnet18" else (1, 28, 28)
    channels = image[0]
    shape = Shape(image, 1, 10, 10, (0.5,) * channels, (0.25,) * channels)
    torch.manual_seed(0)
    model = build_model(MODEL_ENTRIES[model_name](head="single"), shape)
    optimizer = SGD(model.parameters(), lr=1e-3)
    x = torch.randint(0, 256, (batch, *image), dtype=torch.uint8)
    y = torch.randint(0, 10, (batch,))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    return model, optimizer, closure


def timed(function: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - started) / repeats


def measure(model_name: str, batch: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median over rounds of step time / (passes x bare pass), by rule, with the passes per step."""
    model, optimizer, closure = problem(model_name, batch)
    rules: dict[str, UpdateRule] = {name: make(**SETTINGS.get(name, {})) for name, make in RULES.items()}
    for k in (2, 5):
        rules[f"lookbehind-sam k={k}"] = LookbehindSAM(k=k)
        rules[f"2k passes k={k}"] = TwoKPasses(k)
    rules["lookbehind-sam switching"] = LookbehindSAM(k=5, minibatch_switching=True)
    steps = max(1, round(0.02 / timed(closure, 3)))  # per round, at least 20 ms
    passes = 0

    def counting_closure() -> torch.Tensor:
        nonlocal passes
        passes += 1
        return closure()

    passes_per_step: dict[str, list[float]] = {name: [] for name in rules}
    ratios: dict[str, list[float]] = {name: [] for name in rules}
    against: dict[str, list[float]] = {"k=2": [], "k=5": []}
    for _ in range(rounds):
        times = {}
        for name, rule in rules.items():
            spans = name.startswith("look") and ("behind" not in name or "switching" in name)
            repeats = 5 * steps if spans else steps  # whole periods of five steps
            passes, bare = 0, timed(closure, steps)
            times[name] = timed(lambda rule=rule: rule.step(optimizer, counting_closure, model), repeats)
            passes_per_step[name].append(passes / repeats)
            ratios[name].append(times[name] / (passes_per_step[name][-1] * bare))
        for k, values in against.items():
            values.append(times[f"2k passes {k}"] / times[f"lookbehind-sam {k}"])
    table = {
        name: (statistics.median(values), statistics.mean(passes_per_step[name])) for name, values in ratios.items()
    }
    for k, values in against.items():
        table[f"2k passes over lookbehind-sam, {k}"] = (statistics.median(values), float("nan"))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cases = [("mlp", 10), ("mlp", 64), ("reduced-resnet18", 10), ("reduced-resnet18", 64)]
    columns = {f"{name}, batch {batch}": measure(name, batch, rounds) for name, batch in cases}
    rows = list(next(iter(columns.values())))
    print("| rule | passes | " + " | ".join(columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    for row in rows:
        passes = next(iter(columns.values()))[row][1]
        cells = " | ".join(f"{column[row][0]:.2f}" for column in columns.values())
        print(f"| {row} | {'' if passes != passes else f'{passes:g}'} | {cells} |")


if __name__ == "__main__":
    main()
