"""Tables for spreadsheets: no label is a formula, and numbers stay numbers."""

import json

import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb import UserError, extend, load_results
from lifelong_lb.config import parse_study
from lifelong_lb.reports import read_matrices, write_report
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.spreadsheets import without_formulas

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-1+2",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\tx",
    "\r=1",
    "\n-x",
    "\u00a0=1",
    "\uff1d1",
]
HARMLESS = ["sam", "a=b", "1-2", "", "'=1", "-0.5", "+1e-3", "-inf", "sam(rho=-0.1)", " x", "é", "日本"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text):
    frame = pd.DataFrame({"rule": ["sam", text], "seed": [0, 1], "value": [-0.5, -1.0], text: ["a", "b"]})
    changed = without_formulas(frame)
    assert changed["rule"].tolist() == ["sam", f"'{text}"]
    assert list(changed.columns) == ["rule", "seed", "value", f"'{text}"]
    assert changed[["seed", "value"]].equals(frame[["seed", "value"]])
    assert without_formulas(changed).equals(changed)


def test_all_else_stays_byte_for_byte():
    mixed = pd.Series(HARMLESS, dtype=object)
    frame = pd.DataFrame({
        "text": HARMLESS,
        "mixed": mixed.where(mixed != "é", -1.5),
        "gaps": [None, *HARMLESS[1:]],
        "number": [-float(i) for i in range(len(HARMLESS))],
        "flag": [True] * len(HARMLESS),
    })
    assert without_formulas(frame).to_csv(index=False) == frame.to_csv(index=False)


@pytest.mark.parametrize("label", ["=1+1", "+wd", "-wd", "@x", "-0.5", " =1", "\uff1d1"])
@pytest.mark.parametrize("axis", ["streams", "strategies", "rules", "optimizers"])
def test_such_labels_are_refused_in_studies(axis, label):
    names = {"streams": "split-digits", "strategies": "naive", "rules": "none", "optimizers": "sgd"}
    study = {"streams": "split-digits", axis: [{"name": names[axis], "label": label}]}
    with pytest.raises(UserError) as error:
        parse_study(study)
    assert f"{axis}[0].label: must not begin with = + - or @, which spreadsheets" in str(error.value)


def test_labels_that_we_make_are_none():
    study = {"streams": "split-digits", "optimizers": [{"name": "sgd", "lr": 0.1}, {"name": "sgd", "lr": 0.2}]}
    assert len(parse_study({**study, "rules": [{"name": "sam", "label": "a=b-c"}]}).optimizers) == 2
    with pytest.raises(UserError, match="needs a name without spaces and punctuation"):
        extend.rule("-mine", gradients=1)(lambda passes: None)


def test_a_folder_from_elsewhere_is_read_and_its_tables_are_harmless(tmp_path):
    folder = make(tmp_path / "out", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    raw = json.loads(folder.study_path.read_text())
    raw["study"]["rules"][1]["label"] = '=HYPERLINK("http://x")'
    raw["study"]["strategies"][0]["label"] = "-0.5"
    folder.study_path.write_text(json.dumps(raw))
    runs, _ = load_results(folder.path)
    assert set(runs["rule"]) == {"none", '=HYPERLINK("http://x")'}
    write_report(folder)
    tables = list(folder.path.glob("*.csv"))
    assert {"results.csv", "summary.csv"} <= {path.name for path in tables}
    for path in tables:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False)
        texts = [*cells.columns, *cells.to_numpy().ravel()]
        assert not [text for text in texts if text.startswith(("=", "@", "+"))], path
    results = pd.read_csv(folder.path / "results.csv")
    assert set(results["rule"]) == {"none", '\'=HYPERLINK("http://x")'}
    assert set(results["strategy"]) == {-0.5}
    assert ResultFolder(folder.path).read_study() is not None


@pytest.mark.parametrize("column", ["stream", "strategy", "rule", "base_optimizer", "run"])
@pytest.mark.parametrize("label", ["=1", "-x", "@x", "+x"])
def test_such_labels_of_another_framework_are_refused(tmp_path, column, label):
    row = {"run": "a", "stream": "s", "strategy": "n", "rule": "r", "base_optimizer": "o", "seed": 0}
    frame = pd.DataFrame([{**row, "trained": 0, "evaluated": 0, "accuracy": 0.5, column: label}])
    frame.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(UserError, match=f"line 2: {column} must not begin with = "):
        read_matrices(tmp_path / "other.csv")
