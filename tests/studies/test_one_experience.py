"""A stream of one experience is ordinary training: forgetting is undefined, and nothing fails."""

import numpy as np
import pytest

from lifelong_lb import load_results, run_study
from lifelong_lb.evaluation import explain

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


@pytest.mark.slow
def test_ordinary_training_from_study_file_to_report(tmp_path):
    study = {
        "streams": [
            {"name": "split-digits", "experiences": 1, "label": "task"},
            {"name": "split-digits", "experiences": 1, "scenario": "class-incremental", "label": "class"},
            {"name": "permuted-digits", "experiences": 1, "label": "permuted"},
        ],
        "model": {"name": "mlp", "hidden": [32]},
        "train": {"epochs": 1, "batch_size": 32},
        "strategies": ["naive", "joint"],
        "rules": ["none", "sam"],
        "evaluation": {"experiences": "all"},
    }
    run_study(study, tmp_path, executor="in-process")
    runs, accuracy = load_results(tmp_path)
    assert set(runs["status"]) == {"done"}
    assert len(runs) == len(accuracy) == 3 * 2 * 2
    assert runs["average_accuracy"].min() > 0.6
    assert (runs["average_accuracy"] == runs["learning_accuracy"]).all()
    assert runs[["forgetting", "forgetting_last_row_included", "backward_transfer"]].isna().all(axis=None)
    for stream in ("task", "class"):  # the same images in the same order, in both scenarios
        same = runs[(runs["stream"] == stream) & (runs["rule"] == "sam")]["average_accuracy"]
        assert same.nunique() == 1
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert "nan" not in (tmp_path / "summary.md").read_text().lower()


@pytest.mark.parametrize("metric", ["forgetting", "forgetting_last_row_included", "backward_transfer"])
def test_there_is_a_reason(metric):
    assert "experience" in explain(metric, np.array([[0.9]]))
