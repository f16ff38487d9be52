"""A user's own images: their layout is detected, they are read exactly, and errors name the file."""

import io
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from helpers.image_files import (
    encoded,
    pictures,
    write_cifar10_python,
    write_cifar_parquet,
    write_cifar_python,
    write_cub,
    write_folders,
    write_mnist_idx,
    write_parquet,
    write_tiny_imagenet,
)
from PIL import Image

from lifelong_lb.config import UserError
from lifelong_lb.data import MissingImagesError, load_images, user_source


def read(place, **settings):
    return load_images(user_source(str(place), [], **settings))


def check_read(place, train, test, **settings):
    source = user_source(str(place), [], **settings)
    assert source.labels() == sorted(set(train[1].tolist()))
    images = load_images(source)
    for part, (x, y) in ((images.train, train), (images.test, test)):
        assert torch.equal(part.x, torch.from_numpy(x))
        assert part.y.tolist() == y.tolist()
    return images


def arrays(x_train, y_train, x_test, y_test):
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@pytest.fixture
def parts():
    y_train, y_test = np.repeat([0, 3, 7], 4), np.repeat([0, 3, 7], 2)
    return (pictures(y_train, 6, 1), y_train), (pictures(y_test, 6, 2), y_test)


def write_arrays(place, train, test, names=("x_train", "y_train", "x_test", "y_test"), **more):
    values = dict(zip(names, (*train, *test), strict=True)) | more
    if place.suffix == ".npz":
        np.savez_compressed(place, **values)
        return
    place.mkdir()
    for name, value in values.items():
        np.save(place / f"{name}.npy", value)


@pytest.mark.parametrize("place", ["mine.npz", "mine"])
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
    ],
)
def test_arrays_are_read_exactly(tmp_path, parts, place, names):
    write_arrays(tmp_path / place, *parts, names, class_names=np.array(list("abcdefgh")))
    images = check_read(tmp_path / place, *parts)
    assert images.train.class_names == tuple("abcdefgh")
    assert images.mean == pytest.approx(parts[0][0].mean(axis=(0, 2, 3)) / 255, abs=1e-6)
    assert images.std == pytest.approx(parts[0][0].std(axis=(0, 2, 3)) / 255, abs=1e-6)


