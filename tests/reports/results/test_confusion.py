"""Confusion counts of a study: recorded, read back, and converted to accuracies of classes."""

import re

import numpy as np
import pandas as pd
import pytest
from reports.folders import TWO, make

import lifelong_lb
from lifelong_lb.config import UserError
from lifelong_lb.reports import load_results, per_class_accuracy, write_report
from lifelong_lb.reports.charts.matrices import Meaning, squares
from lifelong_lb.reports.page.sections import collect_classes, confusion_matrices
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.results.recorded import CLASS_COLUMNS, class_accuracies, collect_confusion
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.recorded import read_confusion

ORDER = [7, 3, 5, 1, 0, 2, 9, 4, 8, 6]
STUDY = {
    "streams": {"name": "split-digits", "experiences": 5, "scenario": "class-incremental", "class_order": ORDER},
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 100},
    "optimizers": {"name": "sgd", "lr": 0.5},
    "strategies": ["naive", "joint"],
    "rules": ["none"],
    "seeds": 1,
}
COUNTED = {**STUDY, "evaluation": {"confusion": True}}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    out = tmp_path_factory.mktemp("counted")
    lifelong_lb.run_study(COUNTED, out, executor="in-process")
    return out


@pytest.mark.slow
def test_the_trace_over_the_sum_is_the_accuracy(counted):
    frame = lifelong_lb.load_confusion(counted)
    keys = ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
    assert list(frame.columns) == [*keys, "trained", "evaluated", "class", "predicted", "count"]
    _, accuracy = load_results(counted)
    cells = [*keys, "trained", "evaluated"]
    total = frame.groupby(cells)["count"].sum()
    right = frame[frame["class"] == frame["predicted"]].groupby(cells)["count"].sum()
    found = right.reindex(total.index, fill_value=0) / total
    assert found.to_dict() == accuracy.set_index(cells)["accuracy"].to_dict()
    assert set(frame.loc[frame["strategy"] == "joint", "trained"]) == {4}
    assert (frame["count"] > 0).all()


def test_labels_are_those_of_the_data_set(counted):
    frame = lifelong_lb.load_confusion(counted)
    assert set(frame["evaluated"]) == set(range(5))
    for experience, rows in frame.groupby("evaluated"):
        assert set(rows["class"]) == set(ORDER[2 * experience : 2 * experience + 2])
    seen = frame[frame["strategy"] == "naive"]
    assert set(seen["trained"]) == set(range(5))
    for experience, rows in seen.groupby("trained"):  # never a class that has not occurred yet
        assert set(rows["predicted"]) <= set(ORDER[: 2 * experience + 2])


def test_numbers_are_those_of_a_run_without_counts(counted, tmp_path):
    lifelong_lb.run_study({**STUDY, "strategies": "naive"}, tmp_path, executor="in-process")
    plain, with_counts = load_results(tmp_path)[1], load_results(counted)[1]
    same = with_counts[with_counts["strategy"] == "naive"].reset_index(drop=True)
    pd.testing.assert_frame_equal(plain.drop(columns="run"), same.drop(columns="run"), check_exact=True)
    assert not set(plain["run"]) & set(with_counts["run"])
    assert not (tmp_path / "class_accuracy.csv").exists()
    with pytest.raises(UserError, match=r"no confusion counts here; .* evaluation: .confusion: true."):
        lifelong_lb.load_confusion(tmp_path)
    with pytest.raises(UserError, match="no results here"):
        lifelong_lb.load_confusion(tmp_path / "none")


