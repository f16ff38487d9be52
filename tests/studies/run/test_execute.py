"""One run, in this process."""

import numpy as np
import pytest

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.evaluation import average_accuracy, forgetting, forward_transfer
from lifelong_lb.strategies import DivergedError, DivergenceGuard, ResetOptimizerState
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


def run(scenario, head, evaluation="seen", **changes):
    raw = {
        "streams": [{"name": "split-digits", "scenario": scenario}],
        "model": {"name": "mlp", "head": head, "hidden": [16]},
        "train": {"batch_size": 64},
        "strategies": [{"name": "replay", "mem_size": 50}],
        "rules": ["lookbehind-sam"],
        "evaluation": {"experiences": evaluation},
        **changes,
    }
    progress, lines = RunState(), []
    execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lines.append)
    assert len(lines) == 5
    return progress


@pytest.mark.parametrize(
    ("scenario", "head"),
    [
        ("task-incremental", "multi"),
        ("task-incremental", "masked"),
        ("class-incremental", "single"),
        ("class-incremental", "growing"),
    ],
)
def test_looking_at_unseen_experiences_changes_nothing(scenario, head):
    seen, everything = run(scenario, head), run(scenario, head, evaluation="all")
    lower = np.tri(5, dtype=bool)
    assert np.array_equal(seen.accuracy.evaluated, lower)
    assert everything.accuracy.evaluated.all()
    assert np.array_equal(seen.accuracy.values[lower], everything.accuracy.values[lower])
    assert not seen.accuracy.has_initial
    assert -1 <= forward_transfer(everything.accuracy, everything.accuracy.initial) <= 1