FORMS = {
    "channels last": lambda x: x.transpose(0, 2, 3, 1),
    "whole numbers": lambda x: x.astype(np.int64),
    "whole floats": lambda x: x.astype(np.float32),
    "fractions": lambda x: x / 255,
    "Fortran order": np.asfortranarray,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_images_in_other_forms(tmp_path, parts, form):
    (x_train, y_train), (x_test, y_test) = parts
    written = arrays(form(x_train), y_train[:, None], form(x_test), y_test.astype(np.float64))
    np.savez(tmp_path / "mine.npz", **written)
    check_read(tmp_path / "mine.npz", *parts)


def test_grey_images_and_one_grey_part(tmp_path, parts):
    (x_train, y_train), (x_test, y_test) = parts
    grey_train, grey_test = x_train[:, 0], x_test[:, :1].transpose(0, 2, 3, 1)
    np.savez(tmp_path / "grey.npz", **arrays(grey_train, y_train, grey_test, y_test))
    check_read(tmp_path / "grey.npz", (x_train[:, :1], y_train), (x_test[:, :1], y_test))
    np.savez(tmp_path / "mixed.npz", **arrays(x_train, y_train, grey_test, y_test))
    check_read(tmp_path / "mixed.npz", (x_train, y_train), (x_test[:, :1].repeat(3, axis=1), y_test))


@pytest.mark.parametrize("part", ["test", "val", "valid"])
def test_folders_of_pictures(tmp_path, part):
    train, test = write_folders(tmp_path, parts=("train", part))
    images = check_read(tmp_path, train, test)
    assert images.train.class_names == ("ant", "bee", "cow")


def test_the_test_part_is_preferred_to_the_validation_part(tmp_path):
    write_folders(tmp_path, each=(4, 3), parts=("train", "val"))
    train, test = write_folders(tmp_path)
    check_read(tmp_path, train, test)


def test_grey_pictures_become_rgb_where_others_are(tmp_path):
    train, test = write_folders(tmp_path, channels=1)
    assert check_read(tmp_path, train, test).train.x.shape[1] == 1
    colour = pictures([2], 12)[0]
    (tmp_path / "test" / "cow" / "0005.png").write_bytes(encoded(colour))
    images = read(tmp_path)
    assert torch.equal(images.train.x, torch.from_numpy(train[0].repeat(3, axis=1)))
    assert torch.equal(images.test.x[-1], torch.from_numpy(colour))


def test_tiny_imagenet_in_its_own_layout(tmp_path):
    y_train, y_test = write_tiny_imagenet(tmp_path / "tiny-imagenet-200")
    images = read(tmp_path / "tiny-imagenet-200")
    assert images.train.x.shape == (12, 3, 64, 64)
    assert images.train.y.tolist() == y_train.tolist()
    assert images.test.y.tolist() == y_test.tolist()
    assert images.train.class_names[1] == "n00000001"
    assert torch.equal(images.train.x[0, 0], images.train.x[0, 2])  # the grey one
    assert not torch.equal(images.train.x[1, 0], images.train.x[1, 2])


def test_other_layouts_are_known_by_their_files(tmp_path):
    check_read(tmp_path / "parquet", *write_cifar_parquet(tmp_path / "parquet", shards=2))
    check_read(tmp_path / "python", *write_cifar_python(tmp_path / "python"))
    check_read(tmp_path / "python10", *write_cifar10_python(tmp_path / "python10"))
    check_read(tmp_path / "idx", *write_mnist_idx(tmp_path / "idx", compressed=True))
    write_cub(tmp_path / "cub")
    images = read(tmp_path / "cub", image_size=16)
    assert images.train.x.shape == (4, 3, 16, 16)
    assert (images.train.y.tolist(), images.test.y.tolist()) == ([0, 0, 1, 1], [0, 1])
    assert images.train.class_names == ("001.Bird_0", "002.Bird_1")
    assert images.train.x[0].unique().tolist() == [10]
    assert images.train.x[2].unique().tolist() == [50]


def test_a_hub_folder_is_entered(tmp_path):
    y = np.array([0, 1, 0, 1])
    for part in ("train", "validation"):
        write_parquet(tmp_path / "data" / f"{part}-00000-of-00001.parquet", pictures(y), y, "image", "label")
    assert read(tmp_path).test.y.tolist() == y.tolist()
    cached = tmp_path / "datasets--me--mine" / "snapshots" / "abc" / "data"
    cached.parent.mkdir(parents=True)
    shutil.move(tmp_path / "data", cached)
    assert read(tmp_path / "datasets--me--mine").train.y.tolist() == y.tolist()


def test_image_size_crops_and_scales_pictures(tmp_path):
    write_folders(tmp_path)
    wide = np.zeros((3, 20, 60), np.uint8)
    wide[:, :, 20:40] = 200  # the centre, which is kept
    (tmp_path / "train" / "ant" / "0000.png").write_bytes(encoded(wide))
    images = read(tmp_path, image_size=10)
    assert images.train.x.shape == (12, 3, 10, 10)
    assert images.train.x[0, :, :, 2:8].unique().tolist() == [200]
    with pytest.raises(
        UserError, match=r"ant/0000\.png has 20 x 60 pixels; 17 of 18 pictures have 12 x 12\. Set image_size: 12 in"
    ):
        read(tmp_path)


def test_order_in_which_a_relative_path_is_searched(tmp_path, parts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_arrays(tmp_path / "mine.npz", *parts)
    other = tmp_path / "data"
    other.mkdir()
    assert str(tmp_path / "mine.npz") in user_source("mine.npz", [other]).description
    write_arrays(other / "mine.npz", *parts)
    assert str(other / "mine.npz") in user_source("mine.npz", [other]).description
    with pytest.raises(UserError) as error:
        user_source("others.npz", [other])
    assert str(other / "others.npz") in str(error.value)


def test_a_missing_file_that_lies_one_folder_deeper_is_suggested(tmp_path, monkeypatch):
    root = tmp_path / "data"
    for folder in ("usps", "b/usps", "b/c"):
        (root / folder).mkdir(parents=True)
    (root / "usps/usps.npz").touch()
    (root / "b/c/deep.npz").touch()

    def message(source):
        with pytest.raises(MissingImagesError) as error:
            user_source(source, [tmp_path / "absent", root])
        return str(error.value)

    assert message("usps.npz").startswith("source 'usps.npz' was not found; did you mean 'usps/usps.npz'? Tried:\n  ")
    assert message("b/deep.npz").startswith("source 'b/deep.npz' was not found; did you mean 'b/c/deep.npz'? Tried:")
    assert message("deep.npz").startswith("source 'deep.npz' was not found. Tried:")  # two folders deeper
    monkeypatch.setattr("lifelong_lb.data.user_data.MAX_SUBFOLDERS", 0)
    assert message("usps.npz").startswith("source 'usps.npz' was not found. Tried:")


def test_a_folder_with_one_archive_suggests_the_archive(tmp_path):
    (tmp_path / "usps").mkdir()
    (tmp_path / "usps/usps.npz").touch()
    archive = re.escape(str(tmp_path / "usps/usps.npz"))
    with pytest.raises(
        UserError, match=rf"usps: no images in a known layout; did you mean {archive}\? Known layouts:\n"
    ):
        user_source("usps", [tmp_path])
    (tmp_path / "usps/other.npz").touch()
    with pytest.raises(UserError, match=r"usps: no images in a known layout\. Known layouts:\n"):
        user_source("usps", [tmp_path])


def test_an_unknown_layout_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no images in a known layout.*\n.*x_train\.npy"):
        user_source(str(tmp_path / "empty"), [])
    (tmp_path / "x.csv").write_text("1,2")
    with pytest.raises(UserError, match=r"x\.csv: a source must be a folder or an \.npz file"):
        user_source(str(tmp_path / "x.csv"), [])
    for name in ("one", "two"):
        write_folders(tmp_path / "many" / name)
    with pytest.raises(UserError, match=r"contains several data sets; choose one of .*one, .*two"):
        user_source(str(tmp_path / "many"), [])
    np.savez(tmp_path / "mine.npz", x=1)
    with pytest.raises(UserError, match="image_size applies only to pictures and Parquet files"):
        user_source(str(tmp_path / "mine.npz"), [], image_size=8)


class Evil:
    def __reduce__(self):
        return (print, ("gotcha",))


X, Y = pictures([0, 1, 2, 3], 6), np.arange(4)
BAD_ARRAYS = {
    "missing array": (
        arrays(X, Y, X, Y) | {"x_test": None},
        r"no array x_test or X_test.*its arrays are x_train",
    ),
    "fewer labels": (arrays(X, Y[:3], X, Y), r"4 images in x_train and 3 labels"),
    "one-hot labels": (
        arrays(X, np.eye(4), X, Y),
        r"y_train must contain one integer per image; got float64 \(4, 4\)",
    ),
    "texts": (arrays(X, Y.astype(str), X, Y), "y_train must contain one integer per image"),
    "fractions of labels": (arrays(X, Y + 0.5, X, Y), "y_train must contain one integer per image"),
    "too bright": (arrays(X.astype(int) + 1, Y, X, Y), r"x_train must contain integers from 0 to 255.*to 256"),
    "negative": (arrays(X / 255 - 0.5, Y, X, Y), r"x_train must contain .*floats from 0 to 1; got float64 from -0\.5"),
    "not finite": (arrays(X / 255 + np.nan, Y, X, Y), "got float64 from nan to nan"),
    "another size": (arrays(X, Y, X[:, :, :5], Y), "training images have 6 x 6 pixels, test images 5 x 6"),
    "five channels": (arrays(np.zeros((4, 5, 6, 6)), Y, X, Y), r"x_train must be \(N, H, W\).*got \(4, 5, 6, 6\)"),
    "flat": (arrays(X.reshape(4, -1), Y, X, Y), r"x_train must be \(N, H, W\)"),
    "channels in doubt": (arrays(X[..., :3], Y, X, Y), r"x_train must be .* got \(4, 3, 6, 3\)"),
    "empty": (arrays(X[:0], Y[:0], X, Y), "0 images in x_train"),
    "objects": (arrays(X, np.array([Evil()] * 4, dtype=object), X, Y), "damaged, or not plain arrays"),
    "black": (arrays(X * 0, Y, X, Y), "all pixels of channel 0 of the training images have the value 0"),
}


@pytest.mark.parametrize("place", ["mine.npz", "mine"])
@pytest.mark.parametrize(("values", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_bad_arrays_are_named(tmp_path, capsys, values, message, place):
    values = {name: value for name, value in values.items() if value is not None}
    write_arrays(tmp_path / place, (values["x_train"], values["y_train"]), (X, values["y_test"]), **values)
    if "x_test" not in values and place == "mine":
        (tmp_path / place / "x_test.npy").unlink()
    elif "x_test" not in values:
        np.savez(tmp_path / place, **values)
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path / place)
    assert message.startswith("all pixels") or str(tmp_path / "mine") in str(error.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"no archive", pickle.dumps(Evil()), b"PK\x03\x04 broken"])
def test_a_broken_archive_is_named_and_never_executed(tmp_path, capsys, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"mine\.npz: (damaged|not an archive)"):
        user_source(str(tmp_path / "mine.npz"), []).labels()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_a_truncated_archive_is_named(tmp_path, parts, keep):
    write_arrays(tmp_path / "mine.npz", *parts)
    content = (tmp_path / "mine.npz").read_bytes()
    (tmp_path / "mine.npz").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UserError, match=r"mine\.npz: damaged"):
        read(tmp_path / "mine.npz")


def test_an_archive_with_a_damaged_array_is_named(tmp_path, parts):
    write_arrays(tmp_path / "mine.npz", *parts)
    content = bytearray((tmp_path / "mine.npz").read_bytes())
    content[200:260] = b"\xff" * 60
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"mine\.npz: damaged"):
        read(tmp_path / "mine.npz")


