"""What ``--set`` reaches: keys, items of lists by number, entries by what they are called."""

import re

import pytest

from lifelong_lb.config import UserError, parse_study, read_study
from lifelong_lb.config.errors import SYNONYMS, unknown_name

FILE = """\
streams: split-digits
model: {name: mlp, hidden: [32, 16]}
strategies: [naive, replay]
rules:
  - none
  - {name: sam, rho: 0.05}
  - {name: lookbehind-sam, k: 2, label: two}
  - {name: lookbehind-sam, k: 3}
optimizers: {name: sgd, lr: 0.1}
"""


def read(tmp_path, *assignments):
    path = tmp_path / "my.yaml"
    path.write_text(FILE)
    return read_study(path, assignments)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("rules.1.rho=0.1", "rules[1].rho", 0.1),
        ("rules.sam.rho=0.2", "rules[1].rho", 0.2),
        ("rules.two.k=4", "rules[2].k", 4),
        ("rules.3.k=5", "rules[3].k", 5),
        ("rules.0=asam", "rules[0].name", "asam"),
        ("rules.0.name=asam", "rules[0].name", "asam"),
        ("strategies.replay.mem_size=7", "strategies[1].mem_size", 7),
        ("streams.split-digits.images_per_class=3", "streams[0].images_per_class", 3),
        ("optimizers.sgd.lr=0.5", "optimizers[0].lr", 0.5),
        ("optimizers.0.lr=0.5", "optimizers[0].lr", 0.5),
        ("optimizers.lr=0.5", "optimizers[0].lr", 0.5),
        ("model.hidden.1=8", "model.hidden[1]", 8),
        ("streams.0.class_order=[9,8,7,6,5,4,3,2,1,0]", "streams[0].class_order[1]", 8),
    ],
)
def test_what_is_reached(tmp_path, assignment, path, value):
    study, before = read(tmp_path, assignment), read(tmp_path)
    reached = study
    for step in path.replace("[", ".").replace("]", "").split("."):
        reached = reached[int(step)] if step.isdecimal() else getattr(reached, step)
    assert reached == value
    assert [len(study.rules), len(study.strategies)] == [4, 2]
    keys = ("streams", "model", "strategies", "rules", "optimizers", "train")
    assert [key for key in keys if getattr(study, key) != getattr(before, key)] == [re.split(r"\W", path)[0]]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "rules.9.rho=1",
            "'rules' is not a mapping in the study file; set rules as a whole, or one of its items by ind",
        ),
        ("rules.smm.rho=1", "(known: rules.none, rules.sam, rules.two, rules.lookbehind-sam)"),
        ("rules.lookbehind-sam.k=1.5", "rules[3].k: must be a whole number; got 1.5"),
        ("rules.1.rho=-1", "rules[1].rho: must be a finite number >= 0; got -1"),
        ("rules.sam.rho.x=1", "'rho' is not a mapping in the study file; set rho as a whole"),
        ("model.hidden.first=1", "by index (known: hidden.0, hidden.1)"),
        ("strategies.replay.memory_size=1", "strategies[1]: unknown key 'memory_size'; did you mean 'mem_size'?"),
    ],
)
def test_an_option_is_named_where_it_is_wrong(tmp_path, assignment, message):
    with pytest.raises(UserError) as error:
        read(tmp_path, assignment)
    assert str(error.value).startswith(f"--set {assignment}: ")
    assert message in str(error.value)


def test_namesakes_are_distinguished_by_index(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("streams: split-digits\nrules: [sam, {name: sam, rho: 1}]\n")
    with pytest.raises(UserError, match=r"several of 'rules' are called 'sam'; use one of rules\.0, rules\.1"):
        read_study(path, ["rules.sam.rho=2"])


def test_another_name_is_another_thing(tmp_path):
    assert (
        read(tmp_path, "model.name=small-cnn").model
        == parse_study({"streams": "split-digits", "model": "small-cnn"}).model
    )
    assert read(tmp_path, "model.name=mlp").model.hidden == (32, 16)
    later = read(tmp_path, "model.name=small-cnn", "model.dropout=0.5").model
    assert (later.name, later.dropout) == ("small-cnn", 0.5)


@pytest.mark.parametrize(
    ("changes", "came", "meant"),
    [
        ({"optimizers": {"name": "sgd", "learning_rate": 1}}, "learning_rate", "lr"),
        ({"train": {"batchsize": 1}}, "batchsize", "batch_size"),
        ({"train": {"batch": 1}}, "batch", "batch_size"),
        ({"train": {"n_epochs": 1}}, "n_epochs", "epochs"),
        ({"strategies": {"name": "replay", "memory_size": 1}}, "memory_size", "mem_size"),
        ({"strategies": {"name": "ewc", "lambda": 1}}, "lambda", "ewc_lambda"),
        ({"strategies": {"name": "mas", "lambda": 1}}, "lambda", "lambda_reg"),
        ({"strategies": {"name": "si", "lambda": 1}}, "lambda", "si_lambda"),
    ],
)
def test_what_others_call_a_setting(changes, came, meant):
    with pytest.raises(UserError, match=f"unknown key '{came}'; did you mean '{meant}'?"):
        parse_study({"streams": "split-digits", **changes})


def test_a_synonym_counts_only_where_the_setting_is():
    assert "did you mean 'lr'" not in unknown_name("key", "learning_rate", ["name", "rho"])
    assert all(came not in meant or came == "lamb" for came, meant in SYNONYMS.items())
