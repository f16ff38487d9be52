"""Images are found in every layout, read exactly, and named when they are broken."""

import pickle

import numpy as np
import pytest
import torch
from helpers.image_files import (
    REAL,
    encoded,
    needs_real_cifar,
    pictures,
    write_cifar_parquet,
    write_cifar_python,
    write_parquet,
)

from lifelong_lb.config import UserError
from lifelong_lb.data import data_roots, find_dataset, load_images


def check_equal(part, expected):
    x, y = expected
    assert torch.equal(part.x, torch.from_numpy(x))
    assert part.y.tolist() == y.tolist()


@pytest.mark.parametrize(
    "where",
    [
        ".",
        "cifar100",
        "cifar100/cifar100",
        "uoft-cs/cifar100/cifar100",
        "datasets--uoft-cs--cifar100/snapshots/abc123/cifar100",
        "hub/datasets--uoft-cs--cifar100/snapshots/abc123/cifar100",
    ],
)
def test_parquet_is_found_and_read_exactly(tmp_path, where):
    train, test = write_cifar_parquet(tmp_path / where, shards=2)
    source = find_dataset("cifar100", [tmp_path])
    assert source.labels() == [3, 4, 10, 50]
    images = load_images(source)
    check_equal(images.train, train)
    check_equal(images.test, test)
    assert images.train.class_names == ("apple", "bear")
    assert images.classes == [3, 4, 10, 50]


@pytest.mark.parametrize("where", [".", "cifar-100-python", "cifar100/cifar-100-python"])
def test_torchvision_layout_is_found_and_read_exactly(tmp_path, where):
    root = tmp_path / "root"
    train, test = write_cifar_python(root / where)
    source = find_dataset("cifar100", [root])
    assert source.labels() == [0, 1, 2, 3]
    images = load_images(source)
    check_equal(images.train, train)
    check_equal(images.test, test)
    assert images.train.class_names == ("apple", "bear", "cup", "dog")


def test_equal_images_have_equal_hashes_in_every_layout(tmp_path):
    write_cifar_python(tmp_path / "python" / "cifar-100-python")
    (x_train, y_train), (x_test, y_test) = write_cifar_python(tmp_path / "again")
    for name, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        write_parquet(tmp_path / "parquet" / f"{name}-00000-of-00001.parquet", x, y)
    hashes = [load_images(find_dataset("cifar100", [tmp_path / kind])).sha256 for kind in ("python", "parquet")]
    assert hashes[0] == hashes[1]
    other = load_images(find_dataset("digits")).sha256
    assert other != hashes[0]


def test_other_column_names(tmp_path):
    y = np.array([0, 1, 0, 1])
    for part in ("train", "test"):
        write_parquet(tmp_path / f"{part}-0.parquet", pictures(y), y, image="image", label="label")
    assert find_dataset("cifar100", [tmp_path]).labels() == [0, 1]


def test_nothing_found_lists_every_path_and_layout(tmp_path, monkeypatch):
    with pytest.raises(UserError) as error:
        find_dataset("cifar100", [tmp_path])
    message = str(error.value)
    for word in (str(tmp_path), "cifar-100-python", "datasets--uoft-cs--cifar100", "train-*.parquet", "--download"):
        assert word in message
    monkeypatch.setenv("LIFELONG_LB_DATA", str(tmp_path / "mine"))
    with pytest.raises(UserError) as error:
        find_dataset("cifar100", data_roots(None))
    assert str(tmp_path / "mine" / "cifar100") in str(error.value)


def test_a_folder_that_is_named_is_the_only_one_searched(tmp_path, monkeypatch):
    (tmp_path / "named").mkdir()
    write_cifar_parquet(tmp_path / "variable")
    monkeypatch.setenv("LIFELONG_LB_DATA", str(tmp_path / "variable"))
    assert find_dataset("cifar100", data_roots(None)).labels() == [3, 4, 10, 50]
    assert data_roots(tmp_path / "named") == [tmp_path / "named"]
    with pytest.raises(UserError, match="was not found"):
        find_dataset("cifar100", data_roots(tmp_path / "named"))
    with pytest.raises(UserError, match="--data .*nowhere: no such folder"):
        data_roots(tmp_path / "nowhere")


def test_download_only_when_asked_and_needed(tmp_path, monkeypatch):
    asked = []

    def download(root, download):
        asked.append(root)
        write_cifar_python(tmp_path / "cifar-100-python")

    monkeypatch.setattr("torchvision.datasets.CIFAR100", download)
    with pytest.raises(UserError):
        find_dataset("cifar100", [tmp_path])
    assert asked == []
    assert find_dataset("cifar100", [tmp_path], download=True).labels() == [0, 1, 2, 3]
    assert find_dataset("cifar100", [tmp_path], download=True).labels() == [0, 1, 2, 3]
    assert asked == [str(tmp_path)]


