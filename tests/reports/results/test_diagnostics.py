"""Diagnostics of a study: recorded, and read back as one frame."""

import pytest

import lifelong_lb
from lifelong_lb.config import UserError

STUDY = {
    "streams": {"name": "split-digits", "experiences": 2},
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 100},
    "rules": ["none", {"name": "lookbehind-sam", "k": 2, "alpha": "adaptive"}],
    "seeds": 2,
}


def test_a_frame_of_all_runs(tmp_path):
    study = {**STUDY, "evaluation": {"diagnostics_every": 3}}
    lifelong_lb.run_study(study, tmp_path / "out", executor="in-process")
    frame = lifelong_lb.load_diagnostics(tmp_path / "out")
    results, _ = lifelong_lb.load_results(tmp_path / "out")
    assert list(frame.columns[:10]) == [
        *("run", "stream", "strategy", "rule", "base_optimizer", "seed", "step", "experience", "iteration", "pass")
    ]
    assert set(frame["run"]) == set(results["run"])
    assert frame["run"].nunique() == 4
    assert set(frame["step"]) == set(range(0, frame["step"].max() + 1, 3))
    for (rule, _), run in frame.groupby(["rule", "seed"]):
        assert run.groupby("step").size().eq(1 if rule == "none" else 3).all()
        assert run["alpha"].isna().all() if rule == "none" else run["alpha"].between(0, 1).all()
        assert set(run["experience"]) == {0, 1}
    assert (frame["loss"] > 0).all()


def test_without_asking_there_are_none(tmp_path):
    lifelong_lb.run_study({**STUDY, "rules": "none", "seeds": 1}, tmp_path / "out", executor="in-process")
    with pytest.raises(
        UserError, match=r"no diagnostics here; a study records them with evaluation: \{diagnostics_every"
    ):
        lifelong_lb.load_diagnostics(tmp_path / "out")
    with pytest.raises(UserError, match="no results here"):
        lifelong_lb.load_diagnostics(tmp_path)