@pytest.mark.slow
def test_predictions_are_classes_of_the_experience_or_of_the_stream(tmp_path):
    split, permuted = (
        {**STUDY["streams"], "scenario": "task-incremental"},
        {"name": "permuted-digits", "experiences": 2},
    )
    raw = {**COUNTED, "strategies": "naive", "streams": [split, permuted]}
    lifelong_lb.run_study(raw, tmp_path, executor="in-process")
    frame = lifelong_lb.load_confusion(tmp_path)
    of_split, of_permuted = (frame[frame["stream"] == name] for name in ("split-digits", "permuted-digits"))
    assert (set(of_split["evaluated"]), set(of_permuted["evaluated"])) == ({0, 1, 2, 3, 4}, {0, 1})
    for experience, rows in of_split.groupby("evaluated"):
        assert set(rows["class"]) == set(ORDER[2 * experience : 2 * experience + 2])
        assert set(rows["predicted"]) <= set(rows["class"])
    for _, rows in of_permuted.groupby("evaluated"):
        assert set(rows["class"]) == set(range(10))


COUNTS = pd.DataFrame(
    [(0, 0, 7, 7, 3), (0, 0, 7, 5, 1), (1, 0, 7, 5, 4), (1, 1, 5, 5, 2), (1, 1, 7, 7, 4)],
    columns=["trained", "evaluated", "class", "predicted", "count"],
)


