"""Accuracies measured during training: training does not notice, and the numbers are those of the weights then."""

import random
import time

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers.covering import covering
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, EXPERIENCES, OWN_LOOP_CASES, has_own_loop, make

from lifelong_lb.optim import SAM, Lookahead, LookbehindSAM, NoRule, Passes
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import AccuracyRecorder, DuringTraining, Stopwatch

pytestmark = AVALANCHES_OWN_WARNINGS

RULES = {
    "sam": lambda: SAM(rho=0.05),
    "sam, all": lambda: SAM(rho=0.05, passes=Passes(batch_norm="all", dropout="fresh")),
    "sam, recomputed": lambda: SAM(rho=0.05, passes=Passes(batch_norm="recomputed")),
    "lookahead": lambda: Lookahead(k=4, alpha=0.5),
    "lookbehind": lambda: LookbehindSAM(rho=0.05, k=2, alpha="adaptive"),
    "lookbehind, switching": lambda: LookbehindSAM(rho=0.05, k=3, alpha=0.5, minibatch_switching=True),
}


def trained(label, head, rule, every=None, **parts):
    """All that training leaves behind, the random generators included; and what was measured on the way."""
    recorder, stopwatch = AccuracyRecorder(), Stopwatch()
    during = [] if every is None else [DuringTraining(every, recorder, rule, stopwatch)]
    made = make(label, head, rule, after=[stopwatch, recorder, *during], **parts)
    tests = made.stream.test[:EXPERIENCES]
    for i, experience in enumerate(made.stream.train[:EXPERIENCES]):
        seed_all(0, INITIALISATION, i + 1)
        for measuring in during:
            measuring.begin(i, tests[: i + 1])
        made.strategy.train([experience])
        row = recorder.evaluate(made.strategy, tests[: i + 1])
        for measuring in during:
            measuring.end(row)
    left = {name: value.clone() for name, value in made.strategy.model.state_dict().items() if value is not None}
    left |= {name: value for name, value in vars(made.strategy).items() if torch.is_tensor(value)}  # slda's
    groups = [] if made.strategy.optimizer is None else made.strategy.optimizer.param_groups
    for g, group in enumerate(groups):
        for p, parameter in enumerate(group["params"]):
            states = made.strategy.optimizer.state[parameter]
            left |= {f"{g}.{p}.{key}": v for key, v in states.items() if torch.is_tensor(v)}
    left["torch"] = torch.get_rng_state()
    left["numpy"] = torch.tensor(np.random.get_state()[1].astype(np.int64))  # noqa: NPY002
    left["random"] = torch.tensor(random.getstate()[1])
    left["passes"] = torch.tensor(made.plugin.gradient_evaluations)
    return left, row, during[0].rows if during else None


