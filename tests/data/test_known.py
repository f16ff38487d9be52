"""Data sets known by name are found in every place and layout, read exactly, and not confused."""

import shutil

import numpy as np
import pytest
import torch
from helpers.image_files import (
    pictures,
    write_cifar10_python,
    write_cub,
    write_five,
    write_folders,
    write_mnist_idx,
    write_parquet,
    write_svhn,
    write_tiny_imagenet,
)
from torchvision.datasets import SVHN

from lifelong_lb.config import FIVE_DATASETS, UserError, parse_study
from lifelong_lb.data import DOWNLOADS, find_dataset, load_images
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.known import KNOWN


def read(name, root):
    return load_images(find_dataset(name, [root]))


def check_equal(images, train, test):
    for part, (x, y) in ((images.train, train), (images.test, test)):
        assert torch.equal(part.x, torch.from_numpy(x))
        assert part.y.tolist() == y.tolist()


def write_hub(folder, size, classes, channels=3, test="test", label="label"):
    y = np.arange(classes)
    written = []
    for part, seed in (("train", 1), (test, 2)):
        x = pictures(y, size, seed, channels)
        write_parquet(folder / f"{part}-00000-of-00001.parquet", x, y, "image", label)
        written.append((x, y))
    return written


@pytest.mark.parametrize("where", [".", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"])
def test_cifar10_for_python(tmp_path, where):
    root = tmp_path / "root"
    train, test = write_cifar10_python(root / where)
    images = read("cifar10", root)
    check_equal(images, train, test)
    assert images.train.class_names[3] == "kind 3"


@pytest.mark.parametrize(
    ("name", "where", "size", "channels", "classes", "test"),
    [
        ("cifar10", "cifar10/plain_text", 32, 3, 10, "test"),
        ("cifar10", "uoft-cs/cifar10/plain_text", 32, 3, 10, "test"),
        ("cifar10", "datasets--uoft-cs--cifar10/snapshots/abc/plain_text", 32, 3, 10, "test"),
        ("svhn", "svhn/cropped_digits", 32, 3, 10, "test"),
        ("fashion-mnist", "fashion_mnist", 28, 1, 10, "test"),
        (
            "fashion-mnist",
            "hub/datasets--zalando-datasets--fashion_mnist/snapshots/abc/fashion_mnist",
            28,
            1,
            10,
            "test",
        ),
        ("tiny-imagenet", "zh-plus/tiny-imagenet/data", 64, 3, 200, "valid"),
    ],
)
def test_parquet_of_the_hub(tmp_path, name, where, size, channels, classes, test):
    train, measured = write_hub(tmp_path / where, size, classes, channels, test)
    check_equal(read(name, tmp_path), train, measured)


def test_svhn_as_torchvision_reads_it(tmp_path, monkeypatch):
    train, test = write_svhn(tmp_path / "svhn")
    images = read("svhn", tmp_path)
    check_equal(images, train, test)
    monkeypatch.setattr(SVHN, "_check_integrity", lambda self: True)
    theirs = SVHN(tmp_path / "svhn", "train")
    assert torch.equal(images.train.x, torch.from_numpy(theirs.data))
    assert images.train.y.tolist() == theirs.labels.tolist()


def test_tiny_imagenet_and_cub(tmp_path):
    y_train, y_test = write_tiny_imagenet(tmp_path / "tiny-imagenet-200")
    write_cub(tmp_path / "CUB_200_2011")
    images = read("tiny-imagenet", tmp_path)
    assert (images.train.y.tolist(), images.test.y.tolist()) == (y_train.tolist(), y_test.tolist())
    assert read("cub200", tmp_path).train.x.shape == (4, 3, 224, 224)
    for name in ("split-tiny-imagenet", "split-cub200"):  # which may hold some of the classes only
        entry = parse_study({"streams": {"name": name, "experiences": 2}}).streams[0]
        check_classes(entry, find_dataset(entry.dataset, [tmp_path]).labels())


def test_tiny_imagenet_of_another_size_is_named(tmp_path):
    write_tiny_imagenet(tmp_path / "tiny-imagenet-200", size=32)
    with pytest.raises(UserError, match=r"n00000000_0\.JPEG must have 64 x 64 pixels; got 32 x 32"):
        read("tiny-imagenet", tmp_path)


@pytest.mark.parametrize(("folder", "title"), [("MNIST/raw", "Fashion-MNIST"), ("FashionMNIST/raw", "MNIST")])
def test_mnist_and_fashion_mnist_are_not_confused(tmp_path, folder, title):
    write_mnist_idx(tmp_path / folder)
    right, wrong = ("mnist", "fashion-mnist") if title == "Fashion-MNIST" else ("fashion-mnist", "mnist")
    for root in (tmp_path, tmp_path / folder):
        assert find_dataset(right, [root]).labels() == list(range(10))
        with pytest.raises(UserError, match=f"^{title} was not found"):
            find_dataset(wrong, [root])
    names = read(right, tmp_path).train.class_names
    assert names[9] == ("9" if right == "mnist" else "Ankle boot")


def test_five_datasets_as_one(tmp_path):
    written = write_five(tmp_path)
    images = read("five-datasets", tmp_path)
    assert images.classes == list(range(50))
    assert images.train.x.shape[1:] == (3, 32, 32)
    for i, name in enumerate(FIVE_DATASETS):
        for part, (x, y) in zip((images.train, images.test), written[name], strict=True):
            own = part.x[part.y // 10 == i]
            assert (part.y[part.y // 10 == i] - 10 * i).tolist() == y.tolist()
            if x.shape[1] == 3:
                assert torch.equal(own, torch.from_numpy(x))
                continue
            assert all(torch.equal(own[:, channel, 2:30, 2:30], torch.from_numpy(x[:, 0])) for channel in range(3))
            assert own.sum() == 3 * int(x.sum(dtype=np.int64))  # the frame is black
    assert images.train.class_names[10] == "mnist 0"
    assert images.train.class_names[49] == "fashion-mnist Ankle boot"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in ("svhn", "MNIST", "cifar-10-batches-py", "notMNIST", "FashionMNIST"):
        shutil.move(tmp_path / folder, moved / folder)
    assert read("five-datasets", moved).sha256 == images.sha256


def test_the_missing_one_of_five_data_sets_is_named(tmp_path):
    write_five(tmp_path)
    shutil.rmtree(tmp_path / "notMNIST")
    with pytest.raises(UserError, match=r"^NotMNIST was not found(.|\n)*Train/A(.|\n)*Set --data .* to its folder\.$"):
        find_dataset("five-datasets", [tmp_path], download=True)


def test_download_through_torchvision(tmp_path, monkeypatch):
    asked = []

    def fetch(root, download, split=None):
        asked.append((root, split))
        write_svhn(tmp_path)

    monkeypatch.setattr("torchvision.datasets.SVHN", fetch)
    with pytest.raises(UserError, match="--download"):
        find_dataset("svhn", [tmp_path])
    assert find_dataset("svhn", [tmp_path], download=True).labels() == list(range(10))
    assert asked == [(str(tmp_path), "train"), (str(tmp_path), "test")]
    not_offered = {"notmnist", "tiny-imagenet", "cub200", "core50", "clear10"}
    assert {name for name in KNOWN if name not in DOWNLOADS} == not_offered
    assert "notmnist" not in DOWNLOADS["five-datasets"]


@pytest.mark.parametrize("name", [name for name in DOWNLOADS if name != "five-datasets"])
def test_torchvision_has_the_downloaded_classes(name):
    import torchvision.datasets

    assert hasattr(torchvision.datasets, KNOWN[name].torchvision)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "damaged"), (b"MATLAB 5.0 not really", "damaged"), (None, "missing")],
)
def test_broken_matlab_files_are_named(tmp_path, content, message):
    write_svhn(tmp_path)
    path = tmp_path / "test_32x32.mat"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=rf"test_32x32\.mat: {message}"):
        find_dataset("svhn", [tmp_path]).labels()


def test_matlab_files_with_other_arrays_are_named(tmp_path):
    from scipy.io import savemat

    write_svhn(tmp_path)
    x = np.zeros((32, 32, 3, 2), np.uint8)
    for content, message in (
        ({"X": x}, "no array y"),
        ({"X": x, "y": np.array([[1], [11]])}, "labels must be 1 to 10"),
        ({"X": x[..., :1], "y": np.array([[1], [2]])}, r"X must be uint8 \(32, 32, 3, 2\); got uint8 \(32, 32, 3, 1\)"),
    ):
        savemat(tmp_path / "train_32x32.mat", content)
        with pytest.raises(UserError, match=rf"train_32x32\.mat: {message}"):
            read("svhn", tmp_path)


def test_a_truncated_matlab_file_is_named(tmp_path):
    write_svhn(tmp_path)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"train_32x32\.mat: damaged"):
        read("svhn", tmp_path)


def test_missing_letters_are_named(tmp_path):
    write_folders(tmp_path / "notMNIST", ("A", "B"), parts=("Train", "Test"), size=28, channels=1)
    assert find_dataset("notmnist", [tmp_path]).labels() == [0, 1]


@pytest.mark.parametrize(
    ("letters", "message"),
    [
        ("ABCDEFGHI", "got 9, with labels 0, 1, 2, 3, 4, 5, 6, 7, 8$"),
        ("ABCDEFGHIJK", "got 11, with labels 0, 1, .*, 9, 10$"),
    ],
)
def test_each_of_the_five_must_have_ten_classes(tmp_path, letters, message):
    write_five(tmp_path)
    shutil.rmtree(tmp_path / "notMNIST")
    write_folders(tmp_path / "notMNIST", tuple(letters), parts=("Train", "Test"), size=28, channels=1)
    source = find_dataset("five-datasets", [tmp_path])
    whole = rf"^pictures in .*notMNIST: each of the five data sets must have 10 classes; {message}"
    for look in (source.labels, source.read):
        with pytest.raises(UserError, match=whole):
            look()
