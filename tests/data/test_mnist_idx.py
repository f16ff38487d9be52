"""MNIST is found in both layouts, read exactly, and its files are named when they are broken."""

import gzip

import numpy as np
import pytest
import torch
from helpers.image_files import (
    encoded,
    idx,
    needs_real_mnist,
    pictures,
    real_mnist,
    write_mnist_idx,
    write_mnist_parquet,
    write_parquet,
)

from lifelong_lb.config import UserError
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.layouts.mnist_idx import read_idx


def check_read(root, train, test):
    source = find_dataset("mnist", [root])
    assert source.labels() == list(range(10))
    images = load_images(source)
    for part, (x, y) in ((images.train, train), (images.test, test)):
        assert torch.equal(part.x, torch.from_numpy(x))
        assert part.y.tolist() == y.tolist()
        assert part.class_names == tuple("0123456789")
    return images


@pytest.mark.parametrize(
    "where",
    [
        ".",
        "mnist",
        "mnist/mnist",
        "ylecun/mnist/mnist",
        "datasets--ylecun--mnist/snapshots/abc123/mnist",
        "hub/datasets--ylecun--mnist/snapshots/abc123/mnist",
    ],
)
def test_parquet_is_found_and_read_exactly(tmp_path, where):
    images = check_read(tmp_path, *write_mnist_parquet(tmp_path / where))
    assert images.train.x.shape == (30, 1, 28, 28)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("where", [".", "raw", "MNIST/raw", "mnist/MNIST/raw"])
def test_torchvision_layout_is_found_and_read_exactly(tmp_path, where, compressed):
    root = tmp_path / "root"
    check_read(root, *write_mnist_idx(root / where, compressed=compressed))


def test_idx_files_are_read_as_torchvision_reads_them(tmp_path):
    from torchvision.datasets.mnist import read_image_file, read_label_file

    write_mnist_idx(tmp_path / "raw")
    images, labels = (tmp_path / "raw" / f"train-{name}-ubyte" for name in ("images-idx3", "labels-idx1"))
    assert torch.equal(torch.from_numpy(read_idx(images, 3)), read_image_file(str(images)))
    assert read_idx(labels, 1).tolist() == read_label_file(str(labels)).tolist()


def test_nothing_found_lists_every_path_and_layout(tmp_path):
    with pytest.raises(UserError) as error:
        find_dataset("mnist", [tmp_path])
    message = str(error.value)
    for word in ("MNIST was not found", str(tmp_path / "MNIST/raw"), "datasets--ylecun--mnist", "idx3", "--download"):
        assert word in message


def test_download_only_when_asked_and_needed(tmp_path, monkeypatch):
    asked = []

    def fetch(root, download):
        asked.append(root)
        write_mnist_idx(tmp_path / "MNIST" / "raw")

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    with pytest.raises(UserError):
        find_dataset("mnist", [tmp_path])
    assert asked == []
    for _ in range(2):
        assert find_dataset("mnist", [tmp_path], download=True).labels() == list(range(10))
    assert asked == [str(tmp_path)]


def cut(content):
    return content[:-1]


def zeros(*shape):
    return idx(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte", cut, r"has 23535 bytes; its header declares 23536"),
        ("train-images-idx3-ubyte", lambda c: c + b"\0", r"has 23537 bytes; its header declares 23536"),
        ("t10k-labels-idx1-ubyte", cut, r"has 17 bytes; its header declares 18"),
        ("t10k-images-idx3-ubyte", lambda c: b"", "not an IDX file of bytes in 3 dimensions"),
        ("train-labels-idx1-ubyte", lambda c: b"<html>not here</html>", "not an IDX file of bytes in 1 dimension"),
        ("t10k-images-idx3-ubyte", lambda c: zeros(10, 8, 8), "images must have 28 x 28 pixels; got 8 x 8"),
        ("train-labels-idx1-ubyte", lambda c: zeros(29), "29 labels, but 30 images in train-images-idx3-ubyte"),
        ("train-labels-idx1-ubyte", lambda c: idx(np.full(30, 10)), "labels must be 0 to 9; got 10"),
    ],
)
def test_a_broken_file_is_named_before_anything_runs(tmp_path, name, change, message):
    write_mnist_idx(tmp_path / "raw")
    path = tmp_path / "raw" / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=f"{name}: {message}"):
        find_dataset("mnist", [tmp_path]).labels()


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(zeros(30), mtime=0)[:-12], b""])
def test_a_broken_compressed_file_is_named(tmp_path, content):
    write_mnist_idx(tmp_path / "raw", compressed=True)
    (tmp_path / "raw" / "train-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz: (damaged|not an IDX file)"):
        find_dataset("mnist", [tmp_path]).labels()


def test_a_missing_file_is_named(tmp_path):
    write_mnist_idx(tmp_path / "raw")
    (tmp_path / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte: missing, and so is t10k-labels-idx1-ubyte\.gz"):
        find_dataset("mnist", [tmp_path]).labels()


def test_a_parquet_file_with_another_picture_is_named(tmp_path):
    (_, _), (x, y) = write_mnist_parquet(tmp_path)
    path = tmp_path / "test-00000-of-00001.parquet"
    write_parquet(path, [*map(encoded, x[:-1]), encoded(pictures([0], 32)[0])], y, image="image", label="label")
    with pytest.raises(UserError, match="image 9 must have 28 x 28 pixels; got 32 x 32"):
        load_images(find_dataset("mnist", [tmp_path]))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UserError, match=r"test-00000-of-00001\.parquet: not a valid Parquet file"):
        find_dataset("mnist", [tmp_path]).labels()


@pytest.mark.slow
@needs_real_mnist
def test_real_mnist():
    images = real_mnist()
    assert images.train.x.shape == (60_000, 1, 28, 28)
    assert images.test.x.shape == (10_000, 1, 28, 28)
    assert images.train.y.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    pixels = images.train.x.float() / 255
    assert images.mean[0] == pytest.approx(pixels.mean().item(), abs=1e-4)
    assert images.std[0] == pytest.approx(pixels.std().item(), abs=1e-4)
