"""Run ids from files are used in paths only if they are valid."""

import json

import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb import UserError, load_results
from lifelong_lb.reports import collect, read_matrices, with_imported, write_report
from lifelong_lb.store import ResultFolder

STRANGE = [
    "../../x",
    "/etc",
    "..",
    ".",
    "",
    "a\0b",
    "A" * 12,
    "0" * 13,
    "x" * 10_000,
    "0123456789a*",
    "\x1b[2J",
    "０" * 12,
]


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "out", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))


def messages_and_runs(read):
    """Messages about a folder, and the ids of its runs."""
    try:
        results = read()
    except UserError as error:
        return str(error), []
    return " ".join(results.problems), results.runs["run"].tolist()


@pytest.mark.parametrize("run", [*STRANGE, 12, None, ["0" * 12]])
def test_a_run_of_another_name_is_never_looked_for(folder, run, monkeypatch):
    raw = json.loads(folder.study_path.read_text())
    raw["runs"][0]["run"] = run
    folder.study_path.write_text(json.dumps(raw))
    paths = set()
    run_path = ResultFolder.run_path
    monkeypatch.setattr(ResultFolder, "run_path", lambda self, run: paths.add(run) or run_path(self, run))
    sentence, runs = messages_and_runs(lambda: collect(folder))
    assert "a run id has 12 hexadecimal digits; got" in sentence
    assert str(run) not in runs
    assert paths <= {place["run"] for place in raw["runs"][1:]}
    assert len(sentence) < 500
    assert sentence.isprintable()


def test_a_result_cannot_say_that_it_is_another_run(folder, tmp_path):
    run, other = collect(folder).runs["run"][:2]
    result = json.loads((folder.run_path(run) / "result.json").read_text())
    replaced = {
        "run": "../../x",
        "config": {},
        "environment": {"torch": "9"},
        "accuracy": [[0, 0, 1.0]],
        "traceback": "x",
    }
    (folder.run_path(run) / "result.json").write_text(json.dumps({**result, **replaced}))
    record = folder.read_run(run)
    assert record.run == run
    assert record.environment["torch"] == "2.6.0"
    assert len(record.accuracy.entries()) == 3
    assert record.traceback == ""


@pytest.mark.parametrize("run", [run for run in STRANGE if not run.isalnum() or len(run) > 80])
def test_no_path_leads_out_of_the_folder_of_the_runs(folder, run):
    with pytest.raises(UserError, match="a run id must be letters, digits, - and _; got"):
        folder.run_path(run)


def test_tables_without_runs_may_name_ours_and_imported_ones_alone(folder, tmp_path):
    write_report(folder)
    tables = tmp_path / "tables"
    tables.mkdir()
    for name in ("results", "accuracy"):
        frame = pd.read_csv(folder.path / f"{name}.csv")
        frame["run"] = frame["run"].replace(frame["run"].iloc[0], "../../x")
        frame.to_csv(tables / f"{name}.csv", index=False)
    with pytest.raises(UserError, match=r"results\.csv, line 2: run must be an id of 12 .*; got '\.\./\.\./x'"):
        load_results(tables)
    row = {"run": "../../x", "stream": "split-digits", "strategy": "n", "rule": "r", "base_optimizer": "o", "seed": 0}
    entries = [{**row, "trained": i, "evaluated": j, "accuracy": 0.5} for i, j in ((0, 0), (1, 0), (1, 1))]
    pd.DataFrame(entries).to_csv(tmp_path / "other.csv", index=False)
    assert read_matrices(tmp_path / "other.csv")[0]["run"].tolist() == ["../../x"]
    both = ResultFolder(tmp_path / "both")
    write_report(both, with_imported(collect(folder), [tmp_path / "other.csv"]))
    assert "../../x" in set(write_report(both).runs["run"])  # no path is made from it