def sixteen_bits():
    stream = io.BytesIO()
    Image.fromarray(np.full((12, 12), 40_000, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


WHOLE = encoded(pictures([0], 12)[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"0001\.png cannot be decoded"),
        (b"<html>", r"0001\.png cannot be decoded"),
        (WHOLE[:-100], r"0001\.png cannot be decoded"),
        (WHOLE[:60], r"0001\.png cannot be decoded"),
        (encoded(pictures([0], 9)[0]), r"0001\.png has 9 x 9 pixels; 17 of 18 pictures have 12 x 12"),
        (sixteen_bits(), r"0001\.png must have at most eight bits per channel; got pixels of mode I;16"),
    ],
)
def test_a_bad_picture_is_named_and_nothing_is_prepared(tmp_path, content, message):
    write_folders(tmp_path / "mine")
    (tmp_path / "mine" / "train" / "ant" / "0001.png").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_images(user_source(str(tmp_path / "mine"), []), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == ["digests"]


def test_inconsistent_folders_are_named(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "test" / "dog").mkdir()
    with pytest.raises(UserError, match=r"test/dog: no folder of this class in .*train"):
        user_source(str(tmp_path), []).labels()
    (tmp_path / "train" / "dog").mkdir()
    (tmp_path / "train" / "dog" / "notes.txt").write_text("woof")
    with pytest.raises(UserError, match=r"train/dog: no pictures \(\.bmp, \.gif, .*, \.webp\) of this class"):
        user_source(str(tmp_path), []).labels()
    shutil.rmtree(tmp_path / "test")
    with pytest.raises(
        UserError, match="no folder test or Test or val or valid or validation with one folder per class"
    ):
        user_source(str(tmp_path), []).labels()


def test_tiny_imagenet_with_wrong_annotations_is_named(tmp_path):
    write_tiny_imagenet(tmp_path)
    notes = tmp_path / "val" / "val_annotations.txt"
    right = notes.read_text()
    for wrong, message in (
        ("val_9.JPEG\tn00000000\t0\n", r"val_9\.JPEG: missing, but listed in line 1 of .*val_annotations\.txt"),
        ("val_0.JPEG\tn99999999\t0\n", r"val_annotations\.txt: line 1: class 'n99999999' has no folder"),
        ("val_0.JPEG\n", r"val_annotations\.txt: line 1: needs 2 words; got 1"),
    ):
        notes.write_text(wrong + right)
        with pytest.raises(UserError, match=message):
            user_source(str(tmp_path), []).labels()


def test_cub_with_inconsistent_files_is_named(tmp_path):
    write_cub(tmp_path / "cub")
    (tmp_path / "cub" / "image_class_labels.txt").write_text("1 1\n")
    with pytest.raises(UserError, match=r"images\.txt: line 2: no class or part"):
        user_source(str(tmp_path / "cub"), []).labels()
    (tmp_path / "cub" / "images" / "001.Bird_0" / "Bird_1.jpg").unlink()
    with pytest.raises(UserError, match=r"Bird_1\.jpg: missing, but listed in line 1 of .*images\.txt"):
        user_source(str(tmp_path / "cub"), []).labels()
    (tmp_path / "cub" / "classes.txt").unlink()
    with pytest.raises(UserError, match=r"classes\.txt: missing"):
        user_source(str(tmp_path / "cub"), []).labels()


def test_a_picture_moved_to_another_class_is_another_data_set(tmp_path):
    write_folders(tmp_path)
    first = read(tmp_path)
    shutil.move(tmp_path / "train" / "ant" / "0003.png", tmp_path / "train" / "bee" / "0003.png")
    second = read(tmp_path)
    assert second.train.y.tolist() == [0] * 3 + [1] * 5 + [2] * 4
    assert second.sha256 != first.sha256


def test_impossible_paths_are_not_found():
    for place in ("x" * 5000, "~no-such-user/x", "a/" * 3000):
        with pytest.raises(MissingImagesError, match="was not found") as error:
            user_source(place, [])
        assert len(str(error.value)) < 3000
