"""How often a run's model, or a copy of it, is shown a minibatch while it trains."""

from itertools import product

import pytest
from helpers.covering import covering
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, ENTRIES, SCENARIO
from torch.nn.modules import module as torch_module

from lifelong_lb.config import expand, parse_study
from lifelong_lb.models.mlp import MLP
from lifelong_lb.models.small_cnn import SmallCNN
from lifelong_lb.strategies import AccuracyRecorder, DivergedError
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.landscape import LandscapeMeter
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS

N = 25
"""Minibatches of 60 of the digits' five experiences, five in each."""
CNN = {"name": "small-cnn", "width": 4, "norm": "batch"}
LOOKBEHIND = {"name": "lookbehind-sam", "k": 2}


def run(strategy="naive", rule="none", head="single", **changes):
    raw = {
        "streams": [{"name": "split-digits", "scenario": SCENARIO[head]}],
        "model": {"name": "mlp", "head": head, "hidden": [16]},
        "train": {"batch_size": 60},
        "strategies": [strategy],
        "rules": [rule],
        **changes,
    }
    progress = RunState()
    execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    return progress


@pytest.mark.parametrize(
    ("strategy", "rule", "passes"),
    [
        ("naive", "none", N),
        ("naive", "sam", 2 * N),
        ("naive", LOOKBEHIND, 3 * N),
        ({"name": "replay", "mem_size": 50}, "none", N),  # replayed images are part of the minibatch
        ({"name": "replay", "mem_size": 50}, "sam", 2 * N),
        ({"name": "replay", "mem_size": 50}, LOOKBEHIND, 3 * N),
        ("lwf", "none", N + 20),  # the teacher's, from the second experience on
        ("lwf", "sam", 2 * (N + 20)),  # in every pass
        ("ewc", "none", N + N),  # importances, five minibatches after each experience
        ("ewc", LOOKBEHIND, 3 * N + N),
        ("mas", "none", N + N),
        ("rwalk", "none", N + N),  # without the penalty, one an iteration
        ("agem", "none", N + 20),  # the reference gradient, one an iteration from the second experience on
        ("agem", "sam", 2 * N + 20),
        ("gem", "sam", 2 * N + 5 * (1 + 2 + 3 + 4)),
        ("mir", "none", N + 3 * 20),  # candidates before and after the step that is tried, and those retrieved
        ("mir", "sam", 2 * N + 4 * 20),  # which every pass replays
        ({"name": "er-ace", "mem_size": 50}, "sam", 2 * (N + 20)),
        ({"name": "der", "mem_size": 60}, "sam", 2 * N + N),  # logits to be kept, of each minibatch of an experience
    ],
    ids=str,
)
def test_by_hand(strategy, rule, passes):
    assert run(strategy, rule).forward_passes == passes


def test_a_teacher_with_a_head_a_task():
    """Avalanche asks the teacher for each task it knows, and the model again for each task learnt so far."""
    experiences = [5 * (1 + i + (i + 1 if i else 0)) for i in range(5)]
    assert run("lwf", head="multi").forward_passes == sum(experiences)


@pytest.mark.parametrize("asked", ["first", "recomputed"])
def test_statistics_taken_anew(asked):
    """Over the minibatches of each experience."""
    rule = {"name": "sam", "batch_norm": asked}
    assert run(rule=rule, model=CNN).forward_passes == 2 * N + (N if asked == "recomputed" else 0)


@pytest.mark.parametrize(
    ("strategy", "loader"), covering(product(["naive", "lwf", "ewc", "mir", "joint"], ["", "avalanche"]))
)
def test_evaluations_do_not_count(strategy, loader, monkeypatch):
    plain = run(strategy, "sam")
    monkeypatch.setenv("LIFELONG_LB_LOADER", loader)
    landscape = {"measures": ["ball", "interpolation"], "images": 8, "radii": [0.1]}
    looked_at = {"experiences": "all", "every": 2, "confusion": True, "landscape": landscape, "diagnostics_every": 2}
    watched = run(strategy, "sam", evaluation=looked_at)
    assert watched.confusion
    assert watched.landscape
    assert watched.forward_passes == plain.forward_passes >= 2 * 23


@pytest.mark.parametrize("settings", [{"precision": "bfloat16"}, {"epochs": 2}])
def test_precision_and_epochs(settings):
    assert run(rule="sam", train={"batch_size": 60, **settings}).forward_passes == 2 * N * settings.get("epochs", 1)


def test_a_run_that_ends_early_says_how_far_it_came():
    raw = {"streams": "split-digits", "optimizers": {"name": "sgd", "lr": 1e30}, "train": {"batch_size": 300}}
    progress = RunState()
    with pytest.raises(DivergedError):
        execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    assert progress.forward_passes >= progress.gradient_evaluations >= 1


class Independent:
    """Counts calls of backbones by torch's own hook, but those within evaluations of a run."""

    def __init__(self, monkeypatch):
        self.count, self._looking = 0, False
        for kind, name in ((AccuracyRecorder, "evaluate"), (LandscapeMeter, "after")):
            monkeypatch.setattr(kind, name, self._without(getattr(kind, name)))
        self.handle = torch_module.register_module_forward_pre_hook(self._see)

    def _see(self, module, inputs):
        if isinstance(module, MLP | SmallCNN) and not self._looking:
            self.count += 1

    def _without(self, function):
        def looking(*args, **kwargs):
            self._looking = True
            try:
                return function(*args, **kwargs)
            finally:
                self._looking = False

        return looking


@pytest.fixture
def independent(monkeypatch):
    found = Independent(monkeypatch)
    yield found
    found.handle.remove()


@pytest.mark.parametrize(
    ("label", "head", "rule"),
    covering(
        [(*case, rule) for case in CASES for rule in ("none", LOOKBEHIND)],
        by=lambda label, head, rule: (head, rule == "none"),
    ),
)
def test_every_strategy(label, head, rule, independent):
    stream = {"name": "split-digits", "scenario": SCENARIO[head], "images_per_class": 12}
    few = {"streams": [stream], "train": {"batch_size": 8}, "evaluation": {"every": 2}}
    progress = run(ENTRIES[label], rule, head, **few)
    gradients = progress.gradient_evaluations + progress.strategy_gradient_evaluations
    assert progress.forward_passes == independent.count >= gradients > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": {"name": "c-flat"}, "model": CNN},
        {"rule": {"name": "gam", "batch_norm": "recomputed"}, "model": CNN},
        {"rule": {"name": "looksam", "from_experience": 2}},
        {"optimizers": {"name": "lbfgs", "lr": 0.1}},
        {"streams": [{"name": "split-digits", "scenario": "class-incremental", "chunk": 40}], "rule": "sam"},
        {"train": {"match": "gradients", "budget": 7}, "rule": "sam"},
        {"strategy": "icarl", "model": CNN, "train": {"batch_size": 60, "random_crop": 1}},
    ],
    ids=str,
)
def test_other_ways_to_train(changes, independent):
    progress = run(**changes)
    assert progress.forward_passes == independent.count >= progress.gradient_evaluations > 0
