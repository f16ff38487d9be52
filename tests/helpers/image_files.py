"""Small data sets in the layouts of real ones, and the folder of the real ones."""

import functools
import gzip
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lifelong_lb.data import find_dataset, load_images

REAL = Path(os.environ.get("LIFELONG_LB_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
"""Real images, if there are any beside the checkout."""

needs_real_cifar = pytest.mark.skipif(
    not (REAL / "cifar100").is_dir(), reason=f"real CIFAR-100 is not at {REAL} (set LIFELONG_LB_TEST_DATA)"
)
needs_real_mnist = pytest.mark.skipif(
    not (REAL / "mnist").is_dir(), reason=f"real MNIST is not at {REAL} (set LIFELONG_LB_TEST_DATA)"
)


@functools.cache
def real_mnist():
    """Real MNIST, cached because decoding takes seconds."""
    return load_images(find_dataset("mnist", [REAL]))


def pictures(labels, size=32, seed=0, channels=3):
    """One random picture per label, uint8 (N, channels, size, size)."""
    return np.random.default_rng(seed).integers(0, 256, (len(labels), channels, size, size), dtype=np.uint8)


def encoded(picture, kind="PNG"):
    stream = io.BytesIO()
    pixels = picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write_parquet(path, x, y, image="img", label="fine_label", names=("apple", "bear")):
    """A file in the column layout of the Hugging Face hub."""
    features = {image: {"_type": "Image"}, label: {"names": list(names), "_type": "ClassLabel"}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": encoded(picture) if not isinstance(picture, bytes) else picture, "path": None} for picture in x]
    table = pa.table({image: pa.array(rows, kind), label: pa.array([int(v) for v in y], pa.int64())})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=7)


def write_cifar_parquet(folder, classes=(3, 4, 10, 50), train_each=6, test_each=2, shards=1):
    """Write a small CIFAR-100; return train and test pictures and labels."""
    y_train, y_test = np.repeat(classes, train_each), np.repeat(classes, test_each)
    x_train, x_test = pictures(y_train, seed=1), pictures(y_test, seed=2)
    for i, part in enumerate(np.array_split(np.arange(len(y_train)), shards)):
        write_parquet(folder / f"train-{i:05d}-of-{shards:05d}.parquet", x_train[part], y_train[part])
    write_parquet(folder / "test-00000-of-00001.parquet", x_test, y_test)
    return (x_train, y_train), (x_test, y_test)


def write_cifar_python(folder, classes=(0, 1, 2, 3), train_each=5, test_each=2):
    """torchvision's layout."""
    folder.mkdir(parents=True)
    written = []
    for name, each, seed in (("train", train_each, 1), ("test", test_each, 2)):
        y = np.repeat(classes, each)
        x = pictures(y, seed=seed)
        content = {
            b"data": x.reshape(len(x), -1),
            b"fine_labels": y.tolist(),
            b"coarse_labels": [0] * len(y),
            b"filenames": [b"x.png"] * len(y),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        written.append((x, y))
    (folder / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"apple", b"bear", b"cup", b"dog"]}, protocol=2))
    return written


def write_cifar10_python(folder, each=2):
    """torchvision's layout of CIFAR-10: five training files and one test file."""
    folder.mkdir(parents=True)
    parts = {}
    for i, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        y = np.repeat(np.arange(10), each)
        x = pictures(y, seed=i)
        content = {
            b"data": x.reshape(len(x), -1),
            b"labels": y.tolist(),
            b"batch_label": b"one",
            b"filenames": [b"x.png"] * len(y),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        parts[name] = (x, y)
    names = [f"kind {i}".encode() for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": names, b"num_vis": 3072}, protocol=2))
    *train, test = parts.values()
    return (np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train])), test


def write_folders(folder, classes=("ant", "bee", "cow"), each=(4, 2), parts=("train", "test"), size=12, channels=3):
    """torchvision's ImageFolder; return train and test pictures and labels in the order of the files."""
    written = []
    for part, count, seed in zip(parts, each, (1, 2), strict=True):
        y = np.repeat(np.arange(len(classes)), count)
        x = pictures(y, size, seed, channels)
        for i, (picture, label) in enumerate(zip(x, y, strict=True)):
            path = folder / part / classes[label] / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(picture))
        written.append((x, y))
    return written


