"""Broken and hostile images, a selection of those that ``benchmarks/reliability/hostile_data.py`` tries."""

import os
import sys
from pathlib import Path

import pytest

RELIABILITY = Path(__file__).parents[2] / "benchmarks" / "reliability"

IN_PROCESSES = (
    "pictures: a FIFO",
    "pictures: a link to a device",
    "pictures: EPS called .png",
    "pictures: escapes in names",
    "pictures: escapes in the name of a damaged one",
    "npz: a bomb of 300 MB",
    "npz: pickled images",
    "npz: a nested header",
    "parquet: metadata of 100,000 [",
    "parquet: 30 million labels in a few bytes",
    "IDX: a gzip bomb",
    "CIFAR: code",
    "CIFAR: memo 2^31",
    "CIFAR: keys that take 2^60 steps",
    "cache: train-x.npy from a FIFO",
    "cache: entry.json nested 100,000 deep",
)


@pytest.fixture(scope="module")
def hostile():
    sys.path.insert(0, str(RELIABILITY))
    try:
        import data_cases
        import data_cases_more  # noqa: F401  adds to them
        import hostile_data

        yield hostile_data, data_cases
    finally:
        sys.path.remove(str(RELIABILITY))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_commands_hold(hostile, tmp_path):
    """In a process that has imported nothing else, since it forks."""
    import subprocess

    code = (
        "import json, pathlib, sys; import hostile_data as h; h.preload(); "
        f"print(json.dumps(h.attacks(pathlib.Path({str(tmp_path)!r}), runs=0, only=frozenset({IN_PROCESSES!r}))))"
    )
    path = os.pathsep.join([str(RELIABILITY), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])])
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    import json

    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == set(IN_PROCESSES)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


SLOW = ("npz: a bomb", "npz: names that take", "parquet: 30 million", "IDX: a gzip bomb")


@pytest.mark.slow
def test_sources_are_refused_or_used_alike_by_check_and_read(hostile, tmp_path, monkeypatch):
    """What ``check`` finds is what ``read`` finds, in the same words."""
    from lifelong_lb.config import UserError
    from lifelong_lb.data import user_source

    _, cases = hostile
    monkeypatch.setenv(cases.CANARY, str(tmp_path / "canary"))

    def ended(case, attempt):
        try:
            source = user_source(str(case), [])
            source.labels()
            train, test = attempt(source)
            return [part.tolist() for part in (train, test)]
        except UserError as error:
            return str(error)

    def check(source):
        checked = source.check()
        return checked.train, checked.test

    def read(source):
        train, test = source.read()
        source.statistics(train)
        return train.y, test.y

    of_streams = 0
    for i, (name, case) in enumerate({**cases.REFUSED, **cases.ACCEPTED}.items()):
        if name.startswith(SLOW):
            continue
        (tmp_path / str(i)).mkdir()
        place = case(tmp_path / str(i))
        checked = ended(place, check)
        assert checked == ended(place, read), name
        if name in cases.REFUSED:
            of_streams += not isinstance(checked, str)
            if isinstance(checked, str):
                assert str(tmp_path) in checked or "all pixels" in checked, name
        else:
            assert isinstance(checked, list), (name, checked)
    assert of_streams < 12  # what only a stream refuses: one class, a class missing in a part, negative labels
    assert not (tmp_path / "canary").exists()
