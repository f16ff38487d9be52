"""Images are decoded once, cached by content, and never read from a damaged entry."""

import json
import multiprocessing
import os
import shutil
import sys
import tempfile

import numpy as np
import pytest
from helpers.image_files import REAL, needs_real_cifar, write_cifar_parquet, write_cifar_python

from lifelong_lb.config import UserError
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.arrays import digest
from lifelong_lb.data.cache.prepared import Prepared, description, entries, prepare_images, verify


@pytest.fixture
def place(tmp_path):
    write_cifar_parquet(tmp_path / "data")
    return tmp_path / "data", tmp_path / "cache"


def source_of(folder):
    return find_dataset("cifar100", [folder])


def refuse_to_read(monkeypatch):
    """Fail the test if a source is decoded from now on."""
    base = type(find_dataset("digits")).__mro__[1]
    for subclass in base.__subclasses__():
        monkeypatch.setattr(subclass, "read", lambda self: pytest.fail("decoded again"))


def check_same(a, b):
    for part in ("train", "test"):
        assert np.array_equal(getattr(a, part).x, getattr(b, part).x)
        assert np.array_equal(getattr(a, part).y, getattr(b, part).y)
        assert getattr(a, part).class_names == getattr(b, part).class_names
    assert a.digest == b.digest


def test_the_second_time_nothing_is_decoded(place, monkeypatch):
    data, cache = place
    train, test = source_of(data).read()
    first = prepare_images(source_of(data), cache)
    assert np.array_equal(first.train.x, train.x)
    assert np.array_equal(first.test.y, test.y)
    refuse_to_read(monkeypatch)
    second = prepare_images(source_of(data), cache)
    check_same(first, second)
    assert isinstance(second.train.x, np.memmap)
    assert len(entries(cache)) == 1
    assert description(entries(cache)[0]) == f"parquet files in {data}"


def test_an_entry_depends_on_content_and_not_on_the_path(place, tmp_path, monkeypatch):
    data, cache = place
    first = prepare_images(source_of(data), cache)
    shutil.copytree(data, tmp_path / "elsewhere")
    with monkeypatch.context() as patch:
        refuse_to_read(patch)
        check_same(first, prepare_images(source_of(tmp_path / "elsewhere"), cache))
    write_cifar_parquet(data, train_each=7)  # other images in the same place
    other = prepare_images(source_of(data), cache)
    assert len(other.train.y) == len(first.train.y) + 4
    assert other.digest != first.digest
    assert len(entries(cache)) == 2


def test_the_same_images_from_other_files_have_the_same_digest(tmp_path):
    train, test = write_cifar_python(tmp_path / "python")
    cache = tmp_path / "cache"
    from helpers.image_files import write_parquet

    for name, (x, y) in (("train", train), ("test", test)):
        write_parquet(tmp_path / "parquet" / f"{name}-00000-of-00001.parquet", x, y)
    python, parquet = (prepare_images(source_of(tmp_path / kind), cache) for kind in ("python", "parquet"))
    assert python.digest == parquet.digest
    assert len(entries(cache)) == 2


@pytest.mark.parametrize("file", ["train-x.npy", "train-y.npy", "test-x.npy", "entry.json"])
@pytest.mark.parametrize("harm", ["missing", "short", "empty", "other"])
def test_a_damaged_entry_is_prepared_again(place, file, harm):
    data, cache = place
    prepare_images(source_of(data), cache)
    train, test = source_of(data).read()
    path = entries(cache)[0] / file
    if harm == "missing":
        path.unlink()
    elif harm == "other":
        path.write_bytes(b'{"format": 0}' if file == "entry.json" else b"not an array at all" * 100)
    else:
        path.write_bytes(path.read_bytes()[: 0 if harm == "empty" else -5])
    check_same(
        Prepared(train, test, digest(train, test), source_of(data).mean, source_of(data).std),
        prepare_images(source_of(data), cache),
    )
    assert verify(entries(cache)[0])


