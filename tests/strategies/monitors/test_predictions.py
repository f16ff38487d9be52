"""Accuracies are those of the strategy's own evaluation loop, and an evaluation changes nothing."""

import pytest
import torch
from helpers.covering import covering
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, ENTRIES, OWN_LOOP_CASES, has_own_loop, make, train

from lifelong_lb.config import STRATEGY_ENTRIES
from lifelong_lb.optim import SAM, LookaheadSAM, NoRule
from lifelong_lb.strategies import AccuracyRecorder, ConfusionCounts
from lifelong_lb.strategies.monitors.predictions import custom_evaluation

pytestmark = AVALANCHES_OWN_WARNINGS


def rule_for(label):
    """A rule that keeps slow weights apart from those of the model, where it may be applied."""
    if has_own_loop(label):
        return NoRule()
    follows_path = STRATEGY_ENTRIES[ENTRIES[label]["name"]].follows_path
    return SAM(rho=0.05) if follows_path else LookaheadSAM(rho=0.05, k=3)


class Probe(AccuracyRecorder):
    """Evaluates every third iteration, in the midst of training."""

    def __init__(self, tested, **settings):
        super().__init__(**settings)
        self.tested, self.seen_accuracies = tested, []

    def after_training_iteration(self, strategy, **kwargs):
        if strategy.clock.train_iterations % 3 == 0:
            self.seen_accuracies.append(self.evaluate(strategy, self.tested, unseen=True))


@pytest.mark.parametrize(
    ("label", "head"),
    covering(CASES + OWN_LOOP_CASES, by=lambda label, head: (head, has_own_loop(label), type(rule_for(label)))),
)
def test_same_accuracies_as_in_its_own_loop(label, head):
    found, states, confusions = [], [], []
    for tensors in (True, False, None):
        rule = rule_for(label)
        made = make(label, head, rule, dropout=0.2, batch_norm=label not in ("icarl", "mer"))
        if tensors is not None:
            probe = Probe(made.stream.test[: 2 if made.once else 4], tensors=tensors)
            made.strategy.plugins.insert(0, probe)
        states.append(train(made, 2))
        if tensors is not None:
            confusion = ConfusionCounts()
            last = probe.evaluate(made.strategy, made.stream.test[:2], on_batch=confusion)
            assert last == probe.evaluate(made.strategy, made.stream.test[:2])
            confusions.append(list(confusion.rows(made.stream)))
            for j, accuracy in enumerate(last):
                own = [row for row in confusions[-1] if row[0] == j]
                right = sum(count for _, label, predicted, count in own if label == predicted)
                assert accuracy == right / sum(count for *_, count in own)
            found.append([*probe.seen_accuracies, last])
            assert custom_evaluation(made.strategy, [probe]) is None
    assert len(found[0]) >= 2
    assert found[0] == found[1]
    assert confusions[0] == confusions[1]
    for name, value in states[2].items():
        assert torch.equal(value, states[0][name]), name
        assert torch.equal(value, states[1][name]), name
