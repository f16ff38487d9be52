"""Broken and hostile image files for :mod:`hostile_data`: Parquet, IDX, CIFAR's pickles, cache entries."""

import gzip
import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from data_cases import ACCEPTED, EPS, GOOD, REFUSED, Case, Hostile, encoded, half, header, picture, png


def parquet(
    images: list[Any] | None = None,
    labels: Any = None,
    metadata: bytes | None = None,
    kind: Any = None,
    part: str = "train",
) -> Case:
    """Parquet files, one of them with changed columns."""

    def write(root: Path) -> Path:
        for name in ("train", "test"):
            changed = name == part
            cells = images if changed and images is not None else [encoded(picture(i)) for i in range(8)]
            y = labels if changed and labels is not None else pa.array([0, 1, 2, 3] * 2, pa.int64())
            struct_of = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            column = (
                pa.array(cells, kind)
                if changed and kind is not None
                else pa.array([{"bytes": c} for c in cells], struct_of)
            )
            table = pa.table({"image": column, "label": y})
            if metadata is not None:
                table = table.replace_schema_metadata({"huggingface": metadata})
            pq.write_table(table, root / f"{name}-0.parquet")
        return root

    return write


def harmed(harm: Callable[[bytes], bytes]) -> Case:
    """Parquet files, one of them with changed bytes."""

    def write(root: Path) -> Path:
        path = parquet()(root) / "train-0.parquet"
        path.write_bytes(harm(path.read_bytes()))
        return root

    return write


def names(value: Any) -> bytes:
    return json.dumps({"info": {"features": {"label": {"names": value}}}}).encode()


PICTURES = [encoded(picture(i)) for i in range(8)]
REFUSED |= {
    "parquet: escapes in a column": lambda root: _called(root, "\x1b[2J"),
    "parquet: truncated": harmed(lambda content: content[:-300]),
    "parquet: empty": harmed(lambda content: b""),
    "parquet: zeros in the middle": harmed(lambda content: content[:4] + bytes(1200) + content[1204:]),
    "parquet: a footer of 2 GB": harmed(lambda content: content[:-8] + struct.pack("<I", 2**31 - 1) + content[-4:]),
    "parquet: a text": harmed(lambda content: b"PAR1" + b"hello" * 100 + b"PAR1"),
    "parquet: a FIFO": lambda root: _instead(root, os.mkfifo),
    "parquet: a folder": lambda root: _instead(root, os.mkdir),
    "parquet: a link to a device": lambda root: _instead(root, lambda path: Path(path).symlink_to("/dev/zero")),
    "parquet: pictures of nothing": parquet([None] * 8),
    "parquet: a picture that is none": parquet([*PICTURES[:7], b"hello"]),
    "parquet: EPS": parquet([*PICTURES[:7], EPS]),
    "parquet: a picture of 40,000 x 40,000": parquet([*PICTURES[:7], png(40_000, 40_000)]),
    "parquet: a picture of another size": parquet([*PICTURES[:7], encoded(picture(size=(4, 4)))]),
    "parquet: images as texts": parquet(["a"] * 8, kind=pa.string()),
    "parquet: images as lists": parquet([[1, 2]] * 8, kind=pa.list_(pa.int64())),
    "parquet: labels of nothing": parquet(labels=pa.array([0, 1, 2, None] * 2, pa.int64())),
    "parquet: labels of texts": parquet(labels=pa.array(["a", "b", "c", "d"] * 2)),
    "parquet: labels as fractions": parquet(labels=pa.array([0.0, 0.5, 1.0, 2.0] * 2)),
    "parquet: labels of truth": parquet(labels=pa.array([True, False] * 4)),
    "parquet: labels of 2^63": parquet(labels=pa.array([0, 1, 2, 2**63 + 1] * 2, pa.uint64())),
    "parquet: negative labels": parquet(labels=pa.array([0, -1, 2, 3] * 2, pa.int64())),
    "parquet: labels as lists": parquet(labels=pa.array([[0]] * 8)),
    "parquet: no rows": parquet([], pa.array([], pa.int64())),
    "parquet: 30 million labels in a few bytes": lambda root: _repeated(root),
}
ACCEPTED |= {
    "parquet: as they should be": parquet(),
    "parquet: metadata of 100,000 [": parquet(metadata=b"[" * 100_000),
    "parquet: metadata that is no UTF-8": parquet(metadata=b"\xff\xfe{"),
    "parquet: a name that is a text": parquet(metadata=names("abcd")),
    "parquet: names that are no texts": parquet(metadata=names([1, None, {}, []])),
    "parquet: a lone surrogate in a name": parquet(metadata=names(["\ud800", "b", "c", "\x1b[2J"])),
}


