"""Result folders: whole or absent, readable again, in folders of any name."""

import errno
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.store import Claims, DamagedRunError, ResultFolder, RunRecord, StudyFile, folder_status
from lifelong_lb.store.checks import checked_record
from lifelong_lb.store.files import write_text

STUDY = {"streams": "split-digits", "rules": ["none", "sam"], "seeds": 2}
CONFIG = {part: {"name": "x"} for part in ("stream", "strategy", "rule", "optimizer", "model")}
RECORD = RunRecord(
    run="abc",
    config=CONFIG,
    status="done",
    experiences=2,
    accuracy=[(0, 0, 1 / 3), (1, 0, 0.1 + 0.2), (1, 1, 1.0)],
    initial_accuracy=[0.1, 0.2],
    gradient_evaluations=12,
    train_seconds=0.1,
    samples_seen=30,
    forward_passes=17,
    environment={"torch": "2"},
    data={"sha256": "x"},
)

FULL = {"experiences": 5, "accuracy": [(i, j, 0.5) for i in range(5) for j in range(i + 1)]}

FAILED = RunRecord("abc", CONFIG, "failed", message="disk", traceback="Traceback ...")


@pytest.fixture(params=["plain", "with space & ünïcode [x] 'q'", "-dash", "..hidden"])
def folder(tmp_path, request):
    return ResultFolder(tmp_path / request.param)


def write(folder, record):
    with folder.new_run(record.run) as scratch:
        (scratch / "log.txt").write_text("hello")
        folder.write_run(record, scratch)


def test_a_run_is_read_as_it_was_written(folder):
    assert not folder.has_run("abc")
    write(folder, RECORD)
    assert folder.has_run("abc")
    assert folder.read_run("abc") == RECORD
    assert sorted(p.name for p in folder.run_path("abc").iterdir()) == [
        "accuracy.csv",
        "config.json",
        "environment.json",
        "log.txt",
        "result.json",
    ]
    assert [p.name for p in folder.runs_path.iterdir()] == ["abc"]


def test_a_run_that_is_tried_again_replaces_the_old_one(folder):
    write(folder, FAILED)
    assert folder.read_run("abc") == FAILED
    write(folder, RECORD)
    assert folder.read_run("abc") == RECORD
    assert [p.name for p in folder.runs_path.iterdir()] == ["abc"]


def test_a_run_that_is_done_is_never_replaced(folder):
    write(folder, RECORD)
    write(folder, FAILED)
    assert folder.read_run("abc") == RECORD
    assert [p.name for p in folder.runs_path.iterdir()] == ["abc"]


def test_many_may_publish_the_same_run_at_once(tmp_path):
    folder = ResultFolder(tmp_path)

    def publish(record):
        for _ in range(40):
            write(folder, record)

    with ThreadPoolExecutor() as pool:
        for future in [pool.submit(publish, record) for record in (FAILED, RECORD, FAILED, RECORD)]:
            future.result()
    assert folder.read_run("abc") == RECORD
    assert [p.name for p in folder.runs_path.iterdir()] == ["abc"]


def test_one_writer_and_one_measurer_at_a_time(tmp_path):
    folder = ResultFolder(tmp_path)
    with folder.locked(), pytest.raises(TimeoutError, match="another lifelong-lb is writing into this folder"):
        folder.locked(seconds=0).__enter__()
    with folder.measuring(), pytest.raises(UserError, match="another lifelong-lb landscape is at work in this folder"):
        folder.measuring().__enter__()
    with folder.locked(), folder.measuring():
        pass


def test_a_run_that_is_interrupted_leaves_nothing(folder):
    def interrupted():
        with folder.new_run("abc") as scratch:
            assert scratch.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not folder.has_run("abc")
    assert list(folder.runs_path.iterdir()) == []


def test_a_scratch_folder_without_owner_is_a_leftover_and_a_checkpoint_is_none(folder):
    """Its process was killed before it could say whose the folder is."""
    bare, checkpoint = folder.runs_path / ".0123456789ab.abcdefgh", folder.runs_path / ".0123456789ab.checkpoint"
    for path in (bare, checkpoint):
        path.mkdir(parents=True)
    with Claims(folder.runs_path) as claims:
        folder.remove_leftovers(claims)
    assert not bare.exists()
    assert checkpoint.exists()


def test_a_full_disk_leaves_no_scratch_folder(folder, monkeypatch):
    def full(*told):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lifelong_lb.store.folder.write_json", full)
    with pytest.raises(OSError, match="No space left"), folder.new_run("0123456789ab"):
        pass
    assert list(folder.runs_path.iterdir()) == []