def test_a_failed_download_is_an_error(tmp_path, monkeypatch):
    def download(root, download):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.CIFAR100", download)
    with pytest.raises(UserError, match="cannot download .*no network"):
        find_dataset("cifar100", [tmp_path], download=True)


def broken(folder, how):
    write_cifar_parquet(folder, shards=2)
    first, test = folder / "train-00000-of-00002.parquet", folder / "test-00000-of-00001.parquet"
    y = np.array([3, 4])
    if how == "truncated":
        first.write_bytes(first.read_bytes()[:-300])
    elif how == "empty":
        first.write_bytes(b"")
    elif how == "shard missing":
        first.unlink()
    elif how == "no test part":
        test.unlink()
    elif how == "columns":
        write_parquet(test, pictures(y), y, image="picture")
    elif how == "size":
        write_parquet(test, pictures(y, size=16), y)
    elif how == "picture":
        write_parquet(test, [encoded(pictures(y)[0]), b"not a picture"], y)
    elif how == "middle":
        content = bytearray(first.read_bytes())
        content[4:2000] = b"\0" * 1996
        first.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", r"train-00000-of-00002\.parquet: not a valid Parquet file"),
        ("empty", r"train-00000-of-00002\.parquet: not a valid Parquet file"),
        ("shard missing", r"train-00001-of-00002\.parquet: one of 2 files, but the folder has 1"),
        ("no test part", r": no test-\*\.parquet"),
        ("columns", r"test-.*\.parquet: no column img or image; its columns are picture, fine_label"),
    ],
)
def test_broken_files_are_found_before_anything_runs(tmp_path, how, message):
    broken(tmp_path, how)
    with pytest.raises(UserError, match=message):
        find_dataset("cifar100", [tmp_path]).labels()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("size", "image 0 must have 32 x 32 pixels; got 16 x 16"),
        ("picture", "image 1 cannot be decoded"),
        ("middle", "not a valid Parquet file"),
    ],
)
def test_broken_content_is_named_when_it_is_read(tmp_path, how, message):
    broken(tmp_path, how)
    with pytest.raises(UserError, match=message):
        load_images(find_dataset("cifar100", [tmp_path]))


class Evil:
    def __reduce__(self):
        return (print, ("gotcha",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [0]}, 2), "2 images but 1 labels"),
        (pickle.dumps({b"labels": [0]}, 2), "not a CIFAR-100 file"),
        (pickle.dumps([1], 2), "not a CIFAR-100 file"),
        (pickle.dumps(Evil(), 2), "is not allowed"),
    ],
)
def test_broken_python_files_are_named_and_never_executed(tmp_path, capsys, content, message):
    write_cifar_python(tmp_path / "cifar-100-python")
    (tmp_path / "cifar-100-python" / "train").write_bytes(content)
    with pytest.raises(UserError, match=message):
        find_dataset("cifar100", [tmp_path]).labels()
    assert capsys.readouterr().out == ""


def test_digits_are_split_the_same_way_always():
    images = load_images(find_dataset("digits"))
    assert images.train.x.shape == (1442, 1, 8, 8)
    assert images.test.x.shape == (355, 1, 8, 8)
    shares = images.test.y.bincount() / (images.test.y.bincount() + images.train.y.bincount())
    assert ((shares > 0.19) & (shares < 0.21)).all()
    assert images.train.x.max() == 255
    assert images.sha256 == "759875ce62e93a13"
    pixels = images.train.x.double() / 255
    assert images.mean[0] == pytest.approx(pixels.mean().item(), abs=1e-4)
    assert images.std[0] == pytest.approx(pixels.std(unbiased=False).item(), abs=1e-4)


def test_a_train_part_without_images_is_named(tmp_path):
    write_cifar_parquet(tmp_path)
    write_parquet(tmp_path / "train-00000-of-00001.parquet", [], [])
    with pytest.raises(UserError, match="the train part has no images"):
        find_dataset("cifar100", [tmp_path]).labels()


@needs_real_cifar
def test_real_cifar_100():
    small = load_images(find_dataset("cifar100", [REAL / "cifar100-small"]))
    assert small.train.x.shape == (2000, 3, 32, 32)
    assert small.test.x.shape == (1000, 3, 32, 32)
    assert small.classes[:4] == [1, 2, 4, 11]
    assert small.train.class_names[1] == "aquarium_fish"
    assert find_dataset("cifar100", [REAL]).labels() == list(range(100))
