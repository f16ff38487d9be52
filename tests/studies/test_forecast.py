"""What is foretold of a study's gradients is what its runs count."""

import numpy as np
import pytest
from tiny import TINY

from lifelong_lb.config import RULE_ENTRIES, expand, parse_study
from lifelong_lb.config.rules import GAM, CFlat, CFlatPlus, LookbehindSAM, LookSAM, MultistepSAM
from lifelong_lb.optim import RULES
from lifelong_lb.studies.forecast import Count, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.measured import Progress
from lifelong_lb.studies.run import execute
from lifelong_lb.studies.validation import gradients_of, labels_of, lines_about

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


def settings(**changes):
    return parse_study({
        "streams": {"name": "split-digits", "images_per_class": 30},
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"batch_size": 32, "epochs": 2},
        "optimizers": {"name": "sgd", "lr": 0.01},
        **changes,
    })


def counted(run):
    progress = Progress()
    execute(run.config, progress, roots=(), device="cpu", log=lambda line: None)
    return progress.gradient_evaluations, progress.strategy_gradient_evaluations


def compare(study):
    runs = expand(study)
    foretold = gradients_of(runs, [labels_of(stream, ()) for stream in study.streams])
    for run in runs:
        for came, said in zip(counted(run), foretold[run.config.run_id], strict=True):
            assert came == said.least if said.exact else came >= said.least, (run.config, came, said)
    return [foretold[run.config.run_id] for run in runs]


def test_every_rule():
    rules = [
        *RULE_ENTRIES,
        {"name": "lookbehind-sam", "minibatch_switching": True},
        {"name": "sam", "from_experience": 2},
    ]
    rules += [{"name": "gam", "alpha": 1}, {"name": "gam", "alpha": 1, "beta": 1}, {"name": "c-flat", "lamb": 0}]
    said = compare(settings(rules=rules))
    assert [rule for rule, (count, _) in zip(rules, said, strict=True) if not count.exact] == ["c-flat-plus"]
    assert said[0] == (Count(2 * 5 * 2), Count())  # none: 2 epochs of 5 experiences of 60 images, 2 minibatches each
    assert said[1] == (Count(2 * 2 * 5 * 2), Count())


@pytest.mark.parametrize(
    ("strategies", "scenario"),
    [
        (["cumulative", "joint", "replay", "ewc", "agem", "gem", "gdumb", "mir", "der"], "task-incremental"),
        (["cumulative", "joint", "rwalk", "mas", "gdumb", "gss", "icarl", "er-aml", "lwf"], "class-incremental"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence for multidimensional indexing:UserWarning")
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning")
def test_strategies(strategies, scenario):
    stream = {"name": "split-digits", "scenario": scenario, "validation": 0.8}  # experiences of different sizes
    said = compare(settings(streams=stream, strategies=strategies, rules={"name": "looksam", "k": 3}))
    inexact = [name for name, counts in zip(strategies, said, strict=True) if not all(c.exact for c in counts)]
    assert set(inexact) <= {"gdumb", "gss", "icarl"}


def test_chunks():
    stream = {"name": "split-digits", "images_per_class": 12, "chunk": 10, "scenario": "class-incremental"}
    compare(settings(streams=stream, strategies=["naive", "mir"], rules="sam", train={"batch_size": 4}))


def test_by_hand():
    learnt = [np.array([0, 0, 0, 1, 1]), np.array([2, 2, 3])]
    stream = {"name": "split-digits", "experiences": 2}
    config = expand(settings(streams=stream, rules={"name": "looksam", "k": 2}, train={"batch_size": 2}))[0].config
    parts = trainings(config, learnt)
    assert [part.minibatches for part in parts] == [Count(3), Count(2)]
    assert rule_gradients(config, parts) == Count((2 + 1 + 2) + (2 + 1))
    assert strategy_gradients(config, parts) == Count()


@pytest.mark.parametrize("name", RULE_ENTRIES)
def test_entries_know_what_their_rules_take(name):
    entries = [
        RULE_ENTRIES[name](),
        *{"gam": [GAM(alpha=1), GAM(alpha=1, gamma=0)], "c-flat": [CFlat(lamb=0)]}.get(name, []),
    ]
    for entry in entries:
        span = [entry.gradients(step) for step in range(entry.k if isinstance(entry, LookSAM) else 1)]
        mean = np.mean([(fewest + most) / 2 for fewest, most in span])
        assert RULES[name](**entry.hyper_parameters()).gradient_evaluations == pytest.approx(mean)


def test_rules_by_hand():
    assert LookbehindSAM(k=2).gradients(7) == MultistepSAM(k=2).gradients(7) == (3, 3)
    assert [LookSAM(k=3).gradients(step)[0] for step in range(5)] == [2, 1, 1, 2, 1]
    assert CFlatPlus(lamb=0).gradients(0) == (1, 2)


def test_validate_tells(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    streams = [*TINY["streams"], {"name": "split-cifar100", "experiences": 5}]
    study = parse_study({**TINY, "streams": streams, "strategies": "naive", "seeds": 1})
    plain, lookbehind = (
        count.least for count, _ in gradients_of(expand(study)[:2], [labels_of(study.streams[0], ())]).values()
    )
    assert lookbehind == 3 * plain
    told = "\n".join(lines_about(study, tmp_path))
    assert f"all runs: at least {4 * plain:,}\n  none: at least {plain:,} in 2 runs\n" in told
    assert "without split-cifar100, the number of whose images is not known: " in told
    assert not (tmp_path / "cache").exists()