def test_what_a_run_says_of_its_data_and_cost():
    progress = run("class-incremental", "single")
    assert sorted(progress.data["class_order"]) == list(range(10))
    assert (progress.data["train_images"], progress.data["test_images"]) == (1442, 355)
    assert progress.data["sha256"] == "759875ce62e93a13"
    assert progress.gradient_evaluations % 6 == 0  # k + 1 passes with the default k = 5
    assert progress.gradient_evaluations >= 6 * 1442 / 64
    assert progress.train_seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "head"),
    [("task-incremental", "multi"), ("class-incremental", "single"), ("class-incremental", "growing")],
)
def test_an_online_run_has_one_row_an_experience(scenario, head):
    stream = {"name": "split-digits", "scenario": scenario, "chunk": 25}
    train = {"batch_size": 10, "epochs": 2}
    progress = run(scenario, head, evaluation="all", streams=[stream], train=train, strategies="naive", rules="sam")
    assert progress.accuracy.evaluated.all()
    again = run(scenario, head, streams=[stream], train=train, strategies="naive", rules="sam")
    assert again.accuracy == progress.accuracy.seen()
    labels = load_images(find_dataset("digits")).train.y.bincount()
    sizes = [int(labels[c].sum()) for c in np.reshape(progress.data["class_order"], (5, 2)).tolist()]
    minibatches = sum(3 * (n // 25) + -(-(n % 25) // 10) for n in sizes)
    assert progress.gradient_evaluations == 2 * 2 * minibatches  # two passes over each chunk, two gradients a step


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy",
    [
        {"name": "replay", "mem_size": 100, "memory": "class-balanced"},
        {"name": "replay", "mem_size": 100, "memory": "reservoir"},
        {"name": "er-ace", "mem_size": 100},
        {"name": "mir", "mem_size": 100},
        {"name": "der++", "mem_size": 100},
    ],
    ids=lambda entry: entry.get("memory", entry["name"]),
)
def test_rehearsal_helps_on_an_online_stream(strategy):
    stream = {"name": "split-digits", "scenario": "class-incremental", "chunk": 20}
    shared = {"streams": [stream], "train": {"batch_size": 10}, "rules": "none"}
    without = run("class-incremental", "single", strategies="naive", **shared)
    progress = run("class-incremental", "single", strategies=strategy, **shared)
    final = [average_accuracy(each.accuracy) for each in (without, progress)]
    assert final[1] > final[0] + 0.2, final
    assert progress.accuracy == run("class-incremental", "single", strategies=strategy, **shared).accuracy


def test_a_rule_from_an_experience_on():
    """The experiences before it are learnt as without a rule, and cost what they cost there."""
    train = {"batch_size": 60}  # five minibatches an experience
    plain = run("class-incremental", "single", rules="none", train=train)
    later = run("class-incremental", "single", rules={"name": "sam", "from_experience": 2}, train=train)
    assert np.array_equal(later.accuracy.values[:2], plain.accuracy.values[:2], equal_nan=True)
    assert later.accuracy != plain.accuracy
    assert later.gradient_evaluations == 10 + 2 * 15


@pytest.mark.parametrize("strategies", ["naive", "joint"])
def test_a_schedule_and_a_reset_reach_the_run(strategies, monkeypatch):
    rates, resets = [], []
    monkeypatch.setattr(ResetOptimizerState, "before_training_exp", lambda self, strategy, **_: resets.append(1))

    def look(self, strategy, **_):
        rates.append(strategy.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(DivergenceGuard, "after_update", look)
    schedule = {"name": "cosine", "by": "iteration", "over": "stream"}
    raw = {
        "streams": [{"name": "split-digits", "scenario": "class-incremental"}],
        "model": {"name": "mlp", "hidden": [16]},
        "train": {"batch_size": 60},
        "strategies": strategies,
        "optimizers": {"name": "sgd", "lr": 1, "state": "reset", "schedule": schedule},
    }
    execute(expand(parse_study(raw))[0].config, RunState(), roots=(), device="cpu", log=lambda line: None)
    n = len(rates)
    assert n == 25
    assert rates == pytest.approx([(1 + np.cos(np.pi * i / n)) / 2 for i in range(n)], abs=1e-12)
    assert len(resets) == (1 if strategies == "joint" else 5)


@pytest.mark.parametrize("strategy", ["agem", "gss", "gem", "ewc", "icarl"])
def test_convolutions_whose_gradients_do_not_lie_in_order(strategy):
    model = {"name": "small-cnn", "width": 16, "head": "single"}
    train = {"batch_size": 100}
    progress = run("class-incremental", "single", strategies=strategy, model=model, train=train, rules="sam")
    assert progress.accuracy.evaluated.sum() == 15


def test_divergence_in_an_online_stream_names_experience_and_chunk():
    stream = {"name": "split-digits", "chunk": 100}
    with pytest.raises(DivergedError, match=r"experience 0, chunk \d, iteration \d+"):
        run("task-incremental", "multi", streams=[stream], strategies="naive", optimizers={"name": "sgd", "lr": 1e30})


def test_what_was_measured_before_divergence_is_kept():
    progress = RunState()
    raw = {"streams": "split-digits", "optimizers": {"name": "sgd", "lr": 1e30}, "train": {"batch_size": 300}}
    with pytest.raises(DivergedError, match=r"the gradient is not finite .*\(experience \d, iteration \d+, loss "):
        execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    assert progress.accuracy.experiences == 5
    assert progress.gradient_evaluations >= 1


@pytest.mark.parametrize("evaluation", ["seen", "all"])
@pytest.mark.parametrize("head", ["single", "growing"])
def test_joint_is_trained_once(head, evaluation):
    raw = {
        "streams": [{"name": "split-digits", "scenario": "class-incremental"}],
        "model": {"name": "mlp", "head": head, "hidden": [16]},
        "train": {"batch_size": 64},
        "strategies": ["joint"],
        "evaluation": {"experiences": evaluation},
    }
    progress, lines = RunState(), []
    execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lines.append)
    assert len(lines) == 1
    assert progress.accuracy.measured_after == [4]
    assert progress.gradient_evaluations == 23  # 1442 images in minibatches of 64
    assert not progress.accuracy.has_initial
    assert 0 < average_accuracy(progress.accuracy) < 1
    assert np.isnan(forgetting(progress.accuracy))


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
@pytest.mark.parametrize(
    ("strategy", "own"),
    [
        ("naive", 0),
        ("ewc", 25),  # five minibatches of importances after each experience
        ("agem", 20),  # one an iteration, from the second experience on
        ("gem", 5 * (1 + 2 + 3 + 4)),  # one an iteration and past experience
        ("mir", 20),
        ("rwalk", 25),
    ],
)
def test_gradients_of_a_strategy_s_own(strategy, own):
    progress = run("class-incremental", "single", strategies=[strategy], train={"batch_size": 60}, rules=["sam"])
    assert progress.gradient_evaluations == 2 * 25
    assert progress.strategy_gradient_evaluations == own


@pytest.mark.parametrize("train", [{"batch_size": 64}, {"batch_size": 64, "random_crop": 1, "random_flip": True}])
def test_a_run_is_the_same_with_avalanches_own_loading(monkeypatch, train):
    ours = run("task-incremental", "multi", evaluation="all", train=train)
    monkeypatch.setenv("LIFELONG_LB_LOADER", "avalanche")
    theirs = run("task-incremental", "multi", evaluation="all", train=train)
    assert ours.accuracy == theirs.accuracy
    assert (ours.data.pop("loading"), theirs.data.pop("loading")) == ("tensors", "avalanche")
    assert ours.data == theirs.data


def test_crops_reach_a_run():
    plain, cropped = (run("class-incremental", "single", train={"random_crop": n}) for n in (0, 1))
    assert plain.accuracy != cropped.accuracy


def test_another_loader_than_avalanches_is_refused(monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_LOADER", "torch")
    with pytest.raises(UserError, match="LIFELONG_LB_LOADER must be avalanche or empty; got 'torch'"):
        run("class-incremental", "single")
