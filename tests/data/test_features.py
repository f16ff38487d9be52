"""The cache of features: written once, whole, by one of several processes, and never executed."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lifelong_lb.config import UserError
from lifelong_lb.data.cache import features
from lifelong_lb.data.cache.features import cached_features, entries, is_intact, unfinished

SHAPES = (5, 3, 4)


def arrays():
    draw = np.random.default_rng(0)
    return tuple(draw.normal(size=(rows, SHAPES[2])).astype(np.float32) for rows in SHAPES[:2])


class Compute:
    """Counts the parts that it computes, one call each unless an entry has many rows."""

    def __init__(self):
        self.calls = []

    def __call__(self, part, rows):
        self.calls.append((part, rows.start, rows.stop))
        return arrays()[("train", "test").index(part)][rows]

    @property
    def times(self):
        return len(self.calls) / 2


def test_features_are_computed_once_and_mapped(tmp_path):
    compute = Compute()
    first, again = (cached_features({"weights": "a"}, SHAPES, tmp_path, compute) for _ in range(2))
    assert compute.times == 1
    for found in (first, again):
        assert isinstance(found.train, np.memmap)
        assert np.array_equal(found.train, arrays()[0])
        assert np.array_equal(found.test, arrays()[1])
    assert first.key == again.key != cached_features({"weights": "b"}, SHAPES, tmp_path, compute).key
    assert compute.times == 2
    assert first.key in {entry.name for entry in entries(tmp_path)}
    assert len(entries(tmp_path)) == 2
    assert all(map(is_intact, entries(tmp_path)))


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


def pickled(path):
    np.save(path, np.array([Hostile()], dtype=object), allow_pickle=True)


DAMAGE = {
    "pickle": pickled,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-8]),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "fifo": lambda path: (path.unlink(), os.mkfifo(path)),
    "other shape": lambda path: np.save(path, np.zeros((5, 5), np.float32)),
    "other type": lambda path: np.save(path, np.zeros((5, 4))),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_entries_are_computed_again_and_not_executed(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    compute = Compute()
    cached_features({}, SHAPES, tmp_path, compute)
    (entry,) = entries(tmp_path)
    DAMAGE[case](entry / "train.npy")
    assert not is_intact(entry)
    assert np.array_equal(cached_features({}, SHAPES, tmp_path, compute).train, arrays()[0])
    assert compute.times == 2
    assert is_intact(entry)
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_changed_values_are_found_by_their_hash(tmp_path):
    cached_features({}, SHAPES, tmp_path, Compute())
    (entry,) = entries(tmp_path)
    np.save(entry / "train.npy", np.zeros((5, 4), np.float32))
    assert not is_intact(entry)


class Interrupted(Compute):
    def __call__(self, part, rows):
        if (part, rows.start) == ("test", 2):
            raise KeyboardInterrupt
        return super().__call__(part, rows)


BLOCKS = [("train", 0, 2), ("train", 2, 4), ("train", 4, 5), ("test", 0, 2), ("test", 2, 3)]


def test_an_interrupted_computation_continues_after_its_last_block(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "ROWS", 2)
    interrupted, other, compute = Interrupted(), Compute(), Compute()
    with pytest.raises(KeyboardInterrupt):
        cached_features({}, SHAPES, tmp_path, interrupted)
    assert interrupted.calls == BLOCKS[:4]
    assert entries(tmp_path) == []
    cached_features({"weights": "b"}, SHAPES, tmp_path, other)
    assert other.calls == BLOCKS  # nothing of other weights
    assert len(unfinished(tmp_path)) == 1
    found = cached_features({}, SHAPES, tmp_path, compute)
    assert compute.calls == BLOCKS[4:]
    assert np.array_equal(found.train, arrays()[0])
    assert np.array_equal(found.test, arrays()[1])
    assert all(map(is_intact, entries(tmp_path)))
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_left_of_a_finished_computation_is_removed(kind, tmp_path):
    """A process was killed after it had published the entry, or something else has the name of its blocks."""
    cached_features({}, SHAPES, tmp_path, Compute())
    (entry,) = entries(tmp_path)
    left = entry.with_name(f"{features.UNFINISHED}{entry.name}")
    if kind == "folder":
        left.mkdir()
        (left / "train-0.npy").write_bytes(b"x")
    else:
        left.write_bytes(b"x")
    again = Compute()
    cached_features({}, SHAPES, tmp_path, again)
    assert (again.calls, unfinished(tmp_path)) == ([], [])


def test_a_file_in_the_place_of_blocks_is_replaced(tmp_path):
    cached_features({}, SHAPES, tmp_path, Compute())
    (entry,) = entries(tmp_path)
    shutil.rmtree(entry)
    entry.with_name(f"{features.UNFINISHED}{entry.name}").write_bytes(b"x")
    found = cached_features({}, SHAPES, tmp_path, Compute())
    assert np.array_equal(found.train, arrays()[0])


@pytest.mark.parametrize("case", ["pickle", "cut", "empty", "missing", "fifo", "other shape", "other type"])
def test_damaged_blocks_are_computed_again_and_not_executed(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "ROWS", 2)
    compute = Compute()
    with pytest.raises(KeyboardInterrupt):
        cached_features({}, SHAPES, tmp_path, Interrupted())
    DAMAGE[case](unfinished(tmp_path)[0] / "train-2.npy")
    assert np.array_equal(cached_features({}, SHAPES, tmp_path, compute).train, arrays()[0])
    assert compute.calls == [BLOCKS[1], BLOCKS[4]]
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_a_cache_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "features").touch()
    with pytest.raises(UserError, match=r"cannot write features .*set LIFELONG_LB_CACHE to another folder"):
        cached_features({}, SHAPES, tmp_path, Compute())


WORKER = """
import sys, time
from pathlib import Path
import numpy as np
from lifelong_lb.data.cache.features import cached_features
cache = Path(sys.argv[1])

def compute(part, rows):
    with (cache / "calls").open("a") as file:
        file.write(f"{part} ")
    time.sleep(1)
    return np.ones((rows.stop, 4), np.float32)

print(cached_features({}, (5, 3, 4), cache, compute).train.sum())
"""


@pytest.mark.slow
def test_two_processes_compute_once(tmp_path):
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=300)[0].strip() for process in both] == ["20.0", "20.0"]
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "train test "
    assert json.loads((entries(tmp_path)[0] / "entry.json").read_text(encoding="utf-8"))["depends_on"] == {}