def write_tiny_imagenet(folder, classes=4, each=(3, 2), size=64):
    """Tiny ImageNet's layout with JPEG files, one of them grey; return train and test labels."""
    wnids = [f"n{i:08d}" for i in range(classes)]
    y_train, y_test = (np.repeat(np.arange(classes), count) for count in each)
    for i, (picture, label) in enumerate(zip(pictures(y_train, size, 1), y_train, strict=True)):
        path = folder / "train" / wnids[label] / "images" / f"{wnids[label]}_{i}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture[:1] if i == 0 else picture, "JPEG"))
    for wnid in wnids:
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("nothing of interest")
    images = folder / "val" / "images"
    images.mkdir(parents=True)
    shuffled = np.random.default_rng(0).permutation(len(y_test))
    for i, (picture, label) in enumerate(zip(pictures(y_test, size, 2), y_test[shuffled], strict=True)):
        (images / f"val_{i}.JPEG").write_bytes(encoded(picture, "JPEG"))
        with (folder / "val" / "val_annotations.txt").open("a") as notes:
            notes.write(f"val_{i}.JPEG\t{wnids[label]}\t0\t0\t62\t62\n")
    (folder / "test" / "images").mkdir(parents=True)
    (folder / "test" / "images" / "test_0.JPEG").write_bytes(encoded(pictures([0], size)[0], "JPEG"))
    (folder / "wnids.txt").write_text("\n".join(reversed(wnids)))
    return y_train, y_test[shuffled]


def write_cub(folder, classes=2, each=3):
    """CUB-200-2011's layout with pictures of different sizes, the last of each class for testing."""
    folder.mkdir(parents=True)
    tables = {name: [] for name in ("images", "image_class_labels", "train_test_split", "classes")}
    number = 0
    for label in range(classes):
        name = f"{label + 1:03d}.Bird_{label}"
        tables["classes"].append(f"{label + 1} {name}")
        for i in range(each):
            number += 1
            path = folder / "images" / name / f"Bird_{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = np.full((3, 30 + number, 50 - number), 40 * label + 10, np.uint8)
            path.write_bytes(encoded(picture, "JPEG"))
            tables["images"].append(f"{number} {name}/{path.name}")
            tables["image_class_labels"].append(f"{number} {label + 1}")
            tables["train_test_split"].append(f"{number} {int(i < each - 1)}")
    for name, lines in tables.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def write_svhn(folder, each=(2, 1)):
    """SVHN's layout, where label 10 means the digit 0; return train and test pictures and digits."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for part, count, seed in (("train", each[0], 1), ("test", each[1], 2)):
        y = np.repeat(np.arange(10), count)
        x = pictures(y, 32, seed)
        labels = np.where(y == 0, 10, y).astype(np.uint8)[:, None]
        savemat(folder / f"{part}_32x32.mat", {"X": x.transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
        written.append((x, y))
    return written


def write_five(root):
    """All five data sets of five-datasets in their layouts; return their train and test parts."""
    return {
        "svhn": write_svhn(root / "svhn"),
        "mnist": write_mnist_idx(root / "MNIST" / "raw", each=2),
        "cifar10": write_cifar10_python(root / "cifar-10-batches-py"),
        "notmnist": write_folders(
            root / "notMNIST", tuple("ABCDEFGHIJ"), (2, 1), parts=("Train", "Test"), size=28, channels=1
        ),
        "fashion-mnist": write_mnist_idx(root / "FashionMNIST" / "raw", each=4, compressed=True),
    }


def write_mnist_parquet(folder, each=3):
    """Write a small MNIST in the layout of the hub; return train and test pictures and labels."""
    written = []
    for part, count, seed in (("train", each, 1), ("test", 1, 2)):
        y = np.repeat(np.arange(10), count)
        x = pictures(y, 28, seed, channels=1)
        write_parquet(folder / f"{part}-00000-of-00001.parquet", x, y, image="image", label="label", names="0123456789")
        written.append((x, y))
    return written


def idx(array):
    """An array of bytes as an IDX file."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_mnist_idx(folder, each=3, compressed=False):
    """torchvision's raw layout."""
    folder.mkdir(parents=True)
    written = []
    for part, count, seed in (("train", each, 1), ("t10k", 1, 2)):
        y = np.repeat(np.arange(10), count)
        x = pictures(y, 28, seed, channels=1)
        for name, array in ((f"{part}-images-idx3-ubyte", x[:, 0]), (f"{part}-labels-idx1-ubyte", y)):
            content = idx(array)
            path = folder / (f"{name}.gz" if compressed else name)
            path.write_bytes(gzip.compress(content) if compressed else content)
        written.append((x, y))
    return written


def write_pictures(folder, numbers, size, channels=3, name="{:03d}.png", ending="PNG", seed=0):
    """Write a picture per number into a new folder."""
    folder.mkdir(parents=True)
    for number, picture in zip(numbers, pictures(np.array(list(numbers)), size, seed, channels), strict=True):
        (folder / name.format(number)).write_bytes(encoded(picture, ending))
