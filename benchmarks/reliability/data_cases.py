"""Images in broken and hostile files: what :mod:`hostile_data` gives to ``validate``, ``data prepare`` and ``run``.

Each case writes a source into an empty folder and returns its path. ``REFUSED`` must be refused, ``ACCEPTED`` must be
used.
"""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Case = Callable[[Path], Path]
CLASSES = ("ant", "bee", "cow", "dog")
REFUSED: dict[str, Case] = {}
ACCEPTED: dict[str, Case] = {}
CANARY = "LIFELONG_LB_CANARY"
"""Environment variable that names a file which hostile code would make."""


def picture(seed: int = 0, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def folders(root: Path, parts: tuple[str, ...] = ("train", "test")) -> Path:
    for part in parts:
        for k, name in enumerate(CLASSES):
            own = root / part / name
            own.mkdir(parents=True)
            for i in range(4):
                (own / f"{i}.png").write_bytes(encoded(picture(10 * k + i)))
    return root


def put(where: str, content: bytes | str) -> Case:
    """Folders of pictures with one more file, or one replaced."""

    def write(root: Path) -> Path:
        path = folders(root) / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


def changed(change: Callable[[Path], Any]) -> Case:
    """Folders of pictures after a change."""

    def write(root: Path) -> Path:
        change(folders(root))
        return root

    return write


def png(width: int, height: int, content: bytes | None = None) -> bytes:
    """A PNG file whose header promises any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 4096) if content is None else content
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


EXIF = Image.Exif()
EXIF[0x0112] = 6
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(touched) (w) file closefile\nshowpage\n%%EOF\n"
GOOD = encoded(picture())
JPEG = encoded(picture(size=(16, 16)), "JPEG")

REFUSED |= {
    "pictures: a truncated PNG": put("train/ant/0.png", GOOD[:-40]),
    "pictures: a truncated header": put("train/ant/0.png", GOOD[:12]),
    "pictures: an empty file": put("train/ant/0.png", b""),
    "pictures: a text": put("train/ant/0.png", "not a picture"),
    "pictures: EPS called .png": put("train/ant/0.png", EPS),
    "pictures: a truncated JPEG": put("train/ant/0.jpg", JPEG[: len(JPEG) // 2]),
    "pictures: damaged pixels": put("test/bee/0.png", png(8, 8, b"\0" * 20)),
    "pictures: a header of 40,000 x 40,000 pixels": put("train/ant/0.png", png(40_000, 40_000)),
    "pictures: a header of 10,000 x 10,000 pixels": put("train/ant/0.png", png(10_000, 10_000)),
    "pictures: a header of 2^31 - 1 pixels a side": put("train/ant/0.png", png(2**31 - 1, 2**31 - 1)),
    "pictures: one of another size": put("test/cow/3.png", encoded(picture(size=(9, 8)))),
    "pictures: sixteen bits": put("train/ant/0.png", encoded(Image.fromarray(np.zeros((8, 8), np.uint16)))),
    "pictures: a text bomb in a PNG": put(
        "train/ant/0.png",
        GOOD[:33] + struct.pack(">I", 10_020) + b"zTXt" + b"a\0\0" + zlib.compress(b"\0" * 9_000_000)[:10_017] + GOOD[33:],
    ),
    "pictures: no test part": lambda root: folders(root, ("train",)),
    "pictures: a class without pictures": changed(lambda root: [p.unlink() for p in (root / "test/bee").glob("*")]),
    "pictures: a class in test alone": changed(lambda root: (root / "test/bee").rename(root / "test/wasp")),
    "pictures: a class called Ant in test": changed(lambda root: (root / "test/ant").rename(root / "test/Ant")),
    "pictures: flat folders": lambda root: put("x.png", GOOD)(root / "made") and _flat(root),
    "pictures: a FIFO": changed(lambda root: (os.mkfifo(root / "train/ant/fifo.png"))),
    "pictures: a link to a device": changed(lambda root: (root / "train/ant/zero.png").symlink_to("/dev/zero")),
    "pictures: a link to itself": changed(lambda root: (root / "train/ant/loop.png").symlink_to("loop.png")),
    "pictures: a link to nothing": changed(lambda root: (root / "train/ant/gone.png").symlink_to("nowhere.png")),
    "pictures: a folder called .png": changed(lambda root: _only(root / "train/ant", (root / "train/ant/x.png").mkdir)),
    "pictures: a FIFO as a whole": lambda root: os.mkfifo(root / "fifo") or root / "fifo",
}
ACCEPTED |= {
    "pictures: as they should be": folders,
    "pictures: hidden folders": put("train/ant/.ipynb_checkpoints/0.png", "not a picture"),
    "pictures: hidden classes": put("train/.ipynb_checkpoints/0.png", "not a picture"),
    "pictures: files of systems": changed(
        lambda root: [
            (root / "train/ant" / name).write_bytes(b"x") for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini")
        ]
    ),
    "pictures: __MACOSX": put("train/ant/__MACOSX/0.png", "not a picture"),
    "pictures: a GIF": put("train/ant/9.gif", encoded(picture(), "GIF")),
    "pictures: TIFF, PPM and WebP": changed(
        lambda root: [
            (root / f"train/ant/9.{end}").write_bytes(encoded(picture(), kind))
            for end, kind in (("tif", "TIFF"), ("ppm", "PPM"), ("webp", "WEBP"))
        ]
    ),
    "pictures: others among them": put("train/ant/notes.txt", "hello"),
    "pictures: an orientation": put("train/ant/9.jpg", encoded(picture(), "JPEG", exif=EXIF)),
    "pictures: damaged EXIF": put("train/ant/9.jpg", encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")),
    "pictures: val beside test": lambda root: folders(root, ("train", "test", "val")),
    "pictures: names that are not UTF-8": changed(
        lambda root: [
            os.rename(os.fsencode(root / part / "dog"), os.fsencode(root / part) + b"/caf\xe9") for part in ("train", "test")
        ]
    ),
    "pictures: escapes in names": changed(lambda root: [(root / p / "dog").rename(root / p / "\x1b[2Jdog") for p in ("train", "test")]),
    "pictures: a loop of folders": changed(lambda root: (root / "train/ant/up").symlink_to("../..")),
}  # fmt: skip


def _only(folder: Path, then: Callable[[], Any]) -> None:
    for path in folder.glob("*"):
        path.unlink()
    then()


def _flat(root: Path) -> Path:
    for name in CLASSES:
        (root / "flat" / name).mkdir(parents=True)
        (root / "flat" / name / "0.png").write_bytes(GOOD)
    return root / "flat"


def arrays(**changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 5)
    x = draw.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    return {"x_train": x, "y_train": y, "x_test": x[::2], "y_test": y[::2]} | changes


def npz(**changes: Any) -> Case:
    def write(root: Path) -> Path:
        kept = {name: value for name, value in arrays(**changes).items() if value is not None}
        np.savez(root / "a.npz", **kept)
        return root / "a.npz"

    return write


class Hostile:
    """Makes a file when it is unpickled by someone who lets it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"import os; open(os.environ[{CANARY!r}], 'w')",))


