"""The page's Avalanche script trains as loops written by hand."""

import avalanche.training.supervised
import pytest
from avalanche.benchmarks.scenarios.dataset_scenario import benchmark_from_datasets

# Avalanche has no public name for it
from avalanche.benchmarks.utils.classification_dataset import _make_taskaware_tensor_classification_dataset
from avalanche.training.supervised import EWC, Naive, Replay
from helpers.recipes import THREE, by_hand, check, make_loader, make_model, make_optimizer, make_rule, plain_loss, run
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS
from helpers.training_loop import Tape

pytestmark = AVALANCHES_OWN_WARNINGS


def make_benchmark():
    experiences = [
        _make_taskaware_tensor_classification_dataset(x, y, task_labels=0)
        for x, y in make_loader(batch_size=40, batches=2)
    ]
    return benchmark_from_datasets(train=experiences)


def replay(mem_size, **settings):
    return Replay(mem_size=mem_size, **settings)


def naive(mem_size, **settings):
    return Naive(**settings)


def ewc(mem_size, **settings):
    return EWC(ewc_lambda=3.0, **settings)


def penalty(strategy, model):
    """The penalty of the first experience, with the importances that the strategy has stored."""
    (plugin,) = [p for p in strategy.plugins if hasattr(p, "ewc_lambda")]
    return plugin.ewc_lambda * sum(
        (plugin.importances[0][name].data * (p - plugin.saved_params[0][name].data) ** 2).sum()
        for name, p in model.named_parameters()
    )


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize("make_strategy", [naive, replay, ewc])
def test_scripts(monkeypatch, make_strategy, name):
    tape = Tape()

    def with_tape(plugins, **settings):
        return make_strategy(plugins=[*plugins, tape], **settings)

    monkeypatch.setattr(avalanche.training.supervised, "Replay", with_tape)
    model = make_model()
    names = {"model": model, "optimizer": make_optimizer(model.parameters()), "rule": make_rule(name)}
    strategy = run("Avalanche", benchmark=make_benchmark(), **names)["strategy"]
    assert [minibatch.experience for minibatch in tape.seen] == [0] * 4 + [1] * 4
    assert (len(tape.seen[-1].x) > 10) == (make_strategy is replay)

    def loss_of(model, x, y):
        second = any(x is minibatch.x for minibatch in tape.seen[4:])
        return plain_loss(model, x, y) + (penalty(strategy, model) if second and make_strategy is ewc else 0)

    expected = by_hand(name, [(minibatch.x, minibatch.y) for minibatch in tape.seen], loss_of=loss_of)
    check(model, expected)
