"""Untrusted result folders: unusable parts are left out with a reason, the rest is reported."""

import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
import tracemalloc
from contextlib import contextmanager

import pytest
from helpers import hostile_folders as hostile

import lifelong_lb
from lifelong_lb.cli import main
from lifelong_lb.config import UserError
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.results.landscape import collect_landscape
from lifelong_lb.reports.results.recorded import collect_confusion
from lifelong_lb.store import ResultFolder, folder_status

COUNTED = {"config.json", "environment.json", "result.json", "accuracy.csv"}
"""Files without which a run does not count."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return hostile.make_base(tmp_path_factory.mktemp("hostile") / "base")


@pytest.fixture
def out(base, tmp_path):
    shutil.copytree(base.path, tmp_path / "out", symlinks=True)
    return tmp_path / "out"


@contextmanager
def at_most(seconds):
    """Fail instead of hanging, as on a pipe."""

    def stop(*_):
        pytest.fail(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def all_of(out):
    """All that a report reads, and the status."""
    folder = ResultFolder(out)
    with at_most(30):
        results = collect(folder)
        counted, measured = collect_confusion(folder, results), collect_landscape(folder, results)
        status = folder_status(folder)
    return results, [*results.problems, *counted.problems, *measured.problems, *measured.gaps], status


def accuracies(results):
    done = results.runs[results.runs["status"] == "done"]
    return dict(zip(done["run"], done["average_accuracy"], strict=True))


def test_the_folder_is_valid(base):
    results, problems, status = all_of(base.path)
    assert (problems, status.counts) == ([], {"done": 4, "failed": 1, "running": 1})
    assert set(accuracies(results)) == set(base.done)
    assert set(results.during) == set(base.done)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*hostile.RUN_FILES, *hostile.OTHER_FILES[1:]])
def test_one_bad_file_leaves_out_no_other_run(base, tmp_path, name):
    """Accuracies of the run must be unchanged or absent; benchmarks/reliability/ tries all mutations."""
    expected = accuracies(collect(ResultFolder(base.path)))
    chosen = random.Random(name).sample(hostile.mutations_of(name), 6)
    for number, (mutation, mutate) in enumerate(chosen):
        out, draw = tmp_path / str(number), random.Random(f"{name} {mutation}")
        shutil.copytree(base.path, out, symlinks=True)
        run = draw.choice(base.done)
        what = f"{mutation}: {mutate(hostile.path_of(base, out, name, run), draw)}"
        results, problems, status = all_of(out)
        lost = set(expected) - set(accuracies(results))
        assert lost <= ({run} if name in COUNTED else set()), what
        assert accuracies(results) == {other: expected[other] for other in expected if other not in lost}, what
        assert not lost or any(run in problem for problem in problems), what
        assert status.counts["done"] == len(expected) - len(lost), what
        assert len(status.troubles) == 1 + len(lost) or name == "traceback.txt", what
        for sentence in (*problems, *status.troubles, *status.running):
            assert "\n" not in sentence, what
            assert len(sentence) < 1500, what
        shutil.rmtree(out)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("mutate", [hostile.mutate_value, hostile.mutate_key], ids=["value", "key"])
def test_odd_values_of_a_result(base, tmp_path, mutate, seed):
    """The run is left out if they are refused, and its numbers are unchanged otherwise."""
    draw = random.Random(seed)
    for number, name in enumerate(["result.json", "result.json", "result.json", "config.json", "landscape.json"]):
        out, run = tmp_path / str(number), draw.choice(base.done)
        shutil.copytree(base.path, out, symlinks=True)
        what = mutate(out / "runs" / run / name, draw)
        results, problems, _ = all_of(out)
        assert set(base.done) - set(accuracies(results)) <= {run}, what
        assert run in accuracies(results) or any(run in problem for problem in problems), what


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutation", [name for name in hostile.FOLDER_MUTATIONS if "100,000" not in name and "of the place" not in name]
)
def test_a_folder_with_odd_places_runs_and_claims(base, out, mutation):
    run = base.done[0]
    hostile.FOLDER_MUTATIONS[mutation](base, out, run, random.Random(0))
    if mutation.startswith(("runs is", "seeds is")):
        for read in (collect, folder_status):
            try:
                with at_most(30):
                    read(ResultFolder(out))
            except UserError as error:
                assert len(str(error)) < 1000  # noqa: PT017
        return
    results, problems, status = all_of(out)
    assert set(base.done) - set(accuracies(results)) <= {run}
    assert run in accuracies(results) or any(run in problem or "left out" in problem for problem in problems)
    claimed = status.counts["running"] - (status.counts["running"] > 0)
    assert status.counts["done"] + claimed == len(accuracies(results))
    for sentence in (*problems, *status.troubles, *status.running):
        assert len(sentence) < 1500


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run": "../../etc/passwd"}, "a run id has 12 hexadecimal digits; got '../../etc/passwd'"),
        ({"rules": 7}, "it refers to rules[7], which does not exist; the number of rules is 2"),
        ({"seed": 2**40}, f"seed cannot be {2**40}: it must be a whole number from 0 to {2**32 - 1}"),
        ({"seed": True}, "seed cannot be True"),
        ({"streams": "0"}, "streams cannot be '0'"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(base, out, change, reason):
    raw = json.loads((out / "study.json").read_text())
    raw["runs"][0].update(change)
    (out / "study.json").write_text(json.dumps(raw))
    results, problems, status = all_of(out)
    assert problems[0].startswith(f"study.json: runs[0]: left out, {reason}")
    assert status.troubles[0] == problems[0]
    assert status.counts["missing"] == 1
    assert results.missing == 2  # and the one in progress
    assert len(accuracies(results)) >= 3


def test_two_runs_at_one_place_of_the_grid(base, out):
    """The run with the id of this version counts, regardless of the order."""
    raw = json.loads((out / "study.json").read_text())
    run = raw["runs"][0]["run"]
    raw["runs"].insert(0, {**raw["runs"][0], "run": "0" * 12})
    raw["runs"].append({**raw["runs"][0], "run": "1" * 12})
    (out / "study.json").write_text(json.dumps(raw))
    results, problems, _ = all_of(out)
    assert set(accuracies(results)) == set(base.done)
    assert problems == [
        f"study.json: run {other * 12}: left out, run {run} has the same place in the grid" for other in "01"
    ]


def test_what_a_study_lists_is_read_in_linear_time(base, out):
    """A grid of 2 x 10^8 places with six runs: the others are never enumerated."""
    raw = json.loads((out / "study.json").read_text())
    study = raw["study"]
    study["seeds"] = list(range(50_000))
    study["rules"] += [{"name": "sam", "rho": n / 1000, "label": f"rule {n}"} for n in range(1, 50)]
    study["strategies"] += [{"name": "replay", "mem_size": 20 + n, "label": f"replay {n}"} for n in range(80)]
    (out / "study.json").write_text(json.dumps(raw))
    begun = time.monotonic()
    assert ResultFolder(out).read_study().expected_config(base.done[0])["seed"] in (0, 1)
    assert len(ResultFolder(out).read_study().configurations()) == 6
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("T", [1000, 3000, 10**6, 10**30])
def test_a_run_of_many_experiences_takes_neither_time_nor_memory(base, out, T):
    """Checks are linear in the size of the files, and only valid entries become an accuracy matrix."""
    run = base.done[0]
    hostile._result(experiences=T)(base, out, run, random.Random(0))
    rows = "".join(f"{T - 1},{j},0.5\n" for j in range(min(T, 3000)))
    (out / "runs" / run / "accuracy.csv").write_text("trained,evaluated,accuracy\n" + rows)
    begun = time.monotonic()
    tracemalloc.start()
    try:
        results, problems, _ = all_of(out)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begun < 15
    assert set(accuracies(results)) == set(base.done[1:])
    assert problems[0].startswith(f"run {run}: left out, its folder is damaged (")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("train_seconds", "1e400", "train_seconds cannot be inf: it must be a number from 0 to"),
        ("train_seconds", "true", "train_seconds cannot be True"),
        ("gradient_evaluations", "1e300", "gradient_evaluations cannot be 1e+300: it must be a whole number from 0 to"),
        ("samples_seen", '"3"', "samples_seen cannot be '3'"),
        ("forward_passes", "-1", "forward_passes cannot be -1"),
        ("peak_memory", "9" * 4000, "peak_memory cannot be a whole number of 4000 digits"),
        ("experiences", "Infinity", "experiences cannot be inf"),
        ("initial_accuracy", "[NaN]", "an initial accuracy cannot be nan"),
        ("initial_accuracy", "[" + "0," * 2000 + "0]", "initial_accuracy must be a list of at most 1000"),
        ("data", "[" * 200_000, "result.json cannot be decoded: nested deeper than 40 levels"),
        ("data", '{"class_order": [true]}', "an item of class_order cannot be True"),
    ],
)
def test_the_reason_is_given(base, out, name, text, reason):
    run = base.done[0]
    path = out / "runs" / run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: "here"}).replace('"here"', text))
    _, problems, _ = all_of(out)
    assert reason in problems[0]
    assert len(problems[0]) < 500


def test_a_surrogate_in_a_message_can_be_written_and_printed(base, out, monkeypatch, capsys):
    path = out / "runs" / base.failed / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "message": "caf\udce9"}))
    assert path.read_text().count("\\udce9") == 1
    monkeypatch.setattr(sys, "argv", ["lifelong-lb", "report", str(out)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "caf\\udce9" in (out / "report.html").read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["report", "status", "load_results"])
def test_no_pickle_is_opened_to_read_results(base, out, command, monkeypatch, capsys):
    """Reading results opens neither checkpoints nor models."""

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(out / "code has run"),))

    for path in (*(out / "runs").glob(".*/*.state"), *(out / "runs").glob("*/models/*.pt")):
        path.write_bytes(pickle.dumps(Evil()))
    monkeypatch.setattr("pickle.Unpickler", None)
    monkeypatch.setattr("pickle.load", None)
    if command == "load_results":
        lifelong_lb.load_results(out)
    else:
        monkeypatch.setattr(sys, "argv", ["lifelong-lb", command, str(out)])
        with pytest.raises(SystemExit):
            main()
        assert "Traceback" not in capsys.readouterr().err
    assert not (out / "code has run").exists()


@pytest.mark.parametrize("name", hostile.TABLES)
def test_invalid_tables_without_runs_are_read_or_refused_in_one_sentence(base, tmp_path, name):
    folder = ResultFolder(base.path)
    results = collect(folder)
    for number, (mutation, mutate) in enumerate(random.Random(name).sample(hostile.mutations_of(name) * 2, 12)):
        out, draw = tmp_path / str(number), random.Random(f"{name} {mutation} {number}")
        out.mkdir()
        for table, frame in (("results.csv", results.table()), ("accuracy.csv", results.accuracy)):
            frame.to_csv(out / table, index=False)
        what = f"{mutation}: {mutate(out / name, draw)}"
        try:
            with at_most(30):
                found = collect(ResultFolder(out))
        except UserError as error:
            assert len(str(error)) < 700, what  # noqa: PT017
            assert "\n" not in str(error), what  # noqa: PT017
        else:
            assert set(accuracies(found)) <= set(base.done), what


def test_a_line_with_too_many_values_is_named(tmp_path):
    (tmp_path / "results.csv").write_text("run,stream\na,b\nc,d,e\n")
    with pytest.raises(UserError, match=r"cannot be read \(results\.csv: Expected 2 fields in line 3, saw 3\)$"):
        ResultFolder(tmp_path).read_table("results")


def test_run_ids_of_a_table_become_paths_only_if_they_are_ids(base, tmp_path):
    results = collect(ResultFolder(base.path))
    for table, frame in (("results.csv", results.table()), ("accuracy.csv", results.accuracy)):
        frame.assign(run=frame["run"].replace(base.done[0], "../../x")).to_csv(tmp_path / table, index=False)
    with pytest.raises(UserError, match=r"run must be an id of 12 hexadecimal digits; got '\.\./\.\./x'"):
        collect(ResultFolder(tmp_path))