def header(shape: str, data: bytes = b"", kind: str = "|u1") -> bytes:
    """An ``.npy`` file whose header promises anything."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def zipped(members: dict[str, bytes], size: int | None = None) -> Case:
    """An archive with some members replaced, perhaps with a size that its directory does not know."""

    def write(root: Path) -> Path:
        npz()(root)
        with zipfile.ZipFile(root / "a.npz") as good:
            content = {name: good.read(name) for name in good.namelist()} | members
        with zipfile.ZipFile(root / "b.npz", "w", zipfile.ZIP_DEFLATED) as made:
            for name, data in content.items():
                made.writestr(name, data)
        return root / "b.npz"

    return write


Y = np.repeat(np.arange(4), 5)
X = np.zeros((20, 8, 8))
REFUSED |= {
    "npz: other keys": npz(x_train=None),
    "npz: fewer labels than images": npz(y_train=Y[:15]),
    "npz: no images": npz(x_train=np.zeros((0, 8, 8), np.uint8), y_train=Y[:0]),
    "npz: one class": npz(y_train=Y * 0, y_test=Y[::2] * 0),
    "npz: a class missing in test": npz(y_test=Y[::2] * 0),
    "npz: other sizes": npz(x_test=np.zeros((10, 9, 9), np.uint8)),
    "npz: NaN": npz(x_train=X * np.nan),
    "npz: infinity": npz(x_train=X + np.inf),
    "npz: negative pixels": npz(x_train=X - 1),
    "npz: pixels of 1e300": npz(x_train=X + 1e300),
    "npz: images of texts": npz(x_train=np.full((20, 8, 8), "a")),
    "npz: complex images": npz(x_train=X + 1j),
    "npz: dates": npz(x_train=np.zeros((20, 8, 8), "M8[s]")),
    "npz: images of equal pixels": npz(x_train=np.zeros((20, 8, 8), np.uint8)),
    "npz: five axes": npz(x_train=np.zeros((20, 1, 1, 8, 8), np.uint8)),
    "npz: two channels": npz(x_train=np.zeros((20, 2, 8, 8), np.uint8)),
    "npz: no axis": npz(x_train=np.uint8(3)),
    "npz: negative labels": npz(y_train=Y - 1, y_test=Y[::2] - 1),
    "npz: labels of 2^63": npz(y_train=Y.astype(np.uint64) + 2**63, y_test=Y[::2].astype(np.uint64) + 2**63),
    "npz: labels of 1e300": npz(y_train=Y + 1e300),
    "npz: labels of NaN": npz(y_train=Y * np.nan),
    "npz: half labels": npz(y_train=Y / 2),
    "npz: labels of truth": npz(y_train=Y > 1, y_test=Y[::2] > 1),
    "npz: labels of texts": npz(y_train=Y.astype(str)),
    "npz: one-hot labels": npz(y_train=np.eye(4)[Y]),
    "npz: pickled images": npz(x_train=np.array([Hostile()] * 20, dtype=object)),
    "npz: pickled labels": npz(y_train=np.array([Hostile()] * 20, dtype=object)),
    "npz: pickled names": npz(class_names=np.array([Hostile()], dtype=object)),
    "npz: a header of 10^18 images": zipped({"x_train.npy": header("(1000000000000000000, 8, 8)")}),
    "npz: a header of 20 GB": zipped({"x_train.npy": header("(20, 32768, 32768)")}),
    "npz: a negative shape": zipped({"x_train.npy": header("(-20, 8, 8)")}),
    "npz: a shape of texts": zipped({"x_train.npy": header("('a',)")}),
    "npz: a nested header": zipped({"x_train.npy": header("(" * 900 + ")" * 900)}),
    "npz: a member that is no array": zipped({"x_train.npy": b"hello"}),
    "npz: a bomb of 300 MB": zipped({"x_train.npy": header("(20, 8, 8)", b"\0" * 1280), "y_train.npy": header("(300000000,)", bytes(300_000_000))}),
    "npz: names that take 300 MB": zipped({"class_names.npy": header("(75000000,)", bytes(300_000_000), "<U1")}),
    "npz: empty": lambda root: (root / "a.npz").write_bytes(b"") * 0 or root / "a.npz",
    "npz: half an archive": lambda root: _half(npz()(root)),
    "npz: a plain array": lambda root: (root / "a.npz").write_bytes(header("(4,)", b"abcd")) * 0 or root / "a.npz",
    "npz: a pickle": lambda root: (root / "a.npz").write_bytes(pickle.dumps(Hostile())) * 0 or root / "a.npz",
    "npz: a folder": lambda root: (root / "a.npz").mkdir() or root / "a.npz",
    "npz: a FIFO": lambda root: os.mkfifo(root / "a.npz") or root / "a.npz",
    "npy: a FIFO": lambda root: _loose(root, lambda: os.mkfifo(root / "x_train.npy")),
    "npy: a header of 10^12 images": lambda root: _loose(root, lambda: (root / "x_train.npy").write_bytes(header("(1000000000000, 8, 8)"))),
    "npy: a pickle": lambda root: _loose(root, lambda: (root / "x_train.npy").write_bytes(pickle.dumps(Hostile()))),
}  # fmt: skip
ACCEPTED |= {
    "npz: as they should be": npz(),
    "npz: large labels": npz(y_train=Y * 10**9, y_test=Y[::2] * 10**9),
    "npz: escapes in names": npz(class_names=np.array(["\x1b[2J", "\ud800", "", "x" * 10_000])),
}


def _half(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _loose(root: Path, then: Callable[[], Any]) -> Path:
    for name, value in arrays().items():
        np.save(root / f"{name}.npy", value)
    (root / "x_train.npy").unlink()
    then()
    return root


def parquet(
    images: list[Any] | None = None,
    labels: Any = None,
    metadata: bytes | None = None,
    kind: Any = None,
    part: str = "train",
) -> Case:
    """Parquet files, one of them with other columns."""

    def write(root: Path) -> Path:
        for name in ("train", "test"):
            own = name == part
            cells = images if own and images is not None else [encoded(picture(i)) for i in range(8)]
            y = labels if own and labels is not None else pa.array([0, 1, 2, 3] * 2, pa.int64())
            struct_of = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            column = pa.array(cells, kind) if own and kind is not None else pa.array([{"bytes": c} for c in cells], struct_of)
            table = pa.table({"image": column, "label": y})
            if metadata is not None:
                table = table.replace_schema_metadata({"huggingface": metadata})
            pq.write_table(table, root / f"{name}-0.parquet")
        return root

    return write


def harmed(harm: Callable[[bytes], bytes]) -> Case:
    """Parquet files, one of them with other bytes."""

    def write(root: Path) -> Path:
        path = parquet()(root) / "train-0.parquet"
        path.write_bytes(harm(path.read_bytes()))
        return root

    return write


def names(value: Any) -> bytes:
    return json.dumps({"info": {"features": {"label": {"names": value}}}}).encode()


PICTURES = [encoded(picture(i)) for i in range(8)]
REFUSED |= {
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


def _repeated(root: Path) -> Path:
    parquet()(root)
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000_000, np.int8)), pa.array([GOOD]))
    table = pa.table({"image": column.cast(pa.binary()) if False else column, "label": np.zeros(30_000_000, np.int64)})
    pq.write_table(table, root / "train-0.parquet", row_group_size=30_000_000)
    return root


def idx(array: np.ndarray[Any, Any], shape: tuple[int, ...] | None = None) -> bytes:
    sizes = array.shape if shape is None else shape
    return bytes((0, 0, 8, len(sizes))) + np.array(sizes, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def mnist(**changes: Any) -> Case:
    """IDX files, some of them replaced: by bytes, or by what a function makes."""

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
    """CIFAR-100's pickles, one of them another."""

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
    "CIFAR: an array of 2^60": cifar(raw=pickle.dumps({b"data": np.zeros(3, np.uint8)}, 2).replace(b"K\x03\x85", b"\x8a\x08" + b"\0" * 7 + b"\x10\x85")),
    "CIFAR: fractions": cifar(data=np.zeros((12, 3072))),
    "CIFAR: a list": cifar(data=[[0] * 3072] * 12),
    "CIFAR: other sizes": cifar(data=np.zeros((12, 3000), np.uint8)),
    "CIFAR: fewer labels": cifar(fine_labels=[0, 1]),
    "CIFAR: labels of texts": cifar(fine_labels=["a"] * 12),
    "CIFAR: half labels": cifar(fine_labels=[0.5] * 12),
    "CIFAR: labels of 10^400": cifar(fine_labels=[10**400] * 12),
    "CIFAR: negative labels": cifar(fine_labels=[-1] * 12),
    "CIFAR: a list as a whole": cifar([1]),
    "CIFAR: cut": lambda root: _half(cifar()(root) / "train").parent,
    "CIFAR: empty": cifar(raw=b""),
    "CIFAR: stop alone": cifar(raw=b"\x80\x02."),
    "CIFAR: a FIFO": lambda root: _fifo(cifar()(root) / "train").parent,
}  # fmt: skip
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
    "entry.json with a mean of NaN": lambda entry: _noted(entry, mean=[float("nan")] * 3),
    "entry.json with a mean of one channel": lambda entry: _noted(entry, mean=[0.5]),
    "entry.json with a deviation of 0": lambda entry: _noted(entry, std=[0.0] * 3),
    "entry.json with numbers as texts": lambda entry: _noted(entry, std="abc"),
    "entry.json with another shape": lambda entry: _noted(entry, train=[1, 2]),
    "entry.json with names that are numbers": lambda entry: _noted(entry, class_names=[1, 2]),
    "entry.json that is a list": lambda entry: (entry / "entry.json").write_text("[1]"),
    "train-x.npy cut": lambda entry: _half(entry / "train-x.npy"),
    "train-x.npy empty": lambda entry: (entry / "train-x.npy").write_bytes(b""),
    "train-x.npy missing": lambda entry: (entry / "train-x.npy").unlink(),
    "train-x.npy from a FIFO": lambda entry: _fifo(entry / "train-x.npy"),
    "train-x.npy a pickle": lambda entry: (entry / "train-x.npy").write_bytes(pickle.dumps(Hostile())),
    "train-x.npy of 10^15": lambda entry: (entry / "train-x.npy").write_bytes(header("(1000000000000, 3, 8, 8)")),
    "train-y.npy of objects": lambda entry: np.save(entry / "train-y.npy", np.array([Hostile()] * 16), allow_pickle=True),
    "train-y.npy of fractions": lambda entry: np.save(entry / "train-y.npy", np.zeros(16)),
    "train-y.npy of another length": lambda entry: np.save(entry / "train-y.npy", np.zeros(3, np.int64)),
    "test-x.npy of another size": lambda entry: np.save(entry / "test-x.npy", np.zeros((16, 3, 9, 9), np.uint8)),
    "a file in the entry's place": lambda entry: _file_instead(entry),
    "the note of contents nested": lambda entry: [p.write_bytes(b"[" * 100_000) for p in entry.parent.glob("digests/*")],
    "the note of contents a FIFO": lambda entry: [_fifo(p) for p in entry.parent.glob("digests/*")],
}  # fmt: skip
"""What may have happened to an entry of the cache; it is made again then."""


def _noted(entry: Path, **changes: Any) -> None:
    path = entry / "entry.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _file_instead(entry: Path) -> None:
    import shutil

    shutil.rmtree(entry)
    entry.write_text("hello")
