"""Avalanche's metrics, loggers and schedules beside a rule: each minibatch is reported once, at w."""

import io

import pytest
import torch
from avalanche.evaluation.metrics import accuracy_metrics, loss_metrics
from avalanche.logging import TextLogger
from avalanche.training.plugins import EvaluationPlugin, LRSchedulerPlugin
from helpers.observer_plugin import ObserverPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, BATCH, LR, few_experiences, make
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import StepLR

from lifelong_lb.optim import SAM, Lookahead, LookbehindSAM, NoRule

pytestmark = AVALANCHES_OWN_WARNINGS
EPOCHS = 2


class Loud(TextLogger):
    """Counts the calls of a logger."""

    def __init__(self):
        super().__init__(io.StringIO())
        self.iterations = 0

    def after_training_iteration(self, strategy, metric_values, **kwargs):
        super().after_training_iteration(strategy, metric_values, **kwargs)
        self.iterations += 1


class AtW(ObserverPlugin):
    """Loss and accuracy of each minibatch at the weights that its first pass is going to be taken at."""

    def __init__(self):
        super().__init__()
        self.losses, self.accuracies = [], []

    def before_training_iteration(self, strategy, **kwargs):
        with torch.no_grad():
            output = strategy.model(strategy.mb_x)
        self.losses.append(float(cross_entropy(output, strategy.mb_y)))
        self.accuracies.append(float((output.argmax(1) == strategy.mb_y).float().mean()))


def measured(rule, label="naive"):
    """Training on one experience with Avalanche's evaluator, as its own strategies have it."""
    logger, at_w = Loud(), AtW()
    made = make(label, "single", rule, before=[at_w])
    evaluator = EvaluationPlugin(
        accuracy_metrics(minibatch=True, epoch=True),
        loss_metrics(minibatch=True, epoch=True, epoch_running=True),
        loggers=[logger],
    )
    clock = made.strategy.plugins.index(made.strategy.clock)
    made.strategy.plugins.insert(clock, evaluator)
    made.strategy.evaluator, made.strategy.train_epochs = evaluator, EPOCHS
    made.strategy.train(made.stream.train[0], eval_streams=[])
    values = {name.split("/")[0]: found for name, (_, found) in evaluator.get_all_metrics().items()}
    return values, at_w, logger


@pytest.mark.parametrize("rule", [NoRule, lambda: SAM(rho=3.0), lambda: LookbehindSAM(rho=1.0, k=3)])
@pytest.mark.parametrize("label", ["naive", "replay"])
def test_metrics_are_those_of_the_first_pass(label, rule):
    values, at_w, logger = measured(rule(), label)
    iterations = EPOCHS * len(few_experiences("class-incremental").train[0].dataset) // BATCH
    assert logger.iterations == iterations == 6
    assert values["Loss_MB"] == pytest.approx(at_w.losses, rel=1e-5)
    assert values["Top1_Acc_MB"] == pytest.approx(at_w.accuracies)
    for epoch in range(EPOCHS):
        own = slice(3 * epoch, 3 * epoch + 3)
        assert values["Top1_Acc_Epoch"][epoch] == pytest.approx(sum(at_w.accuracies[own]) / 3)
        assert values["Loss_Epoch"][epoch] == pytest.approx(sum(at_w.losses[own]) / 3, rel=1e-5)
    text = logger.file.getvalue()
    assert [text.count(f"Epoch {epoch} ended.") for epoch in range(EPOCHS)] == [1, 1]


def test_an_idle_rule_changes_no_metric():
    plain, idle = (measured(rule)[0] for rule in (NoRule(), SAM(rho=0)))
    assert plain == idle


@pytest.mark.parametrize(("by", "every"), [("epoch", 1), ("iteration", 2)])
@pytest.mark.parametrize(
    ("rule", "steps"),
    [(NoRule, 1), (SAM, 1), (lambda: LookbehindSAM(k=3), 3), (lambda: Lookahead(k=2), 1)],
)
def test_a_schedule_of_avalanches_goes_on_once_an_iteration(rule, steps, by, every):
    """All base steps over a minibatch see one rate."""
    made = make("naive", "single", rule())
    optimizer, rates = made.strategy.optimizer, []
    optimizer.register_step_pre_hook(lambda o, *arguments: rates.append(o.param_groups[0]["lr"]))
    schedule = LRSchedulerPlugin(StepLR(optimizer, every, gamma=0.5), step_granularity=by, reset_lr=False)
    made.strategy.plugins.insert(0, schedule)
    made.strategy.train_epochs = EPOCHS
    made.strategy.train(made.stream.train[0], eval_streams=[])
    behind = [iteration // 3 if by == "epoch" else iteration // 2 for iteration in range(6)]
    assert rates == pytest.approx([LR * 0.5**n for n in behind for _ in range(steps)])
