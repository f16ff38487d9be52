"""Broken and hostile image files for :mod:`hostile_data`: pictures and numpy arrays.

Each case writes a source into an empty folder and returns its path. Cases in ``REFUSED`` must be refused, those in
``ACCEPTED`` must be read.
"""

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Case = Callable[[Path], Path]
CLASSES = ("ant", "bee", "cow", "dog")
REFUSED: dict[str, Case] = {}
ACCEPTED: dict[str, Case] = {}
CANARY = "LIFELONG_LB_CANARY"
"""Environment variable with the path of a file that hostile code would create."""


def picture(seed: int = 0, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def folders(root: Path, parts: tuple[str, ...] = ("train", "test")) -> Path:
    for part in parts:
        for k, name in enumerate(CLASSES):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(4):
                (folder / f"{i}.png").write_bytes(encoded(picture(10 * k + i)))
    return root


def put(path: str, content: bytes | str) -> Case:
    """Folders of pictures with one file added or replaced."""

    def write(root: Path) -> Path:
        file = folders(root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


def changed(change: Callable[[Path], Any]) -> Case:
    """Folders of pictures after a change."""

    def write(root: Path) -> Path:
        change(folders(root))
        return root

    return write


def png(width: int, height: int, content: bytes | None = None) -> bytes:
    """A PNG file whose header declares the given size."""

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
    "pictures: escapes in the name of a damaged one": put("train/ant/\x1b[2J\n\x07.png", "not a picture"),
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
        GOOD[:33]
        + struct.pack(">I", 10_020)
        + b"zTXt"
        + b"a\0\0"
        + zlib.compress(b"\0" * 9_000_000)[:10_017]
        + GOOD[33:],
    ),
    "pictures: no test part": lambda root: folders(root, ("train",)),
    "pictures: a class without pictures": changed(lambda root: [p.unlink() for p in (root / "test/bee").glob("*")]),
    "pictures: a class in test alone": changed(lambda root: (root / "test/bee").rename(root / "test/wasp")),
    "pictures: a class called Ant in test": changed(lambda root: (root / "test/ant").rename(root / "test/Ant")),
    "pictures: flat folders": lambda root: put("x.png", GOOD)(root / "made") and _flat(root),
    "pictures: a FIFO": changed(lambda root: os.mkfifo(root / "train/ant/fifo.png")),
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
            (root / "train/ant" / name).write_bytes(b"x")
            for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini")
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
    "pictures: damaged EXIF": put(
        "train/ant/9.jpg", encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    ),
    "pictures: val beside test": lambda root: folders(root, ("train", "test", "val")),
    "pictures: names that are not UTF-8": changed(
        lambda root: [
            (root / part / "dog").rename(os.fsdecode(os.fsencode(root / part) + b"/caf\xe9"))
            for part in ("train", "test")
        ]
    ),
    "pictures: escapes in names": changed(
        lambda root: [(root / p / "dog").rename(root / p / "\x1b[2Jdog") for p in ("train", "test")]
    ),
    "pictures: a loop of folders": changed(lambda root: (root / "train/ant/up").symlink_to("../..")),
}


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
        present = {name: value for name, value in arrays(**changes).items() if value is not None}
        np.savez(root / "a.npz", **present)
        return root / "a.npz"

    return write


class Hostile:
    """Creates the file of :data:`CANARY` when an unrestricted unpickler reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"import os; open(os.environ[{CANARY!r}], 'w')",))


def header(shape: str, data: bytes = b"", kind: str = "|u1") -> bytes:
    """An ``.npy`` file whose header declares the given shape."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def zipped(members: dict[str, bytes]) -> Case:
    """An archive with some members replaced."""

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
    "npz: escapes in a key": npz(x_train=None, **{"\x1b[2J\n": Y}),
    "npz: escapes in a header": zipped({"x_train.npy": header("(\x1b[2J,)")}),
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
    "npz: a bomb of 300 MB": zipped({
        "x_train.npy": header("(20, 8, 8)", b"\0" * 1280),
        "y_train.npy": header("(300000000,)", bytes(300_000_000)),
    }),
    "npz: names that take 300 MB": zipped({"class_names.npy": header("(75000000,)", bytes(300_000_000), "<U1")}),
    "npz: empty": lambda root: (root / "a.npz").write_bytes(b"") * 0 or root / "a.npz",
    "npz: half an archive": lambda root: half(npz()(root)),
    "npz: a plain array": lambda root: (root / "a.npz").write_bytes(header("(4,)", b"abcd")) * 0 or root / "a.npz",
    "npz: a pickle": lambda root: (root / "a.npz").write_bytes(pickle.dumps(Hostile())) * 0 or root / "a.npz",
    "npz: a folder": lambda root: (root / "a.npz").mkdir() or root / "a.npz",
    "npz: a FIFO": lambda root: os.mkfifo(root / "a.npz") or root / "a.npz",
    "npy: a FIFO": lambda root: _loose(root, lambda: os.mkfifo(root / "x_train.npy")),
    "npy: a header of 10^12 images": lambda root: _loose(
        root, lambda: (root / "x_train.npy").write_bytes(header("(1000000000000, 8, 8)"))
    ),
    "npy: a pickle": lambda root: _loose(root, lambda: (root / "x_train.npy").write_bytes(pickle.dumps(Hostile()))),
}
ACCEPTED |= {
    "npz: as they should be": npz(),
    "npz: large labels": npz(y_train=Y * 10**9, y_test=Y[::2] * 10**9),
    "npz: escapes in names": npz(class_names=np.array(["\x1b[2J", "\ud800", "", "x" * 10_000])),
}


def half(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _loose(root: Path, then: Callable[[], Any]) -> Path:
    for name, value in arrays().items():
        np.save(root / f"{name}.npy", value)
    (root / "x_train.npy").unlink()
    then()
    return root
