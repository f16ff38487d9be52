"""Small files in the layouts of KMNIST, EMNIST, STL-10, EuroSAT, Omniglot and CLEAR-10."""

import json

import numpy as np
import pytest
import torch
from helpers.image_files import pictures, write_mnist_idx, write_pictures
from torchvision.datasets import EMNIST, STL10

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.data import find_dataset, find_images, load_images
from lifelong_lb.streams import build_stream


def entry(**settings):
    return parse_study({"streams": settings}).streams[0]


def loaded(one, root):
    return load_images(find_images(one, [root]), root / "cache")


def write_emnist(folder, split, labels):
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for part, seed in (("train", 1), ("test", 2)):
        x, y = pictures(labels, 28, seed, 1)[:, 0], np.array(labels, np.uint8)
        for kind, array, code in (("images-idx3", x, 3), ("labels-idx1", y, 1)):
            header = bytes((0, 0, 8, code)) + np.array(array.shape, ">u4").tobytes()
            (folder / f"emnist-{split}-{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
        written[part] = x
    return written


def test_kmnist_is_not_mistaken_for_mnist(tmp_path):
    write_mnist_idx(tmp_path / "KMNIST" / "raw")
    images = load_images(find_dataset("kmnist", [tmp_path]), tmp_path / "cache")
    assert images.names(range(10)) == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    for other in ("mnist", "fashion-mnist"):
        with pytest.raises(UserError, match="was not found"):
            find_dataset(other, [tmp_path / "KMNIST"])
    write_mnist_idx(tmp_path / "MNIST" / "raw")
    with pytest.raises(UserError, match="KMNIST was not found"):
        find_dataset("kmnist", [tmp_path / "MNIST"])


@pytest.mark.parametrize(
    ("name", "split", "labels", "named"),
    [
        ("emnist", "balanced", range(47), {0: "0", 10: "A", 36: "a", 46: "t"}),
        ("emnist-byclass", "byclass", range(62), {0: "0", 10: "A", 35: "Z", 36: "a", 61: "z"}),
        ("emnist-bymerge", "bymerge", range(47), {0: "0", 10: "A", 36: "a", 46: "t"}),
        ("emnist-digits", "digits", range(10), {0: "0", 9: "9"}),
        ("emnist-mnist", "mnist", range(10), {0: "0", 9: "9"}),
        ("emnist-letters", "letters", range(1, 27), {0: "a", 25: "z"}),
    ],
)
def test_emnist_is_that_of_torchvision_but_upright(name, split, labels, named, tmp_path):
    written = write_emnist(tmp_path / "EMNIST" / "raw", split, list(labels))
    images = load_images(find_dataset(name, [tmp_path]), tmp_path / "cache")
    theirs = EMNIST(tmp_path, split, train=True)
    assert torch.equal(images.train.x[:, 0].transpose(1, 2), theirs.data)
    assert images.train.y.tolist() == (theirs.targets - labels[0]).tolist() == list(range(len(labels)))
    assert torch.equal(images.test.x[:, 0].transpose(1, 2), torch.from_numpy(written["test"]))
    assert {label: images.train.class_names[label] for label in named} == named
    assert images.train.class_names == tuple(theirs.classes[labels[0] :])
    stream = build_stream(entry(name=f"split-{name}"), images, 0)
    assert sum(len(experience.dataset) for experience in stream.train) == len(labels)


def test_every_split_of_emnist_is_known_and_beside_the_others(tmp_path):
    sizes = {"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10}
    assert set(sizes) == set(EMNIST.splits)
    for split, classes in sizes.items():
        first = int(split == "letters")
        write_emnist(tmp_path / "gzip", split, list(range(first, first + classes)))
    for split, classes in sizes.items():
        name = "emnist" if split == "balanced" else f"emnist-{split}"
        source = find_dataset(name, [tmp_path])
        assert (source.split, source.labels()) == (split, list(range(classes)))
        assert entry(name=f"split-{name}").classes == classes
        assert entry(name="sources", sources=[{"name": name}], scenario="class-incremental").sources[0].name == name
    with pytest.raises(UserError, match="MNIST was not found"):
        find_dataset("mnist", [tmp_path / "gzip"])


def test_emnist_with_a_label_too_large_is_named(tmp_path):
    write_emnist(tmp_path / "raw", "letters", [*range(1, 27), 27])
    with pytest.raises(UserError, match="labels must be 0 to 26; got 27"):
        load_images(find_dataset("emnist-letters", [tmp_path]), tmp_path / "cache")


def write_stl10(folder):
    folder.mkdir(parents=True)
    for part, each in (("train", 2), ("test", 1)):
        y = np.repeat(np.arange(1, 11), each).astype(np.uint8)
        (folder / f"{part}_X.bin").write_bytes(pictures(y, 96, 3).tobytes())
        (folder / f"{part}_y.bin").write_bytes(y.tobytes())
    (folder / "class_names.txt").write_text("\n".join(f"kind{i}" for i in range(10)))


def test_stl10_is_that_of_torchvision(tmp_path, monkeypatch):
    write_stl10(tmp_path / "stl10_binary")
    images = load_images(find_dataset("stl10", [tmp_path]), tmp_path / "cache")
    monkeypatch.setattr(STL10, "_check_integrity", lambda self: True)
    for part, split in ((images.train, "train"), (images.test, "test")):
        theirs = STL10(tmp_path, split)
        assert np.array_equal(part.x.numpy(), theirs.data)
        assert part.y.tolist() == theirs.labels.tolist()
    assert images.train.class_names[9] == "kind9"
    (tmp_path / "stl10_binary" / "test_X.bin").write_bytes(b"short")
    with pytest.raises(UserError, match=r"test_X\.bin: must have 276,480 bytes for its labels; got 5"):
        find_dataset("stl10", [tmp_path]).read()
    (tmp_path / "stl10_binary" / "test_y.bin").write_bytes(bytes((1, 0)))
    with pytest.raises(UserError, match=r"test_y\.bin: labels must be 1 to 10"):
        find_dataset("stl10", [tmp_path]).labels()


EUROSAT = (
    "AnnualCrop",
    "Forest",
    "Herbaceous",
    "Highway",
    "Industrial",
    "Pasture",
    "Permanent",
    "Residential",
    "River",
    "Sea",
)


def test_every_fifth_picture_of_eurosat_is_a_test_picture(tmp_path):
    for name in EUROSAT:
        write_pictures(tmp_path / "eurosat" / "2750" / name, range(11), 64, name=name + "_{:02d}.jpg", ending="JPEG")
    source = find_dataset("eurosat", [tmp_path])
    assert source.labels() == list(range(10))
    assert [p.name for p, label in source.listing.test if label == 1] == ["Forest_04.jpg", "Forest_09.jpg"]
    images = load_images(source, tmp_path / "cache")
    assert (len(images.train.y), len(images.test.y)) == (90, 20)
    assert images.train.class_names == EUROSAT
    for path in (tmp_path / "eurosat" / "2750" / "Sea").iterdir():
        if path.name > "Sea_02.jpg":
            path.unlink()
    with pytest.raises(UserError, match="Sea: needs pictures for training and for testing; got 3 and 0"):
        find_dataset("eurosat", [tmp_path]).labels()


def write_omniglot(folder):
    for alphabet, characters in (("Greek", 3), ("Latin", 2)):
        for i in range(1, characters + 1):
            write_pictures(
                folder / alphabet / f"character{i:02d}", range(1, 21), 35, 1, f"{i:04d}_{{:02d}}.png", seed=i
            )


def test_alphabets_of_omniglot_are_experiences(tmp_path):
    write_omniglot(tmp_path / "omniglot-py" / "images_background")
    one = entry(name="omniglot", experiences=2, image_size=14)
    stream = build_stream(one, loaded(one, tmp_path), 0)
    assert stream.shape.classes_an_experience == (3, 2)
    assert stream.shape.image == (1, 14, 14)
    assert [len(experience.dataset) for experience in (*stream.train, *stream.test)] == [45, 30, 15, 10]
    latin = entry(name="omniglot", experiences=["Latin"], image_size=14)
    assert loaded(latin, tmp_path).names([0, 1]) == ("Latin character01", "Latin character02")
    with pytest.raises(
        UserError, match=r"streams\[0\]: .*images_background: unknown folder 'Latn'; did you mean 'Latin'"
    ):
        find_images(entry(name="omniglot", experiences=["Latn"]), [tmp_path])
    with pytest.raises(UserError, match=r"streams\[0\]: experiences must be the number of folders in .*, 2, or a list"):
        find_images(entry(name="omniglot"), [tmp_path])
    (tmp_path / "omniglot-py" / "images_background" / "Latin" / "character01" / "0001_01.png").rename(
        tmp_path / "omniglot-py" / "images_background" / "Latin" / "character01" / "new.png"
    )
    with pytest.raises(UserError, match=r"new\.png: an Omniglot picture ends with _01\.png to _20\.png"):
        find_images(latin, [tmp_path]).labels()


def write_clear(root, classes=("BACKGROUND", "bus")):
    for part, each in (("train", 3), ("test", 1)):
        periods = {}
        for period in range(1, 11):
            for kind in classes:
                images = root / part / "labeled_images" / str(period) / kind
                write_pictures(images, range(each), 40, name="{:03d}.jpg", ending="JPEG", seed=period)
                listed = root / part / "labeled_metadata" / str(period) / f"{kind}.json"
                listed.parent.mkdir(parents=True, exist_ok=True)
                paths = {str(i): {"IMG_PATH": f"labeled_images/{period}/{kind}/{i:03d}.jpg"} for i in range(each)}
                listed.write_text(json.dumps(paths))
                periods.setdefault(str(period), {})[kind] = f"labeled_metadata/{period}/{kind}.json"
        (root / part / "labeled_metadata.json").write_text(json.dumps(periods))
        (root / part / "class_names.txt").write_text("\n".join(classes))


def test_periods_of_clear_are_domains(tmp_path):
    write_clear(tmp_path / "clear10")
    one = entry(name="clear10", image_size=20)
    stream = build_stream(one, loaded(one, tmp_path), 0)
    assert (stream.shape.experiences, stream.shape.classes, stream.shape.image) == (10, 2, (3, 20, 20))
    assert [len(experience.dataset) for experience in (*stream.train, *stream.test)] == [6] * 10 + [2] * 10
    assert stream.class_names[:2] == ("bucket 1 BACKGROUND", "bucket 1 bus")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labeled_metadata.json", "{}", r"labeled_metadata\.json: has no period 1"),
        ("labeled_metadata.json", "[", r"labeled_metadata\.json: not valid JSON"),
        ("labeled_metadata/2/bus.json", "[]", r"bus\.json: must be a mapping"),
        ("labeled_metadata/2/bus.json", '{"0": {}}', r"bus\.json: must name files below .*train; got None"),
        (
            "labeled_metadata/2/bus.json",
            '{"0": {"IMG_PATH": "../x.jpg"}}',
            r"must name files below .*; got '\.\./x\.jpg'",
        ),
        ("labeled_metadata/2/bus.json", '{"0": {"IMG_PATH": "x.jpg"}}', r"x\.jpg: missing, but listed in .*bus\.json"),
    ],
)
def test_bad_metadata_of_clear_is_named(file, content, message, tmp_path):
    write_clear(tmp_path)
    (tmp_path / "train" / file).write_text(content)
    with pytest.raises(UserError, match=message):
        find_images(entry(name="clear10"), [tmp_path]).labels()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "core50", "run": 10}, "run: must be a whole number from 0 to 9; got 10"),
        ({"name": "core50", "experiences": 3}, r"experiences must be 9 for protocol NC \(use first for fewer\); got 3"),
        (
            {"name": "core50", "scenario": "domain-incremental"},
            "scenario must be class-incremental or task-incremental",
        ),
        (
            {"name": "core50", "protocol": "NI", "scenario": "class-incremental"},
            "scenario must be domain-incremental for protocol NI; got class-incremental",
        ),
        ({"name": "clear10", "experiences": 4}, "experiences: must be 10; got 4"),
        ({"name": "omniglot", "scenario": "domain-incremental"}, "scenario: must be 'task-incremental' or"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        entry(**settings)
