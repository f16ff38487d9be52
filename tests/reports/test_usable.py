"""What is damaged or not comparable is named, left out of every mean, and said in the report."""

import json

import pytest
from reports.folders import CONFIG, TWO, make, two_experiences, wave, write

from lifelong_lb.reports import summary_text, write_report
from lifelong_lb.reports.results import collect


def runs_of(folder):
    return list(folder.read_study().labels())


def change(folder, run, name, **values):
    path = folder.run_path(run) / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path, {**TWO, "seeds": 4}, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f, run: (f.run_path(run) / "result.json").unlink(), "no result.json"),
        (lambda f, run: (f.run_path(run) / "result.json").write_text("[]"), "not a mapping"),
        (lambda f, run: (f.run_path(run) / "accuracy.csv").unlink(), "No such file"),
        (lambda f, run: (f.run_path(run) / "accuracy.csv").write_text("trained,evaluated\n1,2\n"), "accuracy"),
        (lambda f, run: (f.run_path(run) / "config.json").write_bytes(b"\xff\xfe"), "decode"),
        (lambda f, run: change(f, run, "result.json", status="finished"), "status"),
        (lambda f, run: change(f, run, "result.json", experiences=3), "after the last experience are missing"),
        (lambda f, run: change(f, run, "result.json", initial_accuracy=[0.1]), "1 initial accuracies, not 2"),
        (lambda f, run: change(f, run, "config.json", seed=7), "it holds a run with seed 7, not 0"),
        (
            lambda f, run: change(f, run, "config.json", stream={"name": "split-digits", "experiences": 5}),
            "it holds 2 experiences, not 5",
        ),
    ],
)
def test_one_run_is_named_and_left_out(folder, damage, reason):
    first = runs_of(folder)[0]
    damage(folder, first)
    results = write_report(folder)
    (problem,) = results.problems
    assert problem.startswith(f"run {first}: left out, its folder is damaged (")
    assert reason in problem
    assert (len(results.runs), results.missing) == (7, 1)
    assert first not in set(results.accuracy["run"])
    assert folder.read_table("summary")["seeds"].tolist() == [3, 4]
    assert first in (folder.path / "report.html").read_text()
    assert first in summary_text(results)


def test_many_with_the_same_trouble_take_one_line(folder):
    for run in runs_of(folder)[:5]:
        change(folder, run, "config.json", stream={})
    (problem,) = collect(folder).problems
    assert problem.startswith("5 runs left out, their folders are damaged (")
    assert problem.endswith(f"its configuration names no stream): {', '.join(runs_of(folder)[:3])} and 2 more")


def test_runs_that_saw_other_images_are_left_out(folder):
    last, other = runs_of(folder)[-1], runs_of(folder)[-2]
    for run in (last, other):
        change(folder, run, "result.json", data={"sha256": "11"})
    results = collect(folder)
    assert list(results.problems) == [
        "split-digits: 2 runs saw other images than the rest and cannot be compared with them: "
        f"left out ({other}, {last})"
    ]
    assert len(results.runs) == 6
    assert results.missing == 2


def test_further_keys_of_a_later_version_do_no_harm(folder):
    for run in runs_of(folder):
        change(folder, run, "result.json", colour="blue")
        change(folder, run, "config.json", **CONFIG, later={"x": 1})
    results = collect(folder)
    assert len(results.runs) == 8
    assert list(results.problems) == []


def test_runs_of_an_earlier_version_lack_what_came_later(folder):
    for run in runs_of(folder):
        path = folder.run_path(run) / "result.json"
        stored = json.loads(path.read_text())
        for key in ("samples_seen", "parameters", "peak_memory"):
            del stored[key]
        path.write_text(json.dumps(stored))
    write_report(folder)
    assert folder.read_table("results")["samples_seen"].isna().all()
    assert len(collect(folder).runs) == 8


def test_folders_and_files_that_do_not_belong_are_ignored(folder):
    (folder.runs_path / "strange").mkdir()
    (folder.runs_path / "notes.txt").write_text("x")
    write(folder, "ffffffffffff", wave(2), 2)
    results = collect(folder)
    assert len(results.runs) == 8
    assert list(results.problems) == []
