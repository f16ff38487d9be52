"""Numbers of epochs for the first and for later experiences."""

import pytest
from avalanche.core import SupervisedPlugin

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.config.checks.stream_overrides import stream_settings
from lifelong_lb.studies.planning.validate import gradients_of, plan_of
from lifelong_lb.studies.run import execute as execution
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState


def study(train, stream=None, **changes):
    return parse_study({
        "streams": {"name": "split-digits", "images_per_class": 20, **(stream or {})},
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"batch_size": 20, **train},
        **changes,
    })


@pytest.mark.parametrize("strategy", ["naive", "joint", "mer"])
def test_epochs_of_each_phase(monkeypatch, strategy):
    epochs = []

    class Noted(SupervisedPlugin):
        def after_training_epoch(self, strategy, **kwargs):
            epochs.append(strategy.clock.train_exp_counter)

    assemble = execution.assemble

    def assembled(*arguments, **keywords):
        run = assemble(*arguments, **keywords)
        run.strategy.plugins.append(Noted())
        return run

    monkeypatch.setattr(execution, "assemble", assembled)
    of = study({"epochs": [3, 2]}, strategies=strategy)
    progress = RunState()
    execute(expand(of)[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    expected = {"joint": [0] * 3}.get(strategy, [0] * 3 + [i for i in range(1, 5) for _ in range(2)])
    assert epochs == expected
    if strategy == "naive":
        assert progress.gradient_evaluations == 3 * 2 + 4 * 2 * 2
        ((forecast, _),) = gradients_of(plan_of(of)).values()
        assert (forecast.least, forecast.exact) == (22, True)


def test_the_pair_and_the_two_settings_are_the_same_run():
    pair, two, one = (
        expand(study(train))[0].config
        for train in ({"epochs": [3, 2]}, {"epochs": 3, "later_epochs": 2}, {"epochs": 3})
    )
    assert pair.run_id == two.run_id != one.run_id
    assert [pair.train.epochs_of(i) for i in range(3)] == [3, 2, 2]
    assert [one.train.epochs_of(i) for i in range(3)] == [3, 3, 3]


def test_a_stream_overrides_both():
    of = study({"epochs": [3, 2]}, {"train": {"epochs": 4}})
    assert [stream_settings(of.model, of.train, of.streams[0])[1].epochs_of(i) for i in range(2)] == [4, 4]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"epochs": [3]}, r"train: needs as epochs a number, or two numbers, .* e\.g\. \[200, 170\]; got \[3\]"),
        ({"epochs": [3, 2, 1]}, r"train: needs as epochs a number, or two numbers"),
        ({"epochs": [3, 0]}, r"train\.later_epochs: must be .*; got 0"),
        ({"epochs": [3, 2], "match": "gradients"}, r"train: needs match: steps if later_epochs is set; got gradients"),
    ],
)
def test_what_is_refused(train, message):
    with pytest.raises(UserError, match=message):
        study(train)


def test_a_rule_with_its_own_budget_needs_one_number():
    with pytest.raises(UserError, match=r"rules\[0\]\.passes: needs the same train\.epochs for all experiences"):
        study({"epochs": [3, 2]}, rules=[{"name": "none", "passes": 3}])


def test_a_schedule_must_be_reached_in_one_phase():
    optimizer = {"name": "sgd", "schedule": {"name": "multistep", "milestones": [2]}}
    study({"epochs": [3, 2]}, optimizers=optimizer)
    with pytest.raises(UserError, match="changes the rate after epoch 2 of an experience, which has 2 epochs? in"):
        study({"epochs": [1, 2]}, optimizers=optimizer)


def test_each_phase_may_have_its_own_milestones():
    def multistep(milestones, **other):
        return {"name": "sgd", "schedule": {"name": "multistep", "milestones": milestones, **other}}

    (optimizer,) = study({"epochs": [3, 2]}, optimizers=multistep([[1, 2], [1]])).optimizers
    assert [optimizer.schedule.milestones_of(i) for i in range(3)] == [(1, 2), (1,), (1,)]
    assert optimizer.model_dump(mode="json")["schedule"]["milestones"] == [[1, 2], [1]]
    assert study({"epochs": [3, 2]}, optimizers=[optimizer.model_dump(mode="json")]).optimizers == (optimizer,)
    for milestones, other, message in (
        ([[1, 2], [2]], {}, "changes the rate after epoch 2 of experience 1, which has 2 epochs? in"),
        ([[3], [1]], {}, "changes the rate after epoch 3 of experience 0, which has 3 epochs? in"),
        ([[2, 1], [1]], {}, r"needs increasing milestones, e\.g\. \[3, 6\]; got \[\[2, 1\], \[1\]\]"),
        ([[1], [1]], {"over": "stream"}, "needs one list of milestones if over is stream; got two"),
        ([[1], [1], [1]], {}, "needs one list of milestones, or two, .* for later ones; got 3"),
        ([[1]], {}, "needs one list of milestones, or two, .* for later ones; got 1"),
        ([[1], 1], {}, r"schedule\.milestones\[1\]: must be a list; got 1"),
        ([[1], []], {}, "needs increasing milestones"),
    ):
        with pytest.raises(UserError, match=message):
            study({"epochs": [3, 2]}, optimizers=multistep(milestones, **other))