def test_a_partial_entry_is_never_used_and_is_removed(place, monkeypatch):
    data, cache = place
    write = np.save

    def killed(file, array, **rest):
        write(file, array, **rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare_images(source_of(data), cache)
    monkeypatch.undo()
    assert entries(cache) == []
    first = prepare_images(source_of(data), cache)
    (cache / f".{entries(cache)[0].name}.left").mkdir()  # as left by a killed process
    (entries(cache)[0] / "entry.json").unlink()
    check_same(first, prepare_images(source_of(data), cache))
    assert not list(cache.glob(".*.left"))


def test_verify_sees_a_changed_pixel(place):
    data, cache = place
    prepare_images(source_of(data), cache)
    entry = entries(cache)[0]
    assert verify(entry)
    content = bytearray((entry / "test-x.npy").read_bytes())
    content[-1] ^= 1
    (entry / "test-x.npy").write_bytes(content)
    assert not verify(entry)


def test_writing_to_images_changes_no_file(place):
    data, cache = place
    images = load_images(source_of(data), cache)
    images.train.x.zero_()
    assert verify(entries(cache)[0])
    assert load_images(source_of(data), cache).train.x.any()


def test_a_disk_that_is_full_is_named(place, monkeypatch):
    data, cache = place

    def full(file, array, **rest):
        raise OSError(28, "No space left on device", str(file.name))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(UserError, match=r"train-x\.npy: cannot write prepared images \(No space left on device\)"):
        prepare_images(source_of(data), cache)
    assert entries(cache) == []
    assert not [path for path in cache.glob(".*") if path.is_dir()]


def test_a_cache_that_is_a_file_is_named(place, tmp_path):
    data, _ = place
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file.*: cannot write prepared images .*set LIFELONG_LB_CACHE to another"):
        prepare_images(source_of(data), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_is_named(place):
    data, cache = place
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(UserError, match="cannot write prepared images"):
        prepare_images(source_of(data), cache)


def test_a_shared_cache_may_be_read_only(place, monkeypatch):
    data, cache = place
    first = prepare_images(source_of(data), cache)
    shutil.rmtree(cache / "digests")

    def refuse(*arguments, **named):
        raise OSError(30, "Read-only file system", str(cache))

    monkeypatch.setattr(sys.modules["lifelong_lb.data.cache.prepared"], "write_json", refuse)
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    check_same(first, prepare_images(source_of(data), cache))
    write_cifar_parquet(data, train_each=7)
    with pytest.raises(UserError, match=r"cannot write prepared images \(Read-only file system\)"):
        prepare_images(source_of(data), cache)


def test_a_damaged_source_is_named_and_leaves_nothing(place):
    data, cache = place
    path = next(data.glob("test-*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{path.name}: not a valid Parquet file"):
        prepare_images(source_of(data), cache)
    assert entries(cache) == []


def _prepare(data, cache, start, digests):
    start.wait()
    digests.put(prepare_images(source_of(data), cache).digest)


@pytest.mark.slow
def test_concurrent_processes_write_one_entry(place):
    data, cache = place
    context = multiprocessing.get_context("fork")
    start, queue = context.Event(), context.Queue()
    workers = [context.Process(target=_prepare, args=(data, cache, start, queue)) for _ in range(6)]
    for worker in workers:
        worker.start()
    start.set()
    digests = {queue.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(digests) == 1
    assert len(entries(cache)) == 1


def test_embedded_data_need_no_cache(tmp_path):
    assert len(load_images(find_dataset("digits"), tmp_path / "cache").train.y) == 1442
    assert not (tmp_path / "cache").exists()


def test_digests_of_files_are_taken_again_when_the_files_change(place):
    data, cache = place
    prepare_images(source_of(data), cache)
    notes = list((cache / "digests").glob("*.json"))
    assert len(notes) == 1
    for note in notes:
        assert json.loads(note.read_text())["files"] == 2
        note.write_text(json.dumps({**json.loads(note.read_text()), "seen": "others", "sha256": "0" * 64}))
    prepare_images(source_of(data), cache)
    assert len(entries(cache)) == 1
    for note in notes:
        note.write_text("[]")
    prepare_images(source_of(data), cache)
    assert len(entries(cache)) == 1


@needs_real_cifar
def test_real_images_are_prepared_once(tmp_path, monkeypatch):
    first = load_images(find_dataset("cifar100", [REAL / "cifar100-small"]), tmp_path)
    refuse_to_read(monkeypatch)
    assert load_images(find_dataset("cifar100", [REAL / "cifar100-small"]), tmp_path).sha256 == first.sha256
