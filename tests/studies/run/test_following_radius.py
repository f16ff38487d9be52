"""A radius that follows the learning rate: its values in a run, its run id, and what is refused."""

import pytest
from avalanche.core import SupervisedPlugin

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.studies.run.assemble import assemble
from lifelong_lb.studies.run.execute import load_stream
from lifelong_lb.studies.run.state import RunState

COSINE = {"name": "sgd", "lr": 0.2, "schedule": {"name": "cosine", "by": "iteration", "over": "stream"}}


def study(rules, optimizers=COSINE):
    return parse_study({
        "streams": {"name": "split-digits", "images_per_class": 20},
        "rules": rules,
        "optimizers": optimizers,
        "train": {"epochs": 2},
        "model": {"name": "mlp", "hidden": [8]},
    })


@pytest.mark.parametrize("name", ["sam", "asam", "lookbehind-sam", "gsam", "friendly-sam", "gam", "c-flat", "looksam"])
def test_the_radius_keeps_its_ratio_to_the_rate(name):
    config = expand(study({"name": name, "rho": {"follows": "lr", "at": 0.5}}))[0].config
    progress, seen = RunState(), []
    stream = load_stream(config, progress, ())
    run = assemble(config, stream, progress, device="cpu", log=lambda line: None)

    class Noted(SupervisedPlugin):
        def after_training_iteration(self, strategy, **kwargs):
            seen.append((run.rule_plugin.rule.rho, strategy.optimizer.param_groups[0]["lr"]))

    run.strategy.plugins.append(Noted())
    for experience in stream.train[:2]:
        run.strategy.train(experience, eval_streams=[])
    assert len({rate for _, rate in seen}) == len(seen) == 16
    assert all(rho == pytest.approx(2.5 * rate) for rho, rate in seen)
    assert seen[0] == (0.5, 0.2)


def test_without_a_value_it_starts_at_the_default():
    (first,) = study({"name": "asam", "rho": {"follows": "lr"}}).rules
    assert (first.rho, first.rho_follows) == (0.5, "lr")
    same, plain = (expand(study(rule))[0].config for rule in ({"name": "asam", "rho_follows": "lr"}, "asam"))
    assert expand(study({"name": "asam", "rho": {"follows": "lr"}}))[0].config.run_id == same.run_id != plain.run_id


@pytest.mark.parametrize(
    ("rule", "optimizer", "message"),
    [
        (
            {"name": "sam", "rho": {"follows": "lr"}},
            "sgd",
            r"rules\[0\]\.rho: follows the learning rate, but optimizers",
        ),
        ({"name": "sam", "rho": {"follows": "rate"}}, COSINE, r"rules\.rho_follows: must be 'lr'; got 'rate'"),
        ({"name": "sam", "rho": {"folows": "lr"}}, COSINE, r"unknown key of rho 'folows'; did you mean 'follows'\?"),
        ({"name": "sam", "rho": {"follows": "lr", "at": -1}}, COSINE, r"rules\.rho: must be .*; got -1"),
        ({"name": "lookahead", "rho": {"follows": "lr"}}, COSINE, r"has no rho that could follow the learning rate"),
    ],
)
def test_what_is_refused(rule, optimizer, message):
    with pytest.raises(UserError, match=message):
        study(rule, optimizer)
