"""Small data sets in the layouts of real ones, and where the real ones may lie."""

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

REAL = Path(os.environ.get("LIFELONG_LB_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Real images, beside the checkout where there are any."""

needs_real_cifar = pytest.mark.skipif(
    not (REAL / "cifar100").is_dir(), reason=f"real CIFAR-100 is not at {REAL} (set LIFELONG_LB_TEST_DATA)"
)
needs_real_mnist = pytest.mark.skipif(
    not (REAL / "mnist").is_dir(), reason=f"real MNIST is not at {REAL} (set LIFELONG_LB_TEST_DATA)"
)


@functools.cache
def real_mnist():
    """Real MNIST, read once: decoding takes seconds."""
    return load_images(find_dataset("mnist", [REAL]))


def pictures(labels, size=32, seed=0, channels=3):
    """One random picture a label, uint8 (N, channels, size, size)."""
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
    """A whole little CIFAR-100; returns train and test pictures and labels."""
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


def write_mnist_parquet(folder, each=3):
    """A whole little MNIST in the layout of the hub; returns train and test pictures and labels."""
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
