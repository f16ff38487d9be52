"""Messages about a study file name the line at which to look."""

import pytest

from lifelong_lb.config import UserError, parse_study, read_study

FILE = """\
name: mine
streams:
  - {name: split-digits, experiences: 5}
  - name: split-digits
    scenario: class-incremental
    train:
      epochs: 2
optimizers:
  name: sgd
  lr: 0.1
  schedule:
    name: step
    every: 1
rules:
  - none
  - {name: lookbehind-sam,
     k: 2,
     rho: 0.05}
  - asam
strategies: naive
train: {epochs: 3}
seeds: 2
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rho: 0.05", "rho: -1", ":18: rules[1].rho: must be a finite number >= 0; got -1"),
        ("k: 2", "kk: 2", ":17: rules[1]: unknown key 'kk'; did you mean 'k'?"),
        ("- asam", "- asm", ":19: rules[2]: unknown rule 'asm'; did you mean 'asam'?"),
        ("name: lookbehind-sam", "name: lookbehnd-sam", ":16: rules[1]: unknown rule 'lookbehnd-sam'; did you mean"),
        ("- asam", "- none", ":19: rules[2]: is the same as rules[0]"),
        ("- asam", "- {name: asam, label: none}", ":14: rules: two entries have the label 'none'"),
        ("epochs: 2", "epochs: 0", ":7: streams[1].train.epochs: must be a whole number >= 1; got 0"),
        ("epochs: 2", "epoch: 2", ":7: streams[1].train: unknown key 'epoch'; did you mean 'epochs'?"),
        ("experiences: 5", "experiences: 3", ":3: streams[0]: experiences must divide the 10 classes"),
        ("every: 1", "every: 0", ":13: optimizers.schedule.every: must be a whole number >= 1; got 0"),
        ("every: 1", "evry: 1", ":13: optimizers.schedule: unknown key 'evry'; did you mean 'every'?"),
        ("every: 1", "every: 9", ":11: optimizers[0].schedule: changes the rate after epoch 9"),
        ("lr: 0.1", "lr: fast", ":10: optimizers.lr: must be a number; got 'fast'"),
        ("seeds: 2", "seed: 2", ":22: seed: unknown key 'seed'; did you mean 'seeds'?"),
        ("seeds: 2", "seeds: [1, 1]", ":22: seeds: must differ"),
        ("strategies: naive", "strategies: lwf\nmodel: {name: mlp, head: single}", ":21: model.head: task-incremental"),
        ("name: mine", "name: 3", ":1: name: must be a name of printable characters; got 3"),
    ],
)
def test_the_line_of_a_mistake(tmp_path, old, new, message):
    assert FILE.count(old) == 1
    path = tmp_path / "my.yaml"
    path.write_text(FILE.replace(old, new))
    with pytest.raises(UserError) as error:
        read_study(path)
    assert f"{path}{message}" in str(error.value)


def test_the_file_is_right_without_the_mistake(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(FILE)
    assert [rule.name for rule in read_study(path).rules] == ["none", "lookbehind-sam", "asam"]


def test_several_mistakes_have_a_line_each(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("name: mine\nrules:\n- {name: sam, rho: -1}\nsede: 3\n")
    with pytest.raises(UserError) as error:
        read_study(path)
    first, *lines = str(error.value).splitlines()
    assert first == f"{path}: 3 problems"
    assert lines[0].startswith(f"  {path}:4: sede: unknown key")
    assert lines[1].startswith("  streams: needs at least one stream")
    assert lines[2] == f"  {path}:3: rules[0].rho: must be a finite number >= 0; got -1"


def test_what_is_merged_in_is_looked_for_where_it_stands(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("streams: split-digits\nrules:\n- &base {name: sam,\n  rho: -1}\n- {<<: *base, label: two}\n")
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value).count(f"{path}:4: rules[") == 2


def test_plain_values_have_no_line():
    with pytest.raises(UserError, match=r"^study: rules\.rho: must be a finite number >= 0; got -1$"):
        parse_study({"streams": "split-digits", "rules": {"name": "sam", "rho": -1}})


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.batchsize=3", "train: unknown key 'batchsize'; did you mean 'batch_size'?"),
        ("train.epochs=0", "train.epochs: must be a whole number >= 1; got 0"),
        ("trian.epochs=3", "trian: unknown key 'trian'; did you mean 'train'?"),
        ("rulse=sam", "rulse: unknown key 'rulse'; did you mean 'rules'?"),
        ("strategies=[naive, repla]", "strategies[1]: unknown strategy 'repla'; did you mean 'replay'?"),
        ("optimizers.schedule.every=0", "optimizers.schedule.every: must be a whole number >= 1; got 0"),
        ("seeds=0", "seeds: must be at least 1"),
        ("rules.rho=1", "'rules' is not a mapping in the study file; set rules as a whole"),
        ("model.hiden=[8]", "model: unknown key 'hiden'; did you mean 'hidden'?"),
    ],
)
def test_an_option_is_named_where_it_is_wrong(tmp_path, assignment, message):
    path = tmp_path / "my.yaml"
    path.write_text(FILE)
    with pytest.raises(UserError) as error:
        read_study(path, [assignment])
    assert str(error.value).startswith(f"--set {assignment}: {message}")


def test_a_line_is_still_named_beside_an_option(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(FILE.replace("epochs: 3", "epochs: 0"))
    with pytest.raises(UserError, match=r"my\.yaml:21: train\.epochs"):
        read_study(path, ["train.batch_size=64"])


def test_an_option_changes_one_of_two_places_that_share_their_values(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("train: &t {epochs: 2}\nstreams: {name: split-digits, train: *t}\n")
    study = read_study(path, ["train.epochs=5"])
    assert study.train.epochs == 5
    assert study.streams[0].train == {"epochs": 2}
