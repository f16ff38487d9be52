"""study.json: read as written, damage, widening."""

import json

import pytest
from store.records import STUDY

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.store import ResultFolder, StudyFile


def test_the_study_is_read_as_it_was_written(folder):
    file = StudyFile.of(parse_study(STUDY))
    assert folder.read_study() is None
    folder.write_study(file)
    assert folder.read_study() == file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "not a study file of lifelong_lb"),
        ('{"schema": 99, "study": {}, "runs": []}', "written with layout 99; this version reads 1"),
        ('{"schema": 1, "study": {"seeds": [0]}, "runs": [{}]}', "damaged"),
        ('{"schema": 1, "study": {"seeds": 5}, "runs": []}', "damaged"),
    ],
)
def test_a_damaged_study_file_is_named(tmp_path, content, message):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(UserError, match=message):
        ResultFolder(tmp_path).read_study()


def test_widening_keeps_every_run_and_updates_labels():
    first = StudyFile.of(parse_study(STUDY))
    wider = parse_study({**STUDY, "rules": [{"name": "sam", "rho": 0.1}, "sam"], "seeds": [1, 2]})
    merged = first.widened(wider)
    assert [run.config.run_id for run in expand(wider)] == [place.run for place in merged.places[:4]]
    assert len(merged.places) == 4 + 3  # sam with seed 1 is in both
    labels = {place.run: merged.labels()[place.run]["rule"] for place in merged.places}
    old = {run.config.run_id: run.config.rule.name for run in expand(parse_study(STUDY))}
    assert {labels[run] for run, name in old.items() if name == "none"} == {"none"}
    assert {labels[run] for run, name in old.items() if name == "sam"} == {"sam(rho=0.05)"}
    assert StudyFile.from_json(json.loads(json.dumps(merged.to_json())), "x") == merged


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": {"epochs": 2}}, "another train: epochs is 1 there and 2 here"),
        ({"model": {"name": "mlp", "hidden": [8]}}, r"another model: hidden is \[256, 256\] there and \[8\] here"),
        ({"evaluation": {"experiences": "all"}}, "another evaluation: experiences is 'seen' there and 'all' here"),
    ],
)
def test_other_shared_settings_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        StudyFile.of(parse_study(STUDY)).widened(parse_study({**STUDY, **change}))


def test_streams_that_differ_only_in_training_get_different_labels():
    study = parse_study({
        "streams": ["split-digits", {"name": "split-digits", "train": {"epochs": 2}}],
        "rules": "none",
    })
    labels = [label["stream"] for label in StudyFile.of(study).labels().values()]
    assert labels == ["split-digits(train=null)".replace("null", "None"), "split-digits(train={epochs:2})"]
