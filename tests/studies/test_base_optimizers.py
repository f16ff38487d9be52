"""Studies with each base optimizer under rules, and with groups of parameters, in this process."""

from importlib.metadata import PackageNotFoundError

import pytest
from helpers.tiny_study import TINY, command, write_study

from lifelong_lb import run_study
from lifelong_lb.config import OPTIMIZER_ENTRIES, UserError, parse_study
from lifelong_lb.studies import requirements
from lifelong_lb.studies.planning.external_optimizers import about_targets, check_targets

NEW = ["rmsprop", "adagrad", "nadam", "muon", "lion", "schedule-free"]
RULES = ["none", "sam", {"name": "lookbehind-sam", "k": 2}]
STREAM = {"name": "split-digits", "experiences": 2, "scenario": "class-incremental", "model": {"head": "growing"}}
SMALL = {**TINY, "streams": [STREAM], "strategies": [{"name": "replay", "mem_size": 30}], "seeds": 1}


def optimizer(name):
    rates = {"adagrad": {"lr": 0.1}, "muon": {"adamw_lr": 0.01}, "lion": {"lr": 0.01}, "schedule-free": {"lr": 0.1}}
    return {"name": name, **rates.get(name, {"lr": 0.01})}


def run(tmp_path, **changes):
    return run_study({**SMALL, **changes}, tmp_path / "out", executor="in-process")


@pytest.mark.slow
def test_each_learns_with_each_rule(tmp_path):
    refused = [{"rules": "lookbehind-sam", "optimizers": "schedule-free"}]
    table = run(tmp_path, optimizers=[optimizer(name) for name in NEW], rules=RULES, exclude=refused).runs
    assert set(table["status"]) == {"done"}
    assert len(table) == len(NEW) * len(RULES) - 1
    assert set(table["base_optimizer"]) == set(NEW)
    assert table["learning_accuracy"].min() > 0.7
    passes = table.groupby("rule")["gradient_evaluations"].agg(set)
    assert [len(counts) for counts in passes] == [1, 1, 1]
    assert table["average_accuracy"].nunique() > len(NEW)


@pytest.mark.slow
def test_groups_take_part_in_a_study(tmp_path):
    """A group that changes nothing gives the results of no group; without a rate for any group nothing is learnt."""
    frozen = [{"match": "head.*", "lr": 1e-30}, {"match": "backbone.*", "lr": 1e-30}]
    groups = {"plain": None, "same": [{"match": "*.bias", "lr": 0.1}], "frozen": frozen}
    schedule = {"name": "constant", "experience_factor": 0.5}
    entries = [
        {"name": "sgd", "label": label, "groups": group, "schedule": schedule} for label, group in groups.items()
    ]
    table = run(tmp_path, optimizers=entries, rules=["sam"]).runs.set_index("base_optimizer")
    assert set(table["status"]) == {"done"}
    assert table.loc["plain", "average_accuracy"] == table.loc["same", "average_accuracy"] > 0.4
    assert table.loc["frozen", "average_accuracy"] < 0.3


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"name": "adam", "groups": [{"match": "*.bais", "lr": 1}]},
            r"optimizers\[1\].groups\[0\].match: no parameter of the model matches '\*.bais'; did you mean '\*.bias'\?",
        ),
        (
            {"name": "external", "target": "torch.optim.LBFGS", "closure": True, "settings": {"lr": 1}}
            | {"groups": [{"match": "*.bias", "lr": 0.5}]},
            r"optimizers\[1\]: torch.optim.LBFGS cannot be built with \(lr=1\): ValueError: LBFGS doesn't support",
        ),
    ],
)
def test_groups_that_cannot_be_are_refused_before_anything_runs(entry, message, tmp_path):
    with pytest.raises(UserError, match=message):
        run(tmp_path, optimizers=["sgd", entry], rules="none")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["lion", "schedule-free"])
@pytest.mark.parametrize("installed", [None, "1.0"])
def test_what_an_optimizer_requires_is_looked_up_first(name, installed, monkeypatch, tmp_path):
    study = {**SMALL, "optimizers": ["sgd", name], "rules": "none"}
    check_targets(parse_study(study))

    def version(package):
        if installed is None:
            raise PackageNotFoundError(package)
        return installed

    monkeypatch.setattr(requirements, "version", version)
    requirement = OPTIMIZER_ENTRIES[name].requires
    reason = "which is not installed" if installed is None else "got version 1.0"
    remedy = r"pip install 'lifelong-lb\[optimizers\]'"
    for attempt in (lambda: check_targets(parse_study(study)), lambda: run_study(study, tmp_path / "out")):
        with pytest.raises(UserError, match=rf"optimizers\[1\]: {name} needs {requirement}[,;] {reason}: {remedy}"):
            attempt()
    assert not (tmp_path / "out").exists()


def test_validate_notes_patterns_that_only_a_model_can_check():
    study = parse_study({**SMALL, "optimizers": [{"name": "sgd", "groups": [{"match": "*.bias", "lr": 1}]}]})
    (line,) = about_targets(study)
    assert line == "not checked: the patterns '*.bias' (optimizers[0].groups); run builds the model first"


@pytest.mark.slow
def test_the_command_line_refuses_slow_weights_with_an_average(tmp_path):
    study = write_study(tmp_path / "s.yaml", optimizers=["schedule-free"])
    for words in (["validate", study], ["run", study, "--out", tmp_path / "out"]):
        done = command(*words)
        assert done.returncode == 2
        assert "lookbehind-sam interpolates between weights, and cannot be applied to schedule-free" in done.stderr
    assert not (tmp_path / "out").exists()
