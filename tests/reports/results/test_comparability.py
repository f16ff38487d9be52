"""Damaged or incomparable runs are left out of every mean and reported."""

import json
import shutil

import pytest
from reports.folders import TWO, make, two_experiences, wave, write

from lifelong_lb.reports import summary_text, write_report
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.summary import state_sentence
from lifelong_lb.store import folder_status


def runs_of(folder):
    return list(folder.read_study().labels())


def change(folder, run, name, **values):
    path = folder.run_path(run) / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def lines(folder, run, changed):
    """Change the lines of a run's accuracies."""
    path = folder.run_path(run) / "accuracy.csv"
    path.write_text("\n".join(changed(path.read_text().splitlines())) + "\n")


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path, {**TWO, "seeds": 4}, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f, run: (f.run_path(run) / "result.json").unlink(), "no result.json"),
        (lambda f, run: (f.run_path(run) / "result.json").write_text("[]"), "not a mapping"),
        (lambda f, run: (f.run_path(run) / "accuracy.csv").unlink(), "No such file"),
        (lambda f, run: (f.run_path(run) / "accuracy.csv").write_text("trained,evaluated\n1,2\n"), "accuracy"),
        (lambda f, run: (f.run_path(run) / "config.json").write_bytes(b"\xff\xfe"), "decode"),
        (lambda f, run: lines(f, run, lambda rows: [rows[0], *rows[2:]]), "experience 0 after experience 0 is missing"),
        (
            lambda f, run: lines(f, run, lambda rows: [*rows, "0,0,0.1"]),
            "experience 0 after experience 0 occurs 2 times",
        ),
        (
            lambda f, run: lines(f, run, lambda rows: [*rows, "0,1,0.1"]),
            "experience 1 after experience 0 is unexpected",
        ),
        (lambda f, run: change(f, run, "result.json", gradient_evaluations=1e300), "gradient_evaluations"),
        (lambda f, run: change(f, run, "result.json", train_seconds=float("nan")), "train_seconds cannot be nan"),
        (lambda f, run: change(f, run, "result.json", data={"class_order": 5}), "class_order of its data"),
        (lambda f, run: change(f, run, "environment.json", extensions=5), "extensions of its environment"),
        (lambda f, run: change(f, run, "result.json", status="finished"), "status: input should be 'done'"),
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
    assert results.left_out == {first}
    assert "7 of 8 runs done (1 left out)." in summary_text(results)
    assert first not in set(results.accuracy["run"])
    assert folder.read_table("summary")["seeds"].tolist() == [3, 4]
    assert first in (folder.path / "report.html").read_text()
    assert first in summary_text(results)


WHOLE = {
    "seen": [(0, 0), (1, 0), (1, 1)],
    "all": [(0, 0), (0, 1), (1, 0), (1, 1)],
    "joint": [(1, 0), (1, 1)],
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("given", WHOLE)
def test_the_entries_that_were_asked_for_and_no_others(tmp_path, kind, given):
    experiences = "seen" if kind == "joint" else kind
    raw = {**TWO, "strategies": "joint" if kind == "joint" else "naive", "evaluation": {"experiences": experiences}}
    folder = make(tmp_path, raw, lambda labels, seed: [(i, j, 0.5) for i, j in WHOLE[given]])
    results = collect(folder)
    assert len(results.runs) == (4 if given == kind else 0)
    assert bool(results.problems) == (given != kind)


@pytest.mark.parametrize(
    "axis", [{"rules": ["none", "sam"]}, {"optimizers": [{"name": "sgd", "lr": r} for r in (1, 2)]}]
)
def test_the_record_of_another_run_is_left_out(tmp_path, axis):
    folder = make(tmp_path, {**TWO, "rules": "none", "seeds": 1, **axis}, lambda labels, seed: wave(2))
    first, second = runs_of(folder)
    shutil.copytree(folder.run_path(first), folder.run_path(second), dirs_exist_ok=True)
    results = collect(folder)
    assert results.runs["run"].tolist() == [first]
    assert results.left_out == {second}
    (problem,) = results.problems
    assert problem.startswith(f"run {second}: left out, its folder is damaged (")
    assert "it holds another run: " in problem
    found = folder_status(folder)
    assert (found.counts, len(found.troubles)) == ({"done": 1, "missing": 1}, 1)


def test_runs_that_an_earlier_version_has_named_are_known_by_their_place(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: wave(2))
    first, _, _, last = runs_of(folder)
    text = folder.study_path.read_text().replace(first, "0" * 12).replace(last, "1" * 12)
    folder.study_path.write_text(text)
    folder.run_path(first).rename(folder.run_path("0" * 12))
    folder.run_path(last).rename(folder.run_path("1" * 12))
    assert len(collect(folder).runs) == 4
    rule = json.loads((folder.run_path("1" * 12) / "config.json").read_text())["rule"]
    change(folder, "1" * 12, "config.json", rule={**rule, "rho": 3})
    (problem,) = collect(folder).problems
    assert "it holds another run: rule.rho is 3, not 0.05" in problem


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
        f"split-digits: 2 runs left out, not comparable with the others (different images): {other}, {last}"
    ]
    assert len(results.runs) == 6
    assert results.missing == 2


