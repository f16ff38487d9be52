"""lifelong-lb data: list, prepare, verify."""

from images import write_cifar_parquet
from tiny import command


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
    assert "as it was made" in command("data", "verify").stdout
    (image,) = (tmp_path / "cache").glob("*/train-x.npy")
    image.write_bytes(image.read_bytes()[:-1] + b"\x07")
    found = command("data", "verify")
    assert found.returncode == 1
    assert "broken, removed" in found.stdout
    assert not image.exists()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    done = command("data", "list", "--data", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such folder" in done.stderr


def test_a_misspelt_data_set_is_told():
    done = command("data", "prepare", "cifar1000")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: unknown data set 'cifar1000'; did you mean 'cifar100'?")
