"""A study may be restricted to some combinations of its grid, or leave some out."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from lifelong_lb import load_results, run_study
from lifelong_lb.cli import app
from lifelong_lb.config import UserError, expand, left_out, parse_study, read_study, unsupported
from lifelong_lb.config.schema import study_schema
from lifelong_lb.store import ResultFolder, StudyFile
from lifelong_lb.studies.planning.validate import lines_about, plan_of
from lifelong_lb.studies.tuning.held_out import held_out_study

STUDY = {
    "streams": {"name": "split-digits", "images_per_class": 4},
    "strategies": ["naive", "ewc", {"name": "replay", "mem_size": 10, "label": "small memory"}],
    "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 2}, {"name": "lookbehind-sam", "k": 3}],
    "model": {"name": "mlp", "hidden": [4]},
    "train": {"batch_size": 20},
}
K2, K3 = "lookbehind-sam(k=2)", "lookbehind-sam(k=3)"


def pairs(**changes):
    study = parse_study({**STUDY, **changes})
    rules = ["none", "sam", K2, K3]
    return [(run.config.strategy.name, rules[run.entries["rules"]]) for run in expand(study)]


def test_what_is_excluded():
    every = pairs()
    assert len(every) == 12
    one = pairs(exclude={"strategies": ["ewc", "small memory"], "rules": "sam"})
    assert one == [pair for pair in every if pair not in (("ewc", "sam"), ("replay", "sam"))]
    assert pairs(exclude=[{"strategies": "replay"}, {"rules": [K3]}]) == [
        (strategy, rule) for strategy in ("naive", "ewc") for rule in ("none", "sam", K2)
    ]
    by_name = pairs(exclude={"rules": "lookbehind-sam"})  # all that are called so
    assert {rule for _, rule in by_name} == {"none", "sam"}


def test_what_alone_is_meant():
    only = [{"strategies": "naive"}, {"strategies": "replay", "rules": ["none", "sam"]}]
    asked = [("naive", "none"), ("naive", "sam"), ("naive", K2), ("naive", K3), ("replay", "none"), ("replay", "sam")]
    assert pairs(only=only) == asked
    assert pairs(only=only, exclude=[{"strategies": "naive", "rules": K2}]) == [asked[i] for i in (0, 1, 3, 4, 5)]
    assert pairs(only=[], exclude=None) == pairs()


def test_runs_keep_their_names():
    every = {run.config.run_id for run in expand(parse_study(STUDY))}
    some = {run.config.run_id for run in expand(parse_study({**STUDY, "exclude": {"rules": "sam"}}))}
    assert some < every
    assert len(some) == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "exclude:\n- {rules: smm}",
            ":4: exclude[0].rules: unknown entry 'smm'; did you mean 'sam'? (known: none, sam)",
        ),
        ("exclude: {strategies: replay}", ":3: exclude[0].strategies: unknown entry 'replay' (known: naive, ewc)"),
        (
            "only:\n- strategies: naive\n  rule: sam",
            ":5: only[0]: unknown key 'rule'; did you mean 'rules'? (known: str",
        ),
        ("exclude: {}", ":3: exclude: needs an axis with labels, e.g."),
        ("exclude: sam", ":3: exclude: must be a mapping of settings; got 'sam'"),
        (
            "exclude: {rules: [none, 3]}",
            ":3: exclude.rules: must be a label or name of an entry, or a list of them",
        ),
        ("exclude: {rules: []}", ":3: exclude.rules: must be a label or name of an entry"),
        ("exclude: [{rules: sam}, {rules: none}]", ":3: exclude: leaves out all combinations of the study"),
        (
            "exclude: [{rules: sam}, {rules: sam, strategies: ewc}]",
            ":3: exclude[1]: has no effect: these combinations are already left out by only and earlier exclusions",
        ),
        (
            "only: {rules: none}\nexclude: {rules: sam}",
            ":4: exclude[0]: has no effect: these combinations are already left out by only",
        ),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    path = tmp_path / "my.yaml"
    path.write_text(f"streams: split-digits\n<<: {{strategies: [naive, ewc], rules: [none, sam]}}\n{text}\n")
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value).startswith(f"{path}{message}")


def test_labels_of_a_file_that_the_study_extends(tmp_path):
    base, path = tmp_path / "base.yaml", tmp_path / "my.yaml"
    base.write_text("streams: split-digits\nstrategies: [naive, ewc]\nonly:\n- strategies: ewc\n")
    path.write_text("extends: base.yaml\nstrategies: naive\n")
    hint = " (from the file that this study extends; only: null leaves it out)"
    unknown = "only[0].strategies: unknown entry 'ewc' (known: naive)"
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value) == f"{base}:4: {unknown}{hint}"
    assert len(expand(read_study(path, ["only=null"]))) == 1
    with pytest.raises(UserError) as error:  # the study's own, or an option's
        read_study(base, ["strategies=naive"])
    assert str(error.value) == f"{base}:4: {unknown}"
    with pytest.raises(UserError) as error:
        read_study(path, ["only={strategies: ewc}"])
    assert str(error.value) == "--set only={strategies: ewc}: only[0].strategies: unknown entry 'ewc' (known: naive)"


@pytest.mark.parametrize(
    ("preset", "hint"),
    [
        ("pycil-cifar100-b0-inc10", ""),
        ("pycil-cifar100-b50-inc10", " (from the file that this study extends; only: null leaves it out)"),
    ],
)
def test_labels_of_a_preset_with_other_strategies(preset, hint):
    with pytest.raises(UserError) as error:
        read_study(Path(f"preset:{preset}"), ["strategies=[replay, icarl]"])
    assert str(error.value).endswith(f": only[1].strategies: unknown entry 'wa' (known: replay, icarl){hint}")


def test_what_does_not_go_together_may_be_excluded():
    impossible = {**STUDY, "strategies": ["naive", "lamaml"], "rules": ["none", "sam"]}
    with pytest.raises(UserError, match="lamaml supports the rule none only"):
        parse_study(impossible)
    assert len(expand(parse_study({**impossible, "exclude": {"strategies": "lamaml", "rules": "sam"}}))) == 3
    passes = {**STUDY, "optimizers": ["sgd", "lbfgs"], "rules": ["none", "sam"]}
    with pytest.raises(UserError, match="lbfgs evaluates the loss itself and cannot be combined with the rule sam"):
        parse_study(passes)
    assert len(expand(parse_study({**passes, "exclude": {"optimizers": "lbfgs", "rules": "sam"}}))) == 9


def test_what_is_left_out_is_listed(tmp_path):
    raw = {
        **STUDY,
        "streams": [STUDY["streams"], {"name": "split-digits", "scenario": "class-incremental", "label": "classes"}],
        "strategies": ["naive", "lamaml", "rwalk"],
        "rules": ["none", "sam", "asam"],
        "exclude": [{"rules": "asam"}],
        "skip_unsupported": True,
        "seeds": 2,
    }
    study = parse_study(raw)
    assert left_out(study) == 2 * (2 + 1)  # naive on both streams, rwalk on one
    assert list(unsupported(study)) == ["lamaml with sam", "rwalk on split-digits"]
    lines = list(lines_about(plan_of(study, tmp_path)))
    assert "left out: 6 runs, by only or exclude" in lines
    groups = [line for line in lines if line.startswith("left out as unsupported: ")]
    assert len(groups) == 2
    assert "lamaml with sam (lamaml supports the rule none only, not sam: " in groups[0]
    assert "rwalk on split-digits (rwalk works with class-incremental" in groups[1]
    assert not [line for line in lines_about(plan_of(parse_study(STUDY), tmp_path)) if line.startswith("left out")]


def test_a_folder_is_widened_by_what_was_left_out(tmp_path):
    raw = {**STUDY, "strategies": ["naive", "ewc"], "rules": ["none", "sam"]}
    some = {**raw, "exclude": [{"strategies": "ewc", "rules": "sam"}]}
    run_study(some, tmp_path, executor="in-process")
    stored = ResultFolder(tmp_path).read_study()
    assert stored.study.exclude == parse_study(some).exclude
    assert StudyFile.from_json(stored.to_json(), "study.json") == stored
    assert len(load_results(tmp_path)[0]) == 3
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    wider = run_study({**raw, "rules": ["none", "sam", {"name": "sam", "rho": 0.5}]}, tmp_path, executor="in-process")
    assert wider.runs["status"].tolist() == ["done"] * 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    again = run_study(some, tmp_path, executor="in-process")  # whose label sam means two rules by now
    assert len(again.runs) == 6
    file = ResultFolder(tmp_path).read_study()
    assert len(file.configurations()) == 6


def test_a_folder_that_never_left_anything_out_is_stored_as_before():
    assert not {"only", "exclude"} & set(StudyFile.of(parse_study(STUDY)).to_json()["study"])


def test_what_is_searched_is_restricted_too():
    streams = [STUDY["streams"], {"name": "split-digits", "experiences": 2, "label": "two"}]
    held_out = {"seeds": [9], "first_experiences": 3}
    tuning = {"held_out": held_out, "search": {"ewc": {"ewc_lambda": [1, 2]}}}
    exclude = [{"rules": ["sam", K2]}, {"streams": "split-digits", "strategies": "ewc"}]
    held = held_out_study(parse_study({**STUDY, "streams": streams, "tuning": tuning, "exclude": exclude}))
    assert len(expand(held)) == 2 * 3 * 2 - 2


def test_the_schema_knows_both():
    validator = Draft202012Validator(study_schema())
    base = {"streams": "split-digits"}
    for right in ({"rules": "sam"}, [{"rules": ["sam"], "strategies": "ewc"}], []):
        assert validator.is_valid({**base, "only": right, "exclude": right})
    for wrong in ({"rule": "sam"}, {}, "sam", [{"rules": 3}]):
        assert not validator.is_valid({**base, "exclude": wrong})


def test_run_names_what_is_unsupported(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(
        "streams: {name: split-digits, images_per_class: 4}\nmodel: {name: mlp, hidden: [4]}\ntrain: {batch_size: 40}\n"
        "strategies: [naive, mer]\nrules: [sam, asam]\nskip_unsupported: true\n"
    )
    done = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out"), "--executor", "in-process"])
    assert done.exit_code == 0
    assert "left out as unsupported: mer with sam, asam (mer supports the rule none only" in done.stderr
