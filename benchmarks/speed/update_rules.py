"""Time of one step of each update rule relative to the passes that it takes, and to the same rule in other packages.

Run with one thread: ``python benchmarks/speed/update_rules.py --rounds 30``. Times are CPU times. Each round measures
all alternatives in one process, so that other load affects them equally; each number is the median over rounds of a
ratio taken within a round. Prints two Markdown tables. ``other_packages.py`` lists what the second one needs.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import other_packages
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, LookbehindSAM, Passes, UpdateRule
from lifelong_lb.optim.rules.ascent import SAMAscent
from lifelong_lb.optim.weights import copied, load, perturb

Table = dict[tuple[str, ...], tuple[float, float]]
"""Row to (ratio of times, passes per step)."""


@dataclass(frozen=True)
class Case:
    model: str
    batch: int
    bfloat16: bool = False

    def __str__(self) -> str:
        return f"{self.model}, batch {self.batch}" + (", bfloat16" if self.bfloat16 else "")


CASES = [
    Case("mlp", 10),
    Case("mlp", 64),
    Case("reduced-resnet18", 10),
    Case("reduced-resnet18", 64),
    Case("mlp", 64, bfloat16=True),
    Case("reduced-resnet18", 10, bfloat16=True),
]
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


def problem(case: Case) -> tuple[nn.Module, SGD, Callable[[], torch.Tensor]]:
    image = (3, 32, 32) if case.model == "reduced-resnet18" else (1, 28, 28)
    channels = image[0]
    shape = Shape(image, 1, 10, 10, (0.5,) * channels, (0.25,) * channels)
    torch.manual_seed(0)
    model = build_model(MODEL_ENTRIES[case.model](head="single"), shape)
    optimizer = SGD(model.parameters(), lr=1e-3)
    x = torch.randint(0, 256, (case.batch, *image), dtype=torch.uint8)
    y = torch.randint(0, 10, (case.batch,))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=case.bfloat16):
            loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    return model, optimizer, closure


def timed(function: Callable[[], object], repeats: int) -> float:
    started = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - started) / repeats


def measure(case: Case, rounds: int, lookbehind: Path | None, settings: Passes) -> tuple[Table, Table]:
    """Medians over rounds, for one model, batch size and precision.

    Returns:
        Time of a step over (passes x time of a bare pass), by our rule; and time of other code over the time of our
        rule, by our rule and the other package.
    """
    model, optimizer, closure = problem(case)
    rules: dict[str, UpdateRule] = {
        name: make(**SETTINGS.get(name, {}), passes=settings) for name, make in RULES.items()
    }
    rules["lookbehind-sam adaptive"] = LookbehindSAM(k=2, alpha="adaptive", passes=settings)
    rules["lookbehind-sam k=5"] = LookbehindSAM(k=5, passes=settings)
    rules["lookbehind-sam switching"] = LookbehindSAM(k=5, minibatch_switching=True, passes=settings)
    steps = max(1, round(0.02 / timed(closure, 3)))  # per round, at least 20 ms
    passes = 0

    def counting_closure() -> torch.Tensor:
        nonlocal passes
        passes += 1
        return closure()

    others = other_packages.steps(model, counting_closure, lookbehind)
    for k, rule in ((2, "lookbehind-sam"), (5, "lookbehind-sam k=5")):
        others[rule, "2k passes"] = partial(TwoKPasses(k).step, optimizer, counting_closure, model)
    ratios, against, counts = defaultdict(list), defaultdict(list), defaultdict(list)
    for _ in range(rounds):
        for name, rule in rules.items():
            spans = name in ("lookahead", "lookahead-sam", "lookahead-asam", "looksam", "lookbehind-sam switching")
            repeats = 5 * steps if spans else steps  # whole periods of five steps
            passes, bare = 0, timed(closure, steps)
            ours = timed(partial(rule.step, optimizer, counting_closure, model), repeats)
            counts[name,].append(passes / repeats)
            ratios[name,].append(ours / (passes / repeats * bare))
            for other in (key for key in others if key[0] == name):
                passes = 0
                against[other].append(timed(others[other], repeats) / ours)
                counts[other].append(passes / repeats)

    def table(measured: dict[tuple[str, ...], list[float]]) -> Table:
        return {row: (statistics.median(values), statistics.mean(counts[row])) for row, values in measured.items()}

    return table(ratios), table(against)


def show(heads: tuple[str, ...], columns: dict[str, Table]) -> None:
    print("| " + " | ".join([*heads, "passes", *columns]) + " |")
    print("|" + "---|" * (len(heads) + 1 + len(columns)))
    for row, (_, passes) in next(iter(columns.values())).items():
        cells = [f"{column[row][0]:.2f}" for column in columns.values()]
        print("| " + " | ".join([*row, f"{passes:g}", *cells]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--lookbehind", type=Path, help="lookbehind.py of the published code of Lookbehind-SAM")
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)), help="numbers of cases, from 0")
    parser.add_argument("--unchecked", action="store_true", help="skip our check for gradients that are not finite")
    arguments = parser.parse_args()
    settings = Passes(non_finite="ignore" if arguments.unchecked else "raise")
    torch.set_num_threads(1)
    cases = [CASES[number] for number in arguments.cases]
    tables = {str(case): measure(case, arguments.rounds, arguments.lookbehind, settings) for case in cases}
    show(("rule",), {case: ours for case, (ours, _) in tables.items()})
    print()
    show(("rule", "other code"), {case: others for case, (_, others) in tables.items()})


if __name__ == "__main__":
    main()
