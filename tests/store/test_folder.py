"""Result folders: runs are published atomically, in folders of any name."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from store.records import FAILED, RECORD, write

from lifelong_lb.config import UserError
from lifelong_lb.store import Claims, ResultFolder, remove_leftovers
from lifelong_lb.store.locks import measuring


def test_a_run_is_read_as_it_was_written(folder):
    assert folder.stamp("abc") is None
    write(folder, RECORD)
    assert folder.stamp("abc") is not None
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


def test_concurrent_publications_of_one_run(tmp_path):
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
    with measuring(tmp_path), pytest.raises(UserError, match="another lifelong-lb landscape is running in this folder"):
        measuring(tmp_path).__enter__()
    with folder.locked(), measuring(tmp_path):
        pass


def test_a_run_that_is_interrupted_leaves_nothing(folder):
    def interrupted():
        with folder.new_run("abc") as scratch:
            assert scratch.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert folder.stamp("abc") is None
    assert list(folder.runs_path.iterdir()) == []


def test_a_scratch_folder_without_owner_is_a_leftover_and_a_checkpoint_is_none(folder):
    """Its process was killed before it wrote owner.json."""
    bare, checkpoint = folder.runs_path / ".0123456789ab.abcdefgh", folder.runs_path / ".0123456789ab.checkpoint"
    for path in (bare, checkpoint):
        path.mkdir(parents=True)
    with Claims(folder.runs_path) as claims:
        remove_leftovers(folder.runs_path, claims)
    assert not bare.exists()
    assert checkpoint.exists()


def test_a_full_disk_leaves_no_scratch_folder(folder, monkeypatch):
    def full(*_):
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
        remove_leftovers(folder.runs_path, claims)  # its launcher may still read the log
        assert (mine.exists(), dead.exists(), remote.exists()) == (True, True, True)
        remove_leftovers(folder.runs_path, launcher)
        assert (mine.exists(), dead.exists(), remote.exists()) == (True, False, True)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a writable folder"):
        ResultFolder(tmp_path / "file").check_writable()