def test_further_keys_of_a_later_version_do_no_harm(folder):
    for run in runs_of(folder):
        change(folder, run, "result.json", colour="blue")
        model = json.loads((folder.run_path(run) / "config.json").read_text())["model"]
        change(folder, run, "config.json", model={**model, "later": 2}, later={"x": 1})
    results = collect(folder)
    assert len(results.runs) == 8
    assert list(results.problems) == []


def test_runs_of_an_earlier_version_lack_what_came_later(folder):
    for run in runs_of(folder):
        path = folder.run_path(run) / "result.json"
        stored = json.loads(path.read_text())
        for key in ("samples_seen", "forward_passes", "parameters", "peak_memory"):
            del stored[key]
        path.write_text(json.dumps(stored))
    write_report(folder)
    results = folder.read_table("results")
    assert len(results) == 8
    assert results[["samples_seen", "forward_passes"]].isna().all(axis=None)
    assert len(collect(folder).runs) == 8


def test_folders_and_files_that_do_not_belong_are_ignored(folder):
    (folder.runs_path / "strange").mkdir()
    (folder.runs_path / "notes.txt").write_text("x")
    write(folder, "ffffffffffff", wave(2), 2)
    results = collect(folder)
    assert len(results.runs) == 8
    assert list(results.problems) == []


SAME = {"sha256": "00", "class_order": [1, 0], "arrangement": "ab"}
OTHER = {"sha256": "00", "class_order": [0, 1], "arrangement": "cd"}


def recorded(tmp_path, *data, **stream):
    """Ids and problems of a folder of four runs, two rules with two seeds each, with the given stream records."""
    study = {**TWO, "streams": [{**TWO["streams"][0], **stream}]}
    folder = make(tmp_path, study, lambda labels, seed: None)
    for (run, seed), part in zip(folder.read_study().seeds().items(), data, strict=True):
        write(folder, run, wave(2), 2, data=part, config={"seed": seed})
    return runs_of(folder), list(collect(folder).problems)


def test_other_orders_are_left_out_where_the_seed_is_the_same(tmp_path):
    assert recorded(tmp_path / "same", SAME, OTHER, SAME, OTHER)[1] == []  # another seed, another order
    runs, problems = recorded(tmp_path / "orders", SAME, SAME, OTHER, SAME)
    assert problems == [
        f"split-digits: 1 run left out, not comparable with the others (different class order): {runs[2]}"
    ]
    runs, problems = recorded(tmp_path / "angles", *[{"angles": [0, 1]}] * 2, *[{"angles": [0, 2]}] * 2)
    assert problems == [
        "split-digits: 2 runs left out, not comparable with the others (different rotation angles): "
        f"{runs[2]}, {runs[3]}"
    ]


def test_older_runs_are_compared_in_what_they_have_recorded(tmp_path):
    older = {"sha256": "00", "class_order": [0, 1]}
    assert recorded(tmp_path / "same", older, {}, OTHER, SAME)[1] == []
    assert len(recorded(tmp_path / "other", older, {}, SAME, SAME)[1]) == 1


def test_accuracies_of_a_validation_part_are_announced(tmp_path):
    assert recorded(tmp_path, *[SAME] * 4, validation=0.1, evaluate="validation")[1] == [
        "accuracies of split-digits were measured on a validation part, held out from its training part"
    ]


def test_what_was_left_out_is_not_called_not_run_yet(tmp_path):
    folder = make(tmp_path, {**TWO, "seeds": 3}, lambda labels, seed: wave(2, seed) if seed else None)
    change(folder, runs_of(folder)[1], "result.json", status="finished")
    assert state_sentence(collect(folder)) == "3 of 6 runs done (1 left out, 2 not run yet)."
