"""Problems found when data are read: each begins with the line of the key at fault, in validate and in run alike."""

import pickle

import numpy as np
import pytest
from helpers.image_files import pictures, write_folders

from lifelong_lb import run_study
from lifelong_lb.config import UserError, read_study
from lifelong_lb.studies.planning.validate import plan_of

Y = np.repeat(np.arange(4), 3)
VECTORS = {"x_train": np.eye(12), "y_train": Y, "x_test": np.eye(12), "y_test": Y}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    """Folders of pictures, arrays and vectors."""
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"), each=(3, 2))
    for name in ("a", "b"):
        write_folders(tmp_path / "many" / name, ("ant", "bee"), each=(3, 2))
    images = pictures(Y, 8, channels=1)[:, 0]
    np.savez(tmp_path / "arrays.npz", x_train=images, y_train=Y, x_test=images, y_test=Y)
    np.savez(tmp_path / "vectors.npz", **VECTORS)
    np.savez(tmp_path / "vectors-nan.npz", **{**VECTORS, "x_train": np.full((12, 3), np.nan)})
    (tmp_path / "damaged.npz").write_text("hello")
    (tmp_path / "batches_filelists").mkdir()
    (tmp_path / "core50_32x32").mkdir()
    return tmp_path


CASES = [
    # keys of the stream, the key at fault, the message
    ("split\n source: mine\n experiences: 3", "experiences", "experiences must divide the 4 classes found in the data"),
    ("split\n source: mine\n experiences: [3, 2]", "experiences", "experiences must add up to the 4 classes"),
    ("split\n source: mine\n experiences: [[ant, be], [cow, dog]]", "experiences", "did you mean 'bee'?"),
    (
        "split\n source: mine\n class_order: [dog, cow, bee, ent]\n experiences: 2",
        "class_order",
        "in class_order, unknown class 'ent'; did you mean 'ant'?",
    ),
    (
        "split\n source: mine\n class_order: [3, 2]\n experiences: 2",
        "class_order",
        "class_order must list each of the 4 classes found in the data once; 0, 1 are missing",
    ),
    (
        "split\n source: mine\n class_order: [dog, ant, cow]\n experiences: 2",
        "class_order",
        "class_order must list each of the 4 classes found in the data once; 'bee' is missing",
    ),
    (
        "split\n source: mine\n class_order: [dog, ant, cow, dog, bee]\n experiences: 2",
        "class_order",
        "found in the data once; 'dog' is there twice",
    ),
    (
        "split\n source: mine\n experiences: [[dog, ant], [cow]]",
        "experiences",
        "experiences must list each of the 4 classes found in the data once; 'bee' is missing",
    ),
    ("split\n source: arrays.npz\n class_order: [ant]\n experiences: 2", "class_order", "has no class names"),
    ("split\n source: mine\n validation: 0.1\n experiences: 2", "validation", "too few to hold out"),
    ("split\n label: no key\n source: mine", "name", "experiences must divide the 4 classes found in the data; got 5"),
    (
        "split\n source: mine\n experiences: 2\n scenario: class-incremental\n blurry: 0.01",
        "blurry",
        "too few to move a fraction of 0.01",
    ),
    ("split\n source: mine\n normalise: [[0.5, 0.5], [1, 1]]\n experiences: 2", "normalise", "must have 3 means"),
    ("split\n source: arrays.npz\n image_size: 8\n experiences: 2", "image_size", "applies only to pictures"),
    ("split\n experiences: 2\n source: damaged.npz", "source", "damaged.npz: "),
    ("permuted\n experiences: 2\n source: damaged.npz", "source", "damaged.npz: "),
    ("split-digits\n validation: 0.001", "validation", "too few to hold out"),
    ("vectors\n experiences: 2\n source: vectors-nan.npz", "source", "x_train"),
    ("vectors\n experiences: 3\n source: vectors.npz", "experiences", "experiences must divide the 4 classes"),
    ("vectors\n source: mine\n experiences: 2", "source", "no vectors in a known layout"),
    (
        "vectors\n source: vectors.npz\n experiences: 2\n standardise: [[0, 0], [1, 1]]",
        "standardise",
        "standardise must have 12 means and deviations, one per feature of vectors.npz; got 2",
    ),
    (
        "sources\n scenario: task-incremental\n sources:\n  - path: mine\n  - path: damaged.npz",
        "path: damaged.npz",
        "damaged.npz: ",
    ),
    ("sources\n sources:\n  - path: arrays.npz\n  - path: many/a", "sources", "must have the same classes"),
    (
        "sources\n scenario: class-incremental\n sources:\n  - path: arrays.npz\n  - path: mine",
        "sources",
        "images of arrays.npz have 8 x 8 pixels, those of mine",
    ),
    ("folders\n source: many\n experiences: 3", "experiences", "experiences must be the number of folders in"),
    ("folders\n source: many\n experiences: [a, c]", "experiences", "unknown folder 'c'"),
    ("folders\n experiences: 3\n source: mine", "experiences", "experiences must be the number of folders in"),
    ("folders\n experiences: 2\n source: mine", "source", "mine"),
    ("core50\n protocol: NC", "name", "train_batch_00_filelist.txt: missing"),
]


def study_file(root, stream):
    first, *others = stream.split("\n")
    lines = [
        "model: mlp",
        "train: {batch_size: 4}",
        "streams:",
        f"  - name: {first}",
        *(f"   {line}" for line in others),
    ]
    (root / "study.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root / "study.yaml", lines


@pytest.mark.parametrize(("stream", "key", "message"), CASES)
def test_the_line_of_the_key_is_named(root, stream, key, message):
    path, lines = study_file(root, stream)
    line = next(i for i, text in enumerate(lines, 1) if text.strip(" -").startswith(key) and i > 3)
    with pytest.raises(UserError) as of_validate:
        plan_of(read_study(path), root)
    with pytest.raises(UserError) as of_run:
        run_study(read_study(path), root / "out", executor="in-process", data=root)
    assert str(of_validate.value).startswith(f"{path}:{line}: streams[0]: ")
    assert message in str(of_validate.value)
    assert str(of_validate.value).count("streams[0]") == 1
    assert str(of_run.value) == str(of_validate.value)
    assert not (root / "out").exists()


def test_the_line_of_missing_images_is_named_in_the_warning(root):
    path, _ = study_file(root, "split\n experiences: 2\n source: elsewhere")
    (images,) = plan_of(read_study(path), root).images
    assert images.missing.startswith(f"{path}:6: streams[0]: source 'elsewhere' was not found. Tried:")
    with pytest.raises(UserError, match=r"study.yaml:6: streams\[0\]: source 'elsewhere' was not found"):
        run_study(read_study(path), root / "out", executor="in-process", data=root)


def test_places_affect_neither_equality_nor_what_is_sent_to_workers(root):
    path, _ = study_file(root, "split\n source: mine\n experiences: 2")
    stream = read_study(path).streams[0]
    path.write_text("# moved\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    moved = read_study(path).streams[0]
    assert (stream, stream.key()) == (moved, moved.key())
    assert stream.origin.of("source") != moved.origin.of("source")
    assert pickle.loads(pickle.dumps(moved)).origin.of("source") == f"{path}:6: streams[0]"
