"""Several folders as one: what is the same stays the same, and no folder is written over."""

import pytest
from reports.folders import CONFIG, TWO, make, two_experiences
from tiny import command

from lifelong_lb.reports import collect_all, write_tables
from lifelong_lb.reports.results import collect


def alike(labels, seed):
    return two_experiences(0.9, 0.8, 0.5)


@pytest.mark.parametrize(
    ("norm", "streams"),
    [("none", 1), ("batch", 2)],  # what small-cnn had before it could be chosen, and something else
)
def test_a_norm_that_was_not_written_yet_is_known(tmp_path, norm, streams):
    before, later = {"name": "small-cnn"}, {"name": "small-cnn", "norm": norm}
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, alike, config={**CONFIG, "model": before})
    second = make(tmp_path / "b", {**TWO, "rules": "sam"}, alike, config={**CONFIG, "model": later})
    assert collect_all([first, second]).runs["stream"].nunique() == streams


def test_a_joint_report_goes_into_none_of_the_folders(tmp_path):
    for name in ("a", "b"):
        folder = make(tmp_path / name, TWO, alike)
        write_tables(folder, collect(folder))
        folder.runs_path.rename(tmp_path / f"runs of {name}")
    (tmp_path / "a" / "study.json").unlink()
    before = (tmp_path / "a" / "results.csv").read_bytes()
    for out in (tmp_path / "a", tmp_path / "b" / ".." / "a"):
        done = command("report", "a", "b", "--out", out, cwd=tmp_path)
        assert done.returncode == 2
        assert "a joint report needs another folder" in done.stderr
    make(tmp_path / "c", TWO, lambda labels, seed: None)
    assert "holds runs of its own" in command("report", "a", "b", "--out", "c", cwd=tmp_path).stderr
    assert (tmp_path / "a" / "results.csv").read_bytes() == before
