"""lifelong-lb data: list, prepare, verify."""

import numpy as np
import pytest
from helpers.image_files import write_cifar_parquet
from helpers.tiny_study import command

pytestmark = pytest.mark.slow


def test_data_sets_are_listed_prepared_and_verified(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    write_cifar_parquet(tmp_path / "data" / "cifar100")
    done = command("data", "prepare", "cifar100", "--data", tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("cifar100      24 + 8 images, digest ")
    listed = command("data", "list", "--data", tmp_path / "data")
    assert listed.returncode == 0
    assert f"cifar100      parquet files in {tmp_path / 'data' / 'cifar100'}\n" in listed.stdout
    assert "mnist         not found\n" in listed.stdout
    assert f"prepared      {tmp_path / 'cache'}" in listed.stdout
    assert "unfinished" not in listed.stdout
    blocks = tmp_path / "cache" / "features" / ".unfinished-0123456789abcdef"
    blocks.mkdir(parents=True)
    assert f"unfinished    {blocks} (0 MB)\n" in command("data", "list").stdout
    assert "intact" in command("data", "verify").stdout
    (image,) = (tmp_path / "cache").glob("*/train-x.npy")
    image.write_bytes(image.read_bytes()[:-1] + b"\x07")
    found = command("data", "verify")
    assert found.returncode == 1
    assert "damaged, removed" in found.stdout
    assert not image.exists()


def test_a_missing_folder_is_refused(tmp_path):
    done = command("data", "list", "--data", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such folder" in done.stderr


def test_a_misspelt_data_set_is_refused():
    done = command("data", "prepare", "cifar1000")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown data set 'cifar1000'; did you mean 'cifar100'?")


def test_own_images_are_searched_below_data(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    x, y = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "data" / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    done = command("data", "prepare", "mine.npz", "--data", tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mine.npz      4 + 4 images, digest ")
    assert "unknown data set 'yours.npz'" in command("data", "prepare", "yours.npz", "--data", tmp_path / "data").stderr