def test_leftovers_of_dead_processes_are_removed_and_those_of_living_ones_kept(folder):
    with folder.new_run("mine") as mine, folder.new_run("dead") as dead, folder.new_run("remote") as remote:
        for scratch, change in ((dead, {"started": 1.0}), (remote, {"host": "elsewhere", "pid": 2**22 + 1})):
            owner = json.loads((scratch / "owner.json").read_text())
            (scratch / "owner.json").write_text(json.dumps({**owner, **change}))
        for odd, content in (("odd1", "[]"), ("odd2", '{"host": 3, "pid": null}'), ("odd3", "")):
            (folder.runs_path / f".{odd}.x").mkdir()
            (folder.runs_path / f".{odd}.x" / "owner.json").write_text(content)
        claims, launcher = (Claims(folder.runs_path) for _ in range(2))
        assert launcher.take("dead")
        folder.remove_leftovers(claims)  # its launcher may still want to read the log
        assert (mine.exists(), dead.exists(), remote.exists()) == (True, True, True)
        folder.remove_leftovers(launcher)
        assert (mine.exists(), dead.exists(), remote.exists()) == (True, False, True)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("result.json", "{"),
        ("result.json", '{"status": "perfect"}'),
        ("result.json", '{"status": "done", "colour": "red"}'),
        ("config.json", ""),
        ("config.json", "{}"),
        ("config.json", '{"stream": 3}'),
        ("environment.json", "5"),
        ("result.json", '{"status": "done", "experiences": null}'),
        ("result.json", '{"status": "done", "experiences": 3}'),
        ("accuracy.csv", ""),
        ("accuracy.csv", "trained,evaluated,accuracy\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n1,0,0.5\n1,1,7\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n1,0,0.5\n1,9,0.7\n"),
        ("accuracy.csv", "\0\0"),
        ("accuracy.csv", "trained,evaluated\n0,0\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n0,0,high\n"),
    ],
)
def test_damage_is_noticed(tmp_path, file, content):
    folder = ResultFolder(tmp_path)
    write(folder, RECORD)
    (folder.run_path("abc") / file).write_text(content)
    with pytest.raises(DamagedRunError, match="abc"):
        folder.read_run("abc")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder that can be written to"):
        ResultFolder(tmp_path / "file").check_writable()


def test_the_study_is_read_as_it_was_written(folder):
    file = StudyFile.of(parse_study(STUDY))
    assert folder.read_study() is None
    folder.write_study(file)
    assert folder.read_study() == file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "not a study file of lifelong_lb"),
        ('{"schema": 99, "study": {}, "runs": []}', "written with layout 99; this version reads 1"),
        ('{"schema": 1, "study": {"seeds": [0]}, "runs": [{}]}', "damaged"),
        ('{"schema": 1, "study": {"seeds": 5}, "runs": []}', "damaged"),
    ],
)
def test_a_damaged_study_file_is_named(tmp_path, content, message):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(UserError, match=message):
        ResultFolder(tmp_path).read_study()


def test_widening_keeps_every_run_and_names_it_anew():
    first = StudyFile.of(parse_study(STUDY))
    wider = parse_study({**STUDY, "rules": [{"name": "sam", "rho": 0.1}, "sam"], "seeds": [1, 2]})
    merged = first.widened(wider)
    assert [run.config.run_id for run in expand(wider)] == [place.run for place in merged.places[:4]]
    assert len(merged.places) == 4 + 3  # sam with seed 1 is in both
    labels = {place.run: merged.labels()[place.run]["rule"] for place in merged.places}
    old = {run.config.run_id: run.config.rule.name for run in expand(parse_study(STUDY))}
    assert {labels[run] for run, name in old.items() if name == "none"} == {"none"}
    assert {labels[run] for run, name in old.items() if name == "sam"} == {"sam(rho=0.05)"}
    assert StudyFile.from_json(json.loads(json.dumps(merged.to_json())), "x") == merged


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": {"epochs": 2}}, "another train: epochs is 1 there and 2 here"),
        ({"model": {"name": "mlp", "hidden": [8]}}, r"another model: hidden is \[256, 256\] there and \[8\] here"),
        ({"evaluation": {"experiences": "all"}}, "another evaluation: experiences is 'seen' there and 'all' here"),
    ],
)
def test_other_shared_settings_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        StudyFile.of(parse_study(STUDY)).widened(parse_study({**STUDY, **change}))


def test_streams_that_differ_only_in_training_are_told_apart():
    study = parse_study({
        "streams": ["split-digits", {"name": "split-digits", "train": {"epochs": 2}}],
        "rules": "none",
    })
    labels = [label["stream"] for label in StudyFile.of(study).labels().values()]
    assert labels == ["split-digits(train=null)".replace("null", "None"), "split-digits(train={epochs:2})"]


def test_a_run_that_is_another_than_its_folder_says_is_missing_and_replaced(tmp_path):
    folder, file = ResultFolder(tmp_path), StudyFile.of(parse_study({**STUDY, "rules": "none"}))
    folder.write_study(file)
    first, second = file.places
    right = replace(RECORD, run=first.run, config=file.asked(first.run), initial_accuracy=[], **FULL)
    write(folder, replace(right, config={**right.config, "seed": 7}))
    write(folder, replace(RECORD, run=second.run, config=file.asked(second.run)))
    found = folder_status(folder)
    assert found.counts == {"missing": 2}
    for line, reason in zip(found.troubles, ("a run with seed 7, not 0", "2 experiences, not 5"), strict=True):
        assert f"it holds {reason}" in line
    write(folder, right)
    assert folder.read_run(first.run, 0) == right
    assert folder_status(folder).counts == {"missing": 1, "done": 1}


def test_a_number_of_experiences_that_no_run_has_takes_no_memory():
    """A set of that many numbers would take two hundred megabytes."""
    T = 3_000_000
    raw = {"run": "abc", "config": CONFIG, "status": "done", "experiences": T, "accuracy": [(T - 1, 0, 0.5)]}
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="accuracies after the last experience are missing"):
            checked_record(raw)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
