"""Every strategy trains bit for bit as with Avalanche's loaders, its minibatches loaded as rows of tensors."""

import re

import pytest
import torch
from avalanche.benchmarks.utils import make_avalanche_dataset
from avalanche.core import SupervisedPlugin
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from helpers.covering import covering
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, ENTRIES, make, train

from lifelong_lb.optim import SAM
from lifelong_lb.strategies import AccuracyRecorder, TensorLoading
from lifelong_lb.strategies.loading.loader import Endless, TensorLoader
from lifelong_lb.strategies.loading.random_draws import RandomDraws
from lifelong_lb.strategies.monitors.predictions import custom_evaluation

pytestmark = AVALANCHES_OWN_WARNINGS


class SeesLoaders(TensorLoading):
    """Notes the kinds of loaders that stand in a strategy once they have been exchanged."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seen = []

    def before_training_epoch(self, strategy, *args, **kwargs):
        super().before_training_epoch(strategy)
        self.seen.append(type(strategy.dataloader))
        for owner in (strategy, *strategy.plugins):
            values = [v for value in vars(owner).values() for v in (value if isinstance(value, list) else [value])]
            self.seen += [type(value.loader) for value in values if isinstance(value, Endless)]


@pytest.mark.parametrize(
    ("label", "head"), covering(CASES, by=lambda label, head: (head, "mem_size" in ENTRIES[label]))
)
def test_same_weights_as_with_avalanches_loaders(label, head):
    states, plugins = [], []
    for tensors in (True, False):
        plugins.append(SeesLoaders(tensors=tensors))
        made = make(label, head, SAM(rho=0.05), dropout=0.2, before=[plugins[-1]])
        made.strategy.train_epochs = 2
        states.append(train(made))
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    fast, slow = plugins
    assert set(fast.seen) == {TensorLoader, *([RandomDraws] if label == "agem" else [])}  # rows of tensors, too
    assert len(fast.seen) == len(slow.seen)
    assert TensorLoader not in slow.seen
    assert fast.refused == slow.refused == []


class Transforming(SupervisedPlugin):
    """Gives the strategy images that go through a transform one by one."""

    def after_train_dataset_adaptation(self, strategy, **kwargs):
        strategy.adapted_dataset = make_avalanche_dataset(
            strategy.adapted_dataset, transform_groups={"train": lambda x: x, "eval": None}
        )


def test_what_is_not_recognised_is_left_to_avalanche_and_told_once():
    loading = SeesLoaders()
    made = make("naive", "single", SAM(rho=0.05), before=[loading, Transforming()])
    reason = "images go through transforms (train) one by one"
    with pytest.warns(UserWarning, match=re.escape(f"minibatches are loaded sample by sample: {reason}")) as warned:
        ours = train(made)
    assert len(warned) == 1
    assert loading.loaded_by == f"avalanche: {reason}"
    assert TensorLoader not in loading.seen
    plain = train(make("naive", "single", SAM(rho=0.05)))
    assert all(torch.equal(value, ours[name]) for name, value in plain.items())


class SeesOutputs(SupervisedPlugin):
    def after_eval_forward(self, strategy, **kwargs):
        pass


class OwnForward(Naive):
    def eval_epoch(self, **kwargs):
        super().eval_epoch(**kwargs)


def test_evaluations_that_others_have_a_part_in_are_left_to_the_strategy():
    recorder = AccuracyRecorder()
    made = make("naive", "single", SAM(rho=0.05), before=[recorder])
    assert custom_evaluation(made.strategy, [recorder]) is None
    made.strategy.plugins.append(SeesOutputs())
    assert custom_evaluation(made.strategy, [recorder]) == "SeesOutputs.after_eval_forward"
    made.strategy.plugins[-1] = EvaluationPlugin(accuracy_metrics(epoch=True), loggers=[])
    assert custom_evaluation(made.strategy, [recorder]) == "its metrics and loggers"
    with torch.random.fork_rng():
        accuracies = recorder.evaluate(made.strategy, made.stream.test[:2])
    del made.strategy.plugins[-1]
    assert recorder.evaluate(made.strategy, made.stream.test[:2]) == accuracies
    assert custom_evaluation(
        OwnForward(model=made.strategy.model, optimizer=made.strategy.optimizer, evaluator=None)
    ) == ("OwnForward.eval_epoch")
