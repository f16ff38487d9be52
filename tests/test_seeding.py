"""One seed, several generators: what rules share under it, and what each generator decides alone."""

from types import SimpleNamespace

import pytest
import torch
from helpers.small_strategies import MinibatchTape

from lifelong_lb import seeding
from lifelong_lb.config import expand, parse_study
from lifelong_lb.data import data_roots
from lifelong_lb.studies.run import execute as one_run
from lifelong_lb.studies.run.state import RunState

STUDY = {
    "streams": {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
    "model": {"name": "mlp", "hidden": [8], "dropout": 0.3},
    "train": {"batch_size": 100, "epochs": 2},
    "strategies": ["naive", {"name": "replay", "mem_size": 40}],
    "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 3}],
    "seeds": 2,
}


def learnt(config, monkeypatch):
    """Run a configuration, and keep its first weights, its class order and its minibatches."""
    tape, kept = MinibatchTape(), SimpleNamespace()

    def assembled(*arguments, **settings):
        found = real(*arguments, **settings)
        found.strategy.plugins.append(tape)
        kept.weights = {name: value.clone() for name, value in found.strategy.model.state_dict().items()}
        return found

    real, progress = one_run.assemble, RunState()
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "assemble", assembled)
        one_run.execute(config, progress, roots=data_roots(None), device="cpu", log=lambda line: None)
    kept.order, kept.minibatches = progress.data["class_order"], tape.minibatches
    kept.accuracy = progress.accuracy
    return kept


def same_weights(a, b):
    return a.weights.keys() == b.weights.keys() and all(torch.equal(a.weights[k], b.weights[k]) for k in a.weights)


def same_minibatches(a, b):
    return len(a) == len(b) and all(
        one[0] == other[0] and all(map(torch.equal, one[1:], other[1:])) for one, other in zip(a, b, strict=True)
    )


@pytest.fixture(scope="module")
def runs():
    with pytest.MonkeyPatch.context() as patch:
        return {
            (run.config.strategy.name, run.config.rule.name, run.config.seed): learnt(run.config, patch)
            for run in expand(parse_study(STUDY))
        }


@pytest.mark.parametrize("strategy", ["naive", "replay"])
@pytest.mark.parametrize("seed", [0, 1])
def test_rules_start_alike_and_see_the_same_minibatches(runs, strategy, seed):
    none, *others = (runs[strategy, rule, seed] for rule in ("none", "sam", "lookbehind-sam"))
    assert {index for index, *_ in none.minibatches} == {0, 1}
    assert len(none.minibatches) > 4 * 2  # several in each of two epochs of two experiences
    for other in others:
        assert same_weights(none, other)
        assert none.order == other.order
        assert same_minibatches(none.minibatches, other.minibatches)
        assert none.accuracy != other.accuracy  # they are other rules


def test_strategies_meet_the_first_experience_alike(runs):
    naive, replay = (runs[strategy, "none", 0] for strategy in ("naive", "replay"))
    assert same_weights(naive, replay)
    assert naive.order == replay.order
    first = [[batch for batch in kept.minibatches if batch[0] == 0] for kept in (naive, replay)]
    assert same_minibatches(*first)
    assert not same_minibatches(naive.minibatches, replay.minibatches)  # there, replay adds images


def test_another_seed_is_another_start_order_and_data(runs):
    one, other = runs["naive", "none", 0], runs["naive", "none", 1]
    assert not same_weights(one, other)
    assert one.order != other.order
    assert not same_minibatches(one.minibatches, other.minibatches)


def test_epochs_are_in_another_order_each(runs):
    first = [batch for batch in runs["naive", "none", 0].minibatches if batch[0] == 0]
    half = len(first) // 2
    assert not same_minibatches(first[:half], first[half:])


@pytest.mark.parametrize("purpose", [seeding.INITIALISATION, seeding.CLASS_ORDER, seeding.DATA_ORDER, seeding.NOISE])
def test_each_purpose_has_a_generator_of_its_own(runs, monkeypatch, purpose):
    """Where the seed of one purpose is another, nothing but what it decides is another."""
    real = seeding.derive

    def derive(seed, what, *at):
        return real(seed + 1000 if what == purpose else seed, what, *at)

    monkeypatch.setattr(seeding, "derive", derive)
    config = expand(parse_study(STUDY))[0].config
    before, after = runs[config.strategy.name, config.rule.name, config.seed], learnt(config, monkeypatch)
    assert same_weights(before, after) == (purpose != seeding.INITIALISATION)
    assert (before.order == after.order) == (purpose != seeding.CLASS_ORDER)
    if purpose != seeding.CLASS_ORDER:  # which decides what the minibatches are drawn from
        assert same_minibatches(before.minibatches, after.minibatches) == (purpose != seeding.DATA_ORDER)
    assert before.accuracy != after.accuracy
