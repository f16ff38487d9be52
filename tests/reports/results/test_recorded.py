"""Tables that each run has recorded: a damaged one is left out with a warning, and the others are read."""

import pytest
from reports.folders import TWO, make, two_experiences

import lifelong_lb
from lifelong_lb.config import UserError
from lifelong_lb.reports import load_confusion, load_continual, load_diagnostics, load_results, write_report

CONTENT = {
    "continual": "iteration,experience,evaluated,accuracy\n5,0,0,0.5\n9,1,0,0.5\n9,1,1,0.5\n",
    "confusion": "trained,evaluated,class,predicted,count\n0,0,1,1,2\n",
    "diagnostics": "step,experience,iteration,pass,loss\n0,0,0,0,1.5\n",
}
LOAD = {"continual": load_continual, "confusion": load_confusion, "diagnostics": load_diagnostics}


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "out", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))


@pytest.mark.parametrize("name", LOAD)
@pytest.mark.parametrize("damage", ["", "[" * 1000, "run,seed\n1,2\n", "a,a\n1,2\n", "=1+1\n2\n", '"\x1b[2J"\n1\n'])
def test_one_damaged_table_does_not_hide_the_others(folder, name, damage):
    runs = list(folder.read_study().labels())
    for run in runs:
        (folder.run_path(run) / f"{name}.csv").write_text(CONTENT[name])
    (folder.run_path(runs[1]) / f"{name}.csv").write_text(damage)
    with pytest.warns(UserWarning, match=f"run left out: .*{runs[1]}/{name}.csv: "):
        frame = LOAD[name](folder.path)
    assert set(frame["run"]) == {run for run in runs if run != runs[1]}
    assert list(frame.columns[:6]) == ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
    for run in runs:
        (folder.run_path(run) / f"{name}.csv").write_text(damage)
    with pytest.raises(UserError, match=f"{name}.csv: "):
        LOAD[name](folder.path)


def test_columns_named_as_those_of_runs_do_not_stop_a_report(folder):
    for run in folder.read_study().labels():
        (folder.run_path(run) / "diagnostics.csv").write_text("run,loss\n1,2\n")
    write_report(folder, parquet=True)
    assert (folder.path / "results.parquet").exists()
    assert not (folder.path / "diagnostics.parquet").exists()


def test_a_run_that_cannot_be_read_is_named_when_results_are_loaded(folder):
    runs = list(folder.read_study().labels())
    (folder.run_path(runs[0]) / "accuracy.csv").write_text("trained,evaluated,accuracy\n0,0,7\n")
    with pytest.warns(UserWarning, match=runs[0]):
        frame, _ = load_results(folder.path)
    assert set(frame["run"]) == set(runs[1:])
    with pytest.warns(UserWarning, match=runs[0]):
        lifelong_lb.pivot(load_results(folder.path))
