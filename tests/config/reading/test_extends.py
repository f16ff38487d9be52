"""Study files that extend others: what is merged, what is refused, and the line reported for a mistake."""

import pytest

from lifelong_lb.config import UserError, parse_study, read_study
from lifelong_lb.store import StudyFile

BASE = """\
name: base
streams: [split-digits, {name: split-digits, scenario: class-incremental}]
model: {name: mlp, hidden: [32], activation: tanh}
train: {epochs: 2, batch_size: 20}
rules: [none, sam]
seeds: 3
"""


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return written


def test_mappings_are_merged_and_all_else_replaced(write):
    write("base.yaml", BASE)
    study = read_study(
        write("sub/my.yaml", "extends: ../base.yaml\nmodel: {hidden: [8]}\ntrain: {epochs: 1}\nrules: [asam]\n")
    )
    assert study == parse_study({
        "name": "base",
        "streams": ["split-digits", {"name": "split-digits", "scenario": "class-incremental"}],
        "model": {"name": "mlp", "hidden": [8], "activation": "tanh"},
        "train": {"epochs": 1, "batch_size": 20},
        "rules": ["asam"],
        "seeds": 3,
    })


def test_another_model_takes_nothing_over(write):
    write("base.yaml", BASE)
    study = read_study(write("my.yaml", "extends: base.yaml\nname: mine\nmodel: {name: small-cnn}\n"))
    assert study.model == parse_study({"streams": "split-digits", "model": "small-cnn"}).model
    assert (study.name, study.train.batch_size) == ("mine", 20)


def test_a_bare_name_gets_settings(write):
    write("base.yaml", "streams: split-digits\nmodel: mlp\nrules: sam\n")
    study = read_study(write("my.yaml", "extends: base.yaml\nmodel: {hidden: [8]}\nrules: {rho: 0.5}\n"))
    assert (study.model.hidden, study.rules[0].rho) == ((8,), 0.5)


def test_later_files_go_before_earlier_ones_and_options_before_all(write):
    write("a.yaml", "streams: split-digits\ntrain: {epochs: 2, batch_size: 2, random_crop: 2}\nseeds: 2\n")
    write("b.yaml", "extends: a.yaml\ntrain: {epochs: 3}\n")
    write("c.yaml", "extends: a.yaml\ntrain: {batch_size: 4}\nseeds: 4\n")
    path = write("my.yaml", "extends: [b.yaml, c.yaml]\ntrain: {random_crop: 1}\n")
    train = read_study(path).train
    assert (train.epochs, train.batch_size, train.random_crop) == (2, 4, 1)  # c.yaml brings a.yaml's epochs again
    assert read_study(path, ["train.epochs=9"]).train.epochs == 9
    assert read_study(path).seeds == (0, 1, 2, 3)


def test_the_stored_study_is_self_contained(write):
    write("base.yaml", BASE)
    study = read_study(write("my.yaml", "extends: base.yaml\nseeds: 1\n"))
    stored = StudyFile.of(study).to_json()
    assert "extends" not in stored["study"]
    assert StudyFile.from_json(stored, "study.json").study == study


@pytest.mark.parametrize(
    ("base", "own", "message"),
    [
        ("train: {epochs: 0}", "seeds: 2", "base.yaml:2: train.epochs: must be a whole number >= 1; got 0"),
        ("train: {epochs: 0}", "train: {batch_size: 2}", "base.yaml:2: train.epochs: must be a whole"),
        ("train: {epochs: 1}", "train: {epochs: 0}", "my.yaml:2: train.epochs: must be a whole number >= 1"),
        ("rulse: sam", "seeds: 2", "base.yaml:2: rulse: unknown key 'rulse'; did you mean 'rules'?"),
        ("rules: [sam, asm]", "seeds: 2", "base.yaml:2: rules[1]: unknown rule 'asm'; did you mean 'asam'?"),
        ("rules: [sam, asm]", "rules: [smm]", "my.yaml:2: rules[0]: unknown rule 'smm'; did you mean 'sam'?"),
    ],
)
def test_mistakes_are_reported_with_their_line(tmp_path, write, base, own, message):
    write("base.yaml", f"streams: split-digits\n{base}\n")
    with pytest.raises(UserError) as error:
        read_study(write("my.yaml", f"extends: base.yaml\n{own}\n"))
    assert str(error.value).startswith(f"{tmp_path / message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"my.yaml": "extends: my.yaml"}, "{}/my.yaml:1: extends: a study file cannot extend itself "),
        (
            {"my.yaml": "seeds: 1\nextends: a.yaml", "a.yaml": "extends: [b.yaml]", "b.yaml": "extends: ./my.yaml"},
            "{}/b.yaml:1: extends: a study file cannot extend itself "
            "({}/my.yaml -> {}/a.yaml -> {}/b.yaml -> {}/my.yaml)",
        ),
        (
            {"my.yaml": "extends: a.yaml", "a.yaml": "extends: bse.yaml", "base.yaml": ""},
            "{}/bse.yaml: no such study file (in that folder: a.yaml, base.yaml, my.yaml) "
            "(extends: {}/my.yaml -> {}/a.yaml -> {}/bse.yaml)",
        ),
        ({"my.yaml": "extends: a.yaml", "a.yaml": "- x"}, "{}/a.yaml: a study file is a mapping"),
        ({"my.yaml": "extends: 3"}, "{}/my.yaml:1: extends: must be the path of a study file, or a list"),
        ({"my.yaml": "extends:"}, "{}/my.yaml:1: extends: must be the path of a study file, or a list"),
        ({"my.yaml": "extends: {a: b}"}, "{}/my.yaml:1: extends: must be the path of a study file, or a list"),
    ],
)
def test_chains_that_lead_nowhere(tmp_path, write, files, message):
    for name, text in files.items():
        write(name, text)
    with pytest.raises(UserError) as error:
        read_study(tmp_path / "my.yaml")
    assert str(error.value).startswith(message.replace("{}", str(tmp_path)))


def test_plain_values_extend_nothing():
    with pytest.raises(UserError, match="extends: allowed in study files only"):
        parse_study({"streams": "split-digits", "extends": "base.yaml"})
