"""Study files that come with the package."""

import pytest

from lifelong_lb.config import UserError, expand, read_study
from lifelong_lb.config.describe import listing
from lifelong_lb.config.reading.presets import FOLDER, about_preset, preset_names, preset_path


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_study_that_says_where_it_is_from(name):
    study = read_study(preset_path(name))
    assert study.name == name
    assert expand(study)
    what, source = about_preset(name)
    assert len(what) > 30
    assert source.startswith(("Source: ", "Settings of our own"))
    assert max(map(len, preset_path(name).read_text(encoding="utf-8").splitlines())) <= 125


def test_there_are_some():
    assert {"digits-quick", "lookbehind-cifar100", "stable-sgd-cifar100"} <= set(preset_names())
    assert len(preset_names()) == len(list(FOLDER.iterdir()))


def test_rates_of_stable_sgd_are_those_of_its_code():
    """There task t = 1, 2, ... has the rate 0.1 x 0.8^t."""
    (optimizer,) = read_study(preset_path("stable-sgd-cifar100")).optimizers
    for task in (1, 2, 20):
        assert optimizer.lr * optimizer.schedule.factor_of(task - 1) == pytest.approx(0.1 * 0.8**task)


def test_phases_of_pycil_are_those_of_its_code():
    """200 epochs, then 170; 10 or 50 classes first, in numpy's order of seed 1993."""
    for name, first in (("pycil-cifar100-b0-inc10", 10), ("pycil-cifar100-b50-inc10", 50)):
        study = read_study(preset_path(name))
        (stream,) = study.streams
        assert stream.class_numbers(range(100))[:2] == (first, 10)
        assert [study.train.epochs_of(i) for i in (0, 1)] == [200, 170]
        milestones = {run.config.strategy.name: run.config.optimizer.schedule.milestones for run in expand(study)}
        assert milestones == {
            "replay": ((60, 120, 170), (80, 120, 150)),
            "icarl": ((60, 120, 170), (80, 120, 150)),
            "wa": ((60, 120, 170), (60, 100, 140)),
        }


@pytest.mark.parametrize("name", [name for name in preset_names() if name.startswith("mammoth")])
def test_each_strategy_of_mammoth_has_one_learning_rate(name):
    study = read_study(preset_path(name))
    assert len(expand(study)) == len(study.strategies)
    for strategy in study.strategies:
        if strategy.label is not None:
            assert int(strategy.label.split()[-1]) == strategy.mem_size


def test_a_study_may_extend_one_or_be_one(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("extends: preset:digits-quick\nseeds: 4\ntrain: {epochs: 2}\n", encoding="utf-8")
    study, preset = read_study(file), read_study("preset:digits-quick")
    assert (study.seeds, study.train.epochs, study.train.batch_size) == ((0, 1, 2, 3), 2, 10)
    assert study.rules == preset.rules
    assert preset == read_study(preset_path("digits-quick"))


def test_unknown_presets_suggest_the_nearest(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("extends: preset:digits-quik\n", encoding="utf-8")
    with pytest.raises(
        UserError, match="my.yaml:1: extends: unknown preset 'digits-quik'; did you mean 'digits-quick'"
    ):
        read_study(file)
    with pytest.raises(UserError, match="^unknown preset 'digits'; did you mean 'digits-quick'"):
        read_study("preset:digits")


def test_they_are_listed():
    text = listing("presets")
    assert preset_names()
    assert all(f"{name} " in text and about_preset(name)[0] in text for name in preset_names())
    assert str(FOLDER) in text