def test_accuracy_of_each_class_by_hand():
    found = per_class_accuracy(COUNTS)
    assert list(found.itertuples(index=False, name=None)) == [
        (0, 0, 7, 4, 0.75),
        (1, 0, 7, 4, 0.0),
        (1, 1, 5, 2, 1.0),
        (1, 1, 7, 4, 1.0),
    ]
    over_all = per_class_accuracy(COUNTS[COUNTS["trained"] == 1].drop(columns=["trained", "evaluated"]))
    assert list(over_all.itertuples(index=False, name=None)) == [(7, 8, 0.5), (5, 2, 1.0)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("trained,evaluated\n0,0\n", "must have the columns trained, evaluated, class, predicted, count"),
        ("trained,evaluated,class,predicted,count\n0,0,1,1,0.5\n", "must hold whole numbers"),
        ("", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, reason):
    folder = ResultFolder(tmp_path)
    folder.run_path("r").mkdir(parents=True)
    assert read_confusion(folder.run_path("r")) is None
    (folder.run_path("r") / "confusion.csv").write_text(content)
    with pytest.raises(UserError, match=rf"confusion.csv: {reason}"):
        read_confusion(folder.run_path("r"))


NAMES = {"class_order": [7, 5], "class_names": ["seven", "five"], "sha256": "00"}
ENTRIES = [(0, 0, 0.75), (1, 0, 0.5), (1, 1, 1.0)]
WORSE = [(0, 0, 0.75), (1, 0, 0.0), (1, 1, 1.0)]
"""By seed: the images of 7 belong to experience 0, those of 5 to experience 1."""


def by_hand(path, **parts):
    """Two rules and two seeds; under seed 0 two of the four images of class 7 are taken for a 5, under seed 1 all."""
    folder = make(
        path, {**TWO, "evaluation": {"confusion": True}}, lambda labels, seed: (ENTRIES, WORSE)[seed], **parts
    )
    for row in collect(folder).runs.to_dict("records"):
        end = ["1,0,7,7,2", "1,0,7,5,2"] if row["seed"] == 0 else ["1,0,7,5,4"]
        counted_by_hand(folder, row["run"], ["0,0,7,7,3", "0,0,7,5,1", *end, "1,1,5,5,2"])
    return folder


def counted_by_hand(folder, run, lines):
    text = "\n".join(["trained,evaluated,class,predicted,count", *lines, ""])
    (folder.run_path(run) / "confusion.csv").write_text(text)


def test_the_report_by_hand(tmp_path):
    results = collect(folder := by_hand(tmp_path, data=NAMES))
    found = collect_confusion(folder, results)
    assert not found.problems
    of_sam = found.classes[found.classes["rule"] == "sam"]
    assert of_sam[["seed", "class", "class_name", "experience", "images", "accuracy"]].to_numpy().tolist() == [
        [0, 7, "seven", 0, 4, 0.5],
        [0, 5, "five", 1, 2, 1.0],
        [1, 7, "seven", 0, 4, 0.0],
        [1, 5, "five", 1, 2, 1.0],
    ]
    (block,) = collect_classes(results, found).blocks
    assert [column.title for column in block.table.columns] == ["class", "experience", "plain SGD", "SAM"]
    assert [[cell.text for cell in row] for row in block.table.rows] == [
        ["seven (7)", "0", "25.0", "25.0"],
        ["five (5)", "1", "100.0", "100.0"],
    ]
    assert [[cell.deviation for cell in row[2:]] for row in block.table.rows] == [["35.4", "35.4"], ["0.0", "0.0"]]
    matrices = confusion_matrices(found.frame, [7, 5])
    np.testing.assert_array_equal(matrices["sam"], [[0.25, 0.75], [0, 1]])


def test_files_of_the_report(tmp_path):
    folder = by_hand(tmp_path, data=NAMES)
    write_report(folder)
    table = folder.read_table("class_accuracy")
    assert list(table.columns) == CLASS_COLUMNS
    assert table["class_name"].tolist() == ["seven", "five"] * 4
    columns = folder.read_table("columns")
    defined = columns[columns["file"] == "class_accuracy.csv"]
    assert defined["column"].tolist() == CLASS_COLUMNS
    assert not defined["definition"].str.contains("not a column").any()
    page = folder.report_path.read_text()
    assert '<h2 id="classes">Classes</h2>' in page
    mean = '<td data-sort="0.25">25.0 <span class="sd">± 35.4</span></td>'
    assert f'<th scope="row">seven (7)</th><td data-sort="0">0</td>{mean}' in page
    assert 'data-chart="confusion-matrix--split-digits--naive--sgd"' in page


def test_classes_met_in_other_orders_and_places(tmp_path):
    """Seed 1 meets class 5 first; where two experiences hold a class, none alone does."""
    folder = by_hand(tmp_path)
    for row in collect(folder).runs.query("seed == 1").to_dict("records"):
        lines = ["0,0,5,5,3", "0,0,5,7,1", "1,0,5,7,4", "1,1,7,7,2"] if row["rule"] == "none" else ["1,0,7,5,1"]
        counted_by_hand(folder, row["run"], lines)
    results = collect(folder)
    found = collect_confusion(folder, results)
    assert len(found.problems) == 1
    assert found.problems[0].endswith("they are damaged (they contradict its accuracy matrix)")
    (block,) = collect_classes(results, found).blocks
    assert [[cell.text for cell in row] for row in block.table.rows] == [["5", "50.0", "100.0"], ["7", "75.0", "50.0"]]
    assert [[cell.value for cell in row[1:]] for row in block.table.rows] == [[0.5, 1.0], [0.75, 0.5]]
    write_report(folder)
    (head,) = re.findall(r"<tr><th scope=.col. class=.label.>class</th>.*</tr>", folder.report_path.read_text())
    assert "experience" not in head


def test_a_class_in_several_experiences_belongs_to_none():
    found = class_accuracies(np.array([(0, 7, 7, 3), (0, 5, 5, 2), (1, 7, 5, 1)]), {7: "seven"})
    assert found["class"].tolist() == [7, 5]
    assert found["class_name"].tolist() == ["seven", "5"]
    assert found["experience"].tolist() == [-1, 0]
    assert found["accuracy"].tolist() == [0.75, 1.0]


def test_zeros_of_many_classes_are_not_repeated():
    labels, R = [str(label) for label in range(100)], np.eye(100)
    R[7] = np.nan
    meaning = Meaning("predicted as", "class", "fraction", labels, sparse=True)
    chart = squares("many", "Many", "", {"none": R}, meaning, "sgd")
    found = {(row["i"], row.get("j")): row.get("value") for row in chart.data["many"]}
    assert found == {("7", None): None} | {(label, label): 1.0 for label in labels if label != "7"}
    assert chart.spec["spec"]["view"]["fill"] == "#f7fbff"  # the colour of 0
    assert chart.spec["spec"]["layer"][1]["encoding"].keys() == {"y"}  # a grey row
