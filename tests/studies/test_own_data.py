"""Studies of a user's own images from the command line: they run, are recorded, and bad input ends with exit code 2."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from images import encoded, pictures, write_folders
from tiny import command, write_study

SMALL = {"strategies": "naive", "rules": "none", "seeds": 1, "train": {"batch_size": 4}}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))


def study_of(tmp_path, *streams):
    return write_study(tmp_path / "study.yaml", **SMALL, streams=list(streams))


def refused(tmp_path, *streams):
    """What is said of a study that cannot be run, after seeing that nothing has been run or left behind."""
    done = command("run", study_of(tmp_path, *streams), "--out", tmp_path / "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "cache").glob("*") if len(path.name) == 16] == []
    return done.stderr


def split(source="mine", **settings):
    return {"name": "split", "source": str(source), "experiences": 2, **settings}


def test_folders_and_arrays_in_every_kind_of_stream(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"), each=(6, 3))
    x, y = pictures(np.tile(np.arange(4), 6), 8, channels=1)[:, 0], np.tile(np.arange(4), 6)
    np.savez(tmp_path / "arrays.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    streams = [
        split(),
        split("arrays.npz", scenario="class-incremental", blurry=0.2, label="blurry"),
        split(validation=0.5, evaluate="validation", images_per_class=2, label="held out"),
        {"name": "rotated", "source": "arrays.npz", "experiences": 2},
        {"name": "permuted", "source": "mine", "experiences": 2},
        {"name": "generated", "experiences": 2, "train_images": 4, "test_images": 2},
    ]
    done = command("run", study_of(tmp_path, *streams), "--out", tmp_path / "out", "--workers", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert results["stream"].tolist() == ["split", "blurry", "held out", "rotated", "permuted", "generated"]
    assert set(results["status"]) == {"done"}
    records = [
        json.loads((tmp_path / "out" / "runs" / run / "result.json").read_text())["data"] for run in results["run"]
    ]
    assert all(len(record["arrangement"]) == 16 for record in records)
    assert sorted(records[0]["class_names"]) == ["ant", "bee", "cow", "dog"]
    first = str(records[0]["class_order"][0])
    assert records[0]["label_map"][first] == [0, 0, 0]
    assert records[0]["class_order"] == records[2]["class_order"]  # the same seed
    assert records[0]["arrangement"] != records[2]["arrangement"]
    assert records[0]["sha256"] == records[4]["sha256"] != records[1]["sha256"]
    assert len(records[3]["angles"]) == 2


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda mine: shutil.rmtree(mine), "source 'mine' was not found. Tried:"),
        (lambda mine: (mine / "train/ant/0000.png").write_bytes(b"\x89PNG"), "0000.png cannot be decoded"),
        (lambda mine: (mine / "train/ant/0000.png").write_bytes(encoded(pictures([0], 9)[0])), "0000.png has 9 x 9"),
        (lambda mine: (mine / "test/bee").rename(mine / "test/bees"), "test/bees: this class has no folder in"),
        (lambda mine: shutil.rmtree(mine / "test/bee"), "test/bee: no pictures"),
        (lambda mine: shutil.rmtree(mine / "train/bee"), "this class has no folder in"),
    ],
)
def test_bad_images_are_refused(tmp_path, harm, message):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    harm(tmp_path / "mine")
    assert message in refused(tmp_path, "split-digits", split())


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (split(experiences=3), "split: experiences must divide the 4 classes found in the data; got 3"),
        (split(class_order=[0, 1, 2, 4]), "class_order must name each class found in the data once (0, 1, 2, 3)"),
        (split("elsewhere"), "source 'elsewhere' was not found"),
    ],
)
def test_streams_that_the_images_do_not_allow_are_refused(tmp_path, stream, message):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    assert message in refused(tmp_path, stream)


def test_too_few_images_are_refused_and_the_out_folder_stays_away(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    done = command("run", study_of(tmp_path, split(validation=0.1)), "--out", tmp_path / "out", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the class 0 of mine has 4 images to learn from, too few to hold out a share of 0.1" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_cache_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "file"))
    message = refused(tmp_path, split())
    assert "file: images cannot be prepared there" in message
    assert "LIFELONG_LB_CACHE names another folder for them" in message


def test_own_images_are_prepared_by_their_path(tmp_path):
    write_folders(tmp_path / "mine")
    done = command("data", "prepare", "digits", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine          12 + 6 images, digest " in done.stdout
    assert "pictures in " in command("data", "list").stdout