def _instead(root: Path, make: Callable[[Path], Any]) -> Path:
    (parquet()(root) / "train-0.parquet").unlink()
    make(root / "train-0.parquet")
    return root


def _called(root: Path, name: str) -> Path:
    pq.write_table(pa.table({name: [1]}), parquet()(root) / "train-0.parquet")
    return root


def _repeated(root: Path) -> Path:
    parquet()(root)
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000_000, np.int8)), pa.array([GOOD]))
    table = pa.table({"image": column, "label": np.zeros(30_000_000, np.int64)})
    pq.write_table(table, root / "train-0.parquet", row_group_size=30_000_000)
    return root


def idx(array: np.ndarray[Any, Any], shape: tuple[int, ...] | None = None) -> bytes:
    sizes = array.shape if shape is None else shape
    return bytes((0, 0, 8, len(sizes))) + np.array(sizes, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def mnist(**changes: Any) -> Case:
    """IDX files, some of them replaced by bytes or by a function's result."""

    def write(root: Path) -> Path:
        draw = np.random.default_rng(0)
        y = np.repeat(np.arange(10), 2)
        for part in ("train", "t10k"):
            (root / f"{part}-images-idx3-ubyte").write_bytes(idx(draw.integers(0, 256, (20, 28, 28))))
            (root / f"{part}-labels-idx1-ubyte").write_bytes(idx(y))
        for name, content in changes.items():
            path = root / {"images": "train-images-idx3-ubyte", "labels": "train-labels-idx1-ubyte"}[name]
            path.unlink()
            if callable(content):
                content(path)
            else:
                path.write_bytes(content)
        return root

    return write


def packed(content: bytes) -> Callable[[Path], Any]:
    return lambda path: Path(f"{path}.gz").write_bytes(content)


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
REFUSED |= {
    "IDX: a header of 2^32 - 1 each": mnist(images=idx(IMAGES, (2**32 - 1,) * 3)),
    "IDX: one image too many": mnist(images=idx(IMAGES, (21, 28, 28))),
    "IDX: one image too few": mnist(images=idx(IMAGES, (19, 28, 28))),
    "IDX: other sizes": mnist(images=idx(np.zeros((20, 8, 8)))),
    "IDX: no images": mnist(images=idx(np.zeros((0, 28, 28))), labels=idx(np.zeros(0))),
    "IDX: labels of 200": mnist(labels=idx(np.full(20, 200))),
    "IDX: fewer labels": mnist(labels=idx(np.zeros(3))),
    "IDX: cut": mnist(images=idx(IMAGES)[:-100]),
    "IDX: empty": mnist(images=b""),
    "IDX: HTML": mnist(images=b"<html>not found</html>"),
    "IDX: damaged gzip": mnist(images=packed(gzip.compress(idx(IMAGES))[:-50])),
    "IDX: no gzip": mnist(images=packed(idx(IMAGES))),
    "IDX: a gzip bomb": mnist(images=packed(gzip.compress(idx(np.zeros(0), (20, 28, 28)) + bytes(300_000_000)))),
    "IDX: a packed header of 2^40": mnist(images=packed(gzip.compress(idx(IMAGES, (2**14, 2**13, 2**13))))),
    "IDX: a FIFO": mnist(images=os.mkfifo),
    "IDX: labels from a FIFO": mnist(labels=os.mkfifo),
    "IDX: no labels": mnist(labels=lambda path: None),
}
ACCEPTED |= {
    "IDX: as they should be": mnist(),
    "IDX: packed": mnist(images=packed(gzip.compress(idx(IMAGES)))),
}


def cifar(content: Any = None, part: str = "train", raw: bytes | None = None, protocol: int = 2, **keys: Any) -> Case:
    """CIFAR-100's pickles, one of them changed."""

    def write(root: Path) -> Path:
        for name, each in (("train", 3), ("test", 2)):
            y = np.repeat(np.arange(4), each)
            x = np.random.default_rng(each).integers(0, 256, (len(y), 3072), dtype=np.uint8)
            good = {b"data": x, b"fine_labels": y.tolist()}
            value = {**good, **{key.encode(): item for key, item in keys.items()}} if content is None else content
            data = pickle.dumps(value if name == part else good, protocol=protocol)
            (root / name).write_bytes(raw if raw is not None and name == part else data)
        return root

    return write


def nested(depth: int) -> bytes:
    """A pickle of a mapping whose key takes 2^depth steps to hash."""
    return b"\x80\x02}()" + b"q\x01h\x01\x86" * depth + b"K\x01s."


REFUSED |= {
    "CIFAR: code": cifar(Hostile()),
    "CIFAR: code within": cifar(data=Hostile()),
    "CIFAR: code in protocol 0": cifar(Hostile(), protocol=0),
    "CIFAR: code in protocol 4": cifar(Hostile(), protocol=4),
    "CIFAR: escapes in a name": cifar(raw=b"c\x1b[2J\n\x07\n."),
    "CIFAR: os.system": cifar(raw=b"cos\nsystem\n(S'true'\ntR."),
    "CIFAR: an instance": cifar(raw=b"(S'true'\nios\nsystem\n."),
    "CIFAR: a dotted name of numpy": cifar(raw=b"\x80\x04\x8c\x05numpy\x8c\x0eload.__globals__\x93."),
    "CIFAR: numpy.load": cifar(raw=b"cnumpy\nload\n(S'/dev/zero'\ntR."),
    "CIFAR: a codec": cifar(raw=b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR."),
    "CIFAR: memo 2^31": cifar(raw=b"\x80\x02}r\xff\xff\xff\x7f."),
    "CIFAR: a text of 2^63": cifar(raw=b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"abc."),
    "CIFAR: a frame of 2^62": cifar(raw=b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}."),
    "CIFAR: keys that take 2^60 steps": cifar(raw=nested(60)),
    "CIFAR: nested 200,000 deep": cifar(raw=b"\x80\x02" + b"(" * 200_000 + b"l" * 200_000 + b"."),
    "CIFAR: an array of objects": cifar(data=np.array([1, "a"], dtype=object)),
    "CIFAR: an array of 2^60": cifar(
        raw=pickle.dumps({b"data": np.zeros(3, np.uint8)}, 2).replace(
            b"K\x03\x85", b"\x8a\x08" + b"\0" * 7 + b"\x10\x85"
        )
    ),
    "CIFAR: fractions": cifar(data=np.zeros((12, 3072))),
    "CIFAR: a list": cifar(data=[[0] * 3072] * 12),
    "CIFAR: other sizes": cifar(data=np.zeros((12, 3000), np.uint8)),
    "CIFAR: fewer labels": cifar(fine_labels=[0, 1]),
    "CIFAR: labels of texts": cifar(fine_labels=["a"] * 12),
    "CIFAR: half labels": cifar(fine_labels=[0.5] * 12),
    "CIFAR: labels of 10^400": cifar(fine_labels=[10**400] * 12),
    "CIFAR: negative labels": cifar(fine_labels=[-1] * 12),
    "CIFAR: a list as a whole": cifar([1]),
    "CIFAR: cut": lambda root: half(cifar()(root) / "train").parent,
    "CIFAR: empty": cifar(raw=b""),
    "CIFAR: stop alone": cifar(raw=b"\x80\x02."),
    "CIFAR: a FIFO": lambda root: _fifo(cifar()(root) / "train").parent,
}
ACCEPTED |= {
    "CIFAR: as they should be": cifar(),
    "CIFAR: protocol 5": cifar(protocol=5),
    "CIFAR: names of numbers": lambda root: _meta(cifar()(root), {b"fine_label_names": [1, 2]}),
    "CIFAR: names as a text": lambda root: _meta(cifar()(root), {b"fine_label_names": "abcd"}),
}


def _fifo(path: Path) -> Path:
    path.unlink()
    os.mkfifo(path)
    return path


def _meta(root: Path, value: Any) -> Path:
    (root / "meta").write_bytes(pickle.dumps(value, 2))
    return root


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no entry.json": lambda entry: (entry / "entry.json").unlink(),
    "entry.json nested 100,000 deep": lambda entry: (entry / "entry.json").write_bytes(b"[" * 100_000),
    "entry.json that is no UTF-8": lambda entry: (entry / "entry.json").write_bytes(b"\xff{"),
    "entry.json from a FIFO": lambda entry: _fifo(entry / "entry.json"),
    "entry.json with a mean of NaN": lambda entry: _change_metadata(entry, mean=[float("nan")] * 3),
    "entry.json with a mean of one channel": lambda entry: _change_metadata(entry, mean=[0.5]),
    "entry.json with a deviation of 0": lambda entry: _change_metadata(entry, std=[0.0] * 3),
    "entry.json with numbers as texts": lambda entry: _change_metadata(entry, std="abc"),
    "entry.json with another shape": lambda entry: _change_metadata(entry, train=[1, 2]),
    "entry.json with names that are numbers": lambda entry: _change_metadata(entry, class_names=[1, 2]),
    "entry.json that is a list": lambda entry: (entry / "entry.json").write_text("[1]"),
    "train-x.npy cut": lambda entry: half(entry / "train-x.npy"),
    "train-x.npy empty": lambda entry: (entry / "train-x.npy").write_bytes(b""),
    "train-x.npy missing": lambda entry: (entry / "train-x.npy").unlink(),
    "train-x.npy from a FIFO": lambda entry: _fifo(entry / "train-x.npy"),
    "train-x.npy a pickle": lambda entry: (entry / "train-x.npy").write_bytes(pickle.dumps(Hostile())),
    "train-x.npy of 10^15": lambda entry: (entry / "train-x.npy").write_bytes(header("(1000000000000, 3, 8, 8)")),
    "train-y.npy of objects": lambda entry: np.save(
        entry / "train-y.npy", np.array([Hostile()] * 16), allow_pickle=True
    ),
    "train-y.npy of fractions": lambda entry: np.save(entry / "train-y.npy", np.zeros(16)),
    "train-y.npy of another length": lambda entry: np.save(entry / "train-y.npy", np.zeros(3, np.int64)),
    "test-x.npy of another size": lambda entry: np.save(entry / "test-x.npy", np.zeros((16, 3, 9, 9), np.uint8)),
    "a file in the entry's place": lambda entry: _file_instead(entry),
    "the note of contents nested": lambda entry: [
        p.write_bytes(b"[" * 100_000) for p in entry.parent.glob("digests/*")
    ],
    "the note of contents a FIFO": lambda entry: [_fifo(p) for p in entry.parent.glob("digests/*")],
}
"""Ways to damage a cache entry; it must be prepared again."""


def _change_metadata(entry: Path, **changes: Any) -> None:
    path = entry / "entry.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _file_instead(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("hello")
