"""Files of an earlier report: removed if they are out of date, and never those of the user."""

import json
import os
import shutil

import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb.reports import write_report
from lifelong_lb.store.report_files import LIST, remove_stale


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "runs" not in path.parts}


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return [name.replace("__", "/").replace("_dot_", ".") for name in texts]


def test_tables_that_are_not_written_again_are_removed(tmp_path):
    write(tmp_path, notes_dot_csv="mine", figures__mine_dot_svg="mine")
    first = write(tmp_path, aggregate_dot_csv="a", flatness_dot_csv="b", columns_dot_csv="c")
    remove_stale(tmp_path, first)
    write(tmp_path, flatness_dot_csv="changed by the user")
    remove_stale(tmp_path, write(tmp_path, columns_dot_csv="d"))
    assert files(tmp_path) == {"notes.csv", "figures/mine.svg", "flatness.csv", "columns.csv", LIST}
    remove_stale(tmp_path, ["columns.csv"])
    assert "flatness.csv" in files(tmp_path)


def test_figures_stay_while_the_numbers_do(tmp_path):
    numbers = {"accuracy_dot_csv": "1", "results_dot_csv": "2"}
    remove_stale(tmp_path, write(tmp_path, **numbers, figures__a_dot_svg="a", figures__b_dot_svg="b"))
    remove_stale(tmp_path, write(tmp_path, **numbers))
    assert {"figures/a.svg", "figures/b.svg"} < files(tmp_path)
    remove_stale(tmp_path, write(tmp_path, **numbers, figures__a_dot_pdf="a", figures__b_dot_svg="new"))
    assert {name for name in files(tmp_path) if "figures" in name} == {"figures/a.pdf", "figures/b.svg"}
    remove_stale(tmp_path, write(tmp_path, accuracy_dot_csv="other", results_dot_csv="2"))
    assert not {name for name in files(tmp_path) if "figures" in name}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', "[" * 100_000, '{"files": {"study.json": "x"}}'])
def test_a_damaged_list_removes_nothing(tmp_path, content):
    (tmp_path / LIST).write_text(content)
    write(tmp_path, study_dot_json="study", aggregate_dot_csv="a")
    remove_stale(tmp_path, [])
    assert {"study.json", "aggregate.csv"} < files(tmp_path)


def test_a_list_names_no_file_outside_the_folder(tmp_path):
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # of "a"
    (tmp_path / "folder" / "runs").mkdir(parents=True)
    names = ["../outside.csv", "runs/inside.csv", "study.json", "/absolute.csv", "figures/../runs/inside.csv", ".a.csv"]
    for path in ("outside.csv", "folder/runs/inside.csv", "folder/study.json", "folder/.a.csv"):
        (tmp_path / path).write_text("a")
    os.mkfifo(tmp_path / "folder" / "fifo.csv")
    names.append("fifo.csv")
    (tmp_path / "folder" / LIST).write_text(json.dumps({"files": dict.fromkeys(names, digest)}))
    remove_stale(tmp_path / "folder", [])
    assert (tmp_path / "outside.csv").exists()
    assert (tmp_path / "folder" / "runs" / "inside.csv").exists()
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"runs", "study.json", ".a.csv", "fifo.csv", LIST}


def test_figures_behind_a_link_are_kept(tmp_path):
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # of "a"
    write(tmp_path, pictures__mine_dot_png="a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "figures").symlink_to(tmp_path / "pictures")
    (tmp_path / "folder" / LIST).write_text(json.dumps({"files": {"figures/mine.png": digest}}))
    remove_stale(tmp_path / "folder", write(tmp_path / "folder", results_dot_csv="new"))
    assert (tmp_path / "pictures" / "mine.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="such names are paths there")
@pytest.mark.parametrize("name", ["C:a.csv", "..\\a.csv", "b\\a.csv", "figures/C:a.png", "figures/..\\a.png"])
def test_a_list_names_no_path_of_windows(tmp_path, name):
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("a")
    (tmp_path / LIST).write_text(json.dumps({"files": {name: digest}}))
    remove_stale(tmp_path, [])
    assert path.exists()


def test_a_report_of_fewer_streams_leaves_no_aggregate(tmp_path):
    both = {**TWO, "streams": ["split-digits", "permuted-digits"]}
    folder = make(tmp_path, both, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    write_report(folder, figures=["svg"])
    drawn = {name for name in files(tmp_path) if name.startswith("figures/")}
    assert "aggregate.csv" in files(tmp_path)
    assert any("permuted" in name for name in drawn)
    make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    write_report(folder, figures=["svg"])
    assert "aggregate.csv" not in files(tmp_path)
    left = {name for name in files(tmp_path) if name.startswith("figures/")}
    assert left
    assert not any("permuted" in name for name in left)
    write_report(folder)
    assert {name for name in files(tmp_path) if name.startswith("figures/")} == left


def test_without_runs_nothing_that_was_made_from_them_is_removed(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    write_report(folder)
    confusion = write(tmp_path, class_accuracy_dot_csv="from the runs")
    remove_stale(tmp_path, files(tmp_path) - {LIST, "study.json"})
    shutil.rmtree(tmp_path / "runs")
    for _ in range(2):
        write_report(folder)
        assert set(confusion) < files(tmp_path)
    assert "class_accuracy.csv" in json.loads((tmp_path / LIST).read_text())["files"]
