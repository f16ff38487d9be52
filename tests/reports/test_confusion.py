"""Confusion counts of a study: asked for, recorded, read back, and turned into accuracies of classes."""

import pandas as pd
import pytest

import lifelong_lb
from lifelong_lb.config import UserError
from lifelong_lb.reports import load_results, per_class_accuracy
from lifelong_lb.store import ResultFolder

ORDER = [7, 3, 5, 1, 0, 2, 9, 4, 8, 6]
STUDY = {
    "streams": {"name": "split-digits", "experiences": 5, "scenario": "class-incremental", "class_order": ORDER},
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 100},
    "optimizers": {"name": "sgd", "lr": 0.5},
    "strategies": ["naive", "joint"],
    "rules": ["none", "sam"],
    "seeds": 2,
}
COUNTED = {**STUDY, "evaluation": {"confusion": True}}
ONE = {"strategies": "naive", "rules": "none", "seeds": 1}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    out = tmp_path_factory.mktemp("counted")
    lifelong_lb.run_study(COUNTED, out, executor="in-process")
    return out


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
    for experience, rows in frame.groupby("evaluated"):
        assert set(rows["class"]) == set(ORDER[2 * experience : 2 * experience + 2])
    seen = frame[frame["strategy"] == "naive"]
    for experience, rows in seen.groupby("trained"):  # plain SGD says what it has learnt last
        assert set(rows["predicted"]) <= set(ORDER[: 2 * experience + 2])


def test_numbers_are_those_of_a_run_without_counts(counted, tmp_path):
    lifelong_lb.run_study({**STUDY, **ONE}, tmp_path, executor="in-process")
    plain, with_counts = load_results(tmp_path)[1], load_results(counted)[1]
    same = with_counts.query("strategy == 'naive' and rule == 'none' and seed == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(plain.drop(columns="run"), same.drop(columns="run"), check_exact=True)
    assert not set(plain["run"]) & set(with_counts["run"])
    assert not (tmp_path / "class_accuracy.csv").exists()
    with pytest.raises(UserError, match=r"no confusion counts here; .* evaluation: .confusion: true."):
        lifelong_lb.load_confusion(tmp_path)
    with pytest.raises(UserError, match="no results here"):
        lifelong_lb.load_confusion(tmp_path / "none")


def test_what_predictions_lie_within(tmp_path):
    split, permuted = (
        {**STUDY["streams"], "scenario": "task-incremental"},
        {"name": "permuted-digits", "experiences": 2},
    )
    raw = {**COUNTED, **ONE, "streams": [split, permuted]}
    lifelong_lb.run_study(raw, tmp_path, executor="in-process")
    frame = lifelong_lb.load_confusion(tmp_path)
    for experience, rows in frame[frame["stream"] == "split-digits"].groupby("evaluated"):
        assert set(rows["class"]) == set(ORDER[2 * experience : 2 * experience + 2])
        assert set(rows["predicted"]) <= set(rows["class"])
    for _, rows in frame[frame["stream"] == "permuted-digits"].groupby("evaluated"):
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
    assert folder.read_confusion("r") is None
    (folder.run_path("r") / "confusion.csv").write_text(content)
    with pytest.raises(UserError, match=rf"confusion.csv: {reason}"):
        folder.read_confusion("r")