def same(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


HEADS = {
    label: head
    for wanted in ("masked", "single", "growing")
    for label, head in CASES + OWN_LOOP_CASES
    if head == wanted
}
"""One head a strategy, a growing one where it can have that."""


@pytest.mark.parametrize(
    ("label", "head"),
    covering(
        [case for case in HEADS.items() if case[0] != "joint"], by=lambda label, head: (head, has_own_loop(label))
    ),
)
def test_no_strategy_notices(label, head):
    rule = NoRule if has_own_loop(label) else lambda: SAM(rho=0.05)
    parts = {"batch_norm": label != "mer", "dropout": 0.2}  # mer shows the model single images
    plain, last, _ = trained(label, head, rule(), **parts)
    watched, row, rows = trained(label, head, rule(), every=2, **parts)
    assert same(plain, watched) == []
    assert row == last
    assert [accuracy for *_, accuracy in rows[-EXPERIENCES:]] == last


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_notices(rule):
    parts = {"batch_norm": True, "dropout": 0.3}
    plain, last, _ = trained("replay", "growing", RULES[rule](), **parts)
    watched, row, _ = trained("replay", "growing", RULES[rule](), every=2, **parts)
    assert same(plain, watched) == []
    assert row == last


def test_when_and_what_is_measured():
    _, _, rows = trained("naive", "single", NoRule(), every=2)
    assert len({(iteration, j) for iteration, _, j, _ in rows}) == len(rows)
    steps = {}  # 48 images an experience, in minibatches of 16
    for iteration, experience, j, _ in rows:
        steps.setdefault((iteration, experience), []).append(j)
    assert steps == {(2, 0): [0], (3, 0): [0], (5, 1): [0, 1], (6, 1): [0, 1], (8, 2): [0, 1, 2], (9, 2): [0, 1, 2]}


class Snapshots(SupervisedPlugin):
    """Accuracies after each iteration, of the weights that the parameters hold then, worked out with plain torch."""

    def __init__(self, stream):
        super().__init__()
        self.stream, self.found = stream, []

    def after_training_iteration(self, strategy, **kwargs):
        experience = strategy.experience.current_experience
        was = strategy.model.training
        strategy.model.eval()
        with torch.no_grad():
            for j in range(experience + 1):
                images = [self.stream.test[j].dataset[n] for n in range(len(self.stream.test[j].dataset))]
                x, y = torch.stack([image[0] for image in images]), torch.tensor([image[1] for image in images])
                self.found.append(float((strategy.model(x).argmax(1) == y).float().mean()))
        strategy.model.train(was)


@pytest.mark.parametrize("rule", ["sam", "lookbehind", "lookbehind, switching"])
def test_the_numbers_are_those_of_the_weights_at_the_time(rule):
    made_rule, recorder, stopwatch = RULES[rule](), AccuracyRecorder(), Stopwatch()
    during = DuringTraining(1, recorder, made_rule, stopwatch)
    made = make("naive", "single", made_rule, after=[stopwatch, recorder, during])
    naive = Snapshots(made.stream)
    made.strategy.plugins.append(naive)
    for i, experience in enumerate(made.stream.train[:2]):
        during.begin(i, made.stream.test[: i + 1])
        made.strategy.train([experience])
    assert [accuracy for *_, accuracy in during.rows] == pytest.approx(naive.found)


def test_slow_weights_are_shown():
    """Lookahead with alpha = 0.5 and k = 2: after one step the slow weights are those of the start."""
    rule, recorder = Lookahead(k=2, alpha=0.5), AccuracyRecorder()
    seen = []
    recorder.before_eval = lambda strategy, **_: seen.append(strategy.model.classifier_weights_of_the_test())
    made = make("naive", "single", rule, after=[recorder])
    during = DuringTraining(1, recorder, rule, Stopwatch())
    made.strategy.plugins.append(during)
    first = next(iter(made.strategy.model.parameters()))
    start = first.detach().clone()
    type(made.strategy.model).classifier_weights_of_the_test = lambda model: next(model.parameters()).detach().clone()
    try:
        during.begin(0, made.stream.test[:1])
        made.strategy.train([made.stream.train[0]])
    finally:
        del type(made.strategy.model).classifier_weights_of_the_test
    assert torch.equal(seen[0], start)
    assert not torch.equal(seen[1], start)
    assert torch.equal(seen[2], seen[1])


def test_the_stopwatch_stands_still(monkeypatch):
    recorder, stopwatch = AccuracyRecorder(), Stopwatch()
    made = make("naive", "single", NoRule(), after=[stopwatch, recorder])
    during = DuringTraining(1, recorder, NoRule(), stopwatch)
    made.strategy.plugins.append(during)
    evaluate = recorder.evaluate

    def slow(*args, **options):
        time.sleep(0.3)
        return evaluate(*args, **options)

    monkeypatch.setattr(recorder, "evaluate", slow)
    during.begin(0, made.stream.test[:1])
    started = time.perf_counter()
    made.strategy.train([made.stream.train[0]])
    assert time.perf_counter() - started > 0.9
    assert 0 < stopwatch.seconds < 0.6
