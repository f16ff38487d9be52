"""Images in one ``.npz`` file or a folder of ``.npy`` files; nothing is unpickled."""

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Checked, Source, match_channels, require_memory
from lifelong_lb.untrusted import encodable, open_regular, path_text, quoted, reason_text

T = TypeVar("T")
QUICK_BYTES = 2**30
"""Arrays up to this size are read completely when checked; for larger ones, only shapes and labels."""
NAMES: dict[str, tuple[str, ...]] = {
    "x_train": ("x_train", "X_train", "train_images", "train_x"),
    "y_train": ("y_train", "Y_train", "train_labels", "train_y"),
    "x_test": ("x_test", "X_test", "test_images", "test_x"),
    "y_test": ("y_test", "Y_test", "test_labels", "test_y"),
}
"""Accepted names of each array; the first one present is used."""
CLASS_NAMES = "class_names"


@dataclass(frozen=True)
class ArrayFiles(Source):
    """Arrays of images and labels.

    Images are ``(N, H, W)``, ``(N, H, W, C)`` or ``(N, C, H, W)`` with C 1 or 3, integers in 0..255 or floats in 0..1;
    labels are integers ``(N,)`` or ``(N, 1)``. ``class_names``, an array of strings, is optional.

    Attributes:
        folder: the ``.npz`` file, or the folder of ``.npy`` files.
    """

    folder: Path

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The file or folder."""
        return f"arrays in {path_text(self.folder)}"

    @staticmethod
    def matches(folder: Path) -> bool:
        """Check whether a folder holds this layout.

        Args:
            folder: an existing folder.

        Returns:
            True if it has a file such as ``x_train.npy``.
        """
        return any((folder / f"{name}.npy").is_file() for name in NAMES["x_train"])

    def files(self) -> list[Path]:
        """List the files that are read.

        Returns:
            The ``.npz`` file, or the ``.npy`` files.
        """
        if self._packed:
            return [self.folder]
        available = self._names()
        names = [self._name(array, available) for array in NAMES] + [CLASS_NAMES] * (CLASS_NAMES in available)
        return [self._file(name) for name in names]

    def labels(self) -> list[int]:
        """Read the labels, and the shapes of the images.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: if a file or array is missing or damaged.
        """
        train, _ = self.part_labels()
        return [int(label) for label in np.unique(train)]

    def part_labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Read the arrays of labels, and the shapes of the images.

        Returns:
            Labels of the train part and of the test part.
        """
        available = self._checked_names()
        return self._labels("train", available), self._labels("test", available)

    def check(self) -> Checked:
        """Read the labels, and the images up to :data:`QUICK_BYTES`.

        Returns:
            Labels of all images.

        Raises:
            UserError: if a file or array is missing or damaged.
        """
        available = self._checked_names()
        headers = [self._header(self._name(f"x_{part}", available)) for part in ("train", "test")]
        if sum(header.bytes for header in headers) <= QUICK_BYTES:
            return super().check()
        shapes = [_channels_first(header.shape, path_text(self.folder))[1:] for header in headers]
        note = "only the shapes of its arrays of images were read; run reads them"
        return Checked(*self.part_labels(), note, shape=max(shapes))  # they differ in channels only

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part, images uint8 ``(N, C, H, W)``.

        Raises:
            UserError: if a file or array is missing or damaged.
        """
        available = self._checked_names()
        names = self._class_names() if CLASS_NAMES in available else ()
        train, test = (self._part(part, available, names) for part in ("train", "test"))
        return match_channels(train, test)

    @property
    def _packed(self) -> bool:
        return self.folder.suffix == ".npz"

    def _file(self, name: str) -> Path:
        return self.folder if self._packed else self.folder / f"{name}.npy"

    def _names(self) -> list[str]:
        """Names of all arrays."""
        if not self._packed:
            return sorted(path.stem for path in self.folder.glob("*.npy"))

        def names(content: Any) -> list[str]:
            if not isinstance(content, np.lib.npyio.NpzFile):
                raise UserError(f"{self.folder}: not an archive of arrays")
            return sorted(content.files)

        return loaded(self.folder, names)

    def _header(self, name: str) -> "_Header":
        """Read the type and shape of an array only."""
        path = self._file(name)
        if not self._packed:
            return loaded(path, None, lambda file: _header_of(file, path.stat().st_size))

        def header(content: Any) -> _Header:
            member = f"{name}.npy" if f"{name}.npy" in content.zip.namelist() else name
            with content.zip.open(member) as file:
                return _header_of(file, content.zip.getinfo(member).file_size)

        return loaded(path, header)

    def _checked_names(self) -> list[str]:
        """Names of all arrays, after checking types and shapes of the required ones."""
        available = self._names()
        sizes = {}
        for part in ("train", "test"):
            x, y = self._name(f"x_{part}", available), self._name(f"y_{part}", available)
            images, labels = self._header(x), self._header(y)
            title = f"{path_text(self.folder)}: {x}"
            if images.kind not in "biuf":
                raise UserError(f"{title} must contain integers from 0 to 255 or floats from 0 to 1; got {images}")
            shape = _channels_first(images.shape, title)
            count = labels.shape[0] if len(labels.shape) in (1, 2) else 0
            if images.shape[0] != count or not all(shape):
                raise UserError(
                    f"{path_text(self.folder)}: {images.shape[0]} images in {x} and {count} labels in {y}; "
                    "the numbers must be equal and at least 1"
                )
            sizes[part] = " x ".join(map(str, shape[2:]))
            with require_memory(images.bytes, f"the images in {title}"):
                pass
        if sizes["train"] != sizes["test"]:
            raise UserError(
                f"{path_text(self.folder)}: training images have {sizes['train']} pixels, test images {sizes['test']}"
            )
        return available

    def _class_names(self) -> tuple[str, ...]:
        header = self._header(CLASS_NAMES)
        if header.bytes > 2**24 or header.kind not in "USiuf":
            raise UserError(f"{path_text(self.folder)}: {CLASS_NAMES} must be an array of strings; got {header}")
        names = self._array(CLASS_NAMES).ravel().tolist()
        return tuple(
            name.decode(errors="replace") if isinstance(name, bytes) else encodable(str(name)) for name in names
        )

    def _array(self, name: str) -> NDArray[Any]:
        return loaded(self._file(name), lambda content: np.asarray(content[name] if self._packed else content))

    def _name(self, array: str, available: Sequence[str]) -> str:
        found = next((name for name in NAMES[array] if name in available), None)
        if found is None:
            names = reason_text(", ".join(available)) if available else "none"
            raise UserError(f"{path_text(self.folder)}: no array {' or '.join(NAMES[array])}; its arrays are {names}")
        return found

    def _part(self, part: str, available: Sequence[str], class_names: tuple[str, ...]) -> Arrays:
        name = self._name(f"x_{part}", available)
        x, y = _to_uint8(self._array(name), f"{self.folder}: {name}"), self._labels(part, available)
        return Arrays(x, y, class_names)

    def _labels(self, part: str, available: Sequence[str]) -> NDArray[np.int64]:
        name = self._name(f"y_{part}", available)
        y = self._array(name)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or not (np.issubdtype(y.dtype, np.integer) or _integer_valued(y)):
            raise UserError(f"{self.folder}: {name} must contain one integer per image; got {y.dtype} {y.shape}")
        if len(y) and not -(2**53) <= float(y.min()) <= float(y.max()) < 2**53:
            raise UserError(
                f"{self.folder}: {name} must be in [-2^53, 2^53); got {quoted(y.min())} to {quoted(y.max())}"
            )
        return y.astype(np.int64)


@dataclass(frozen=True)
class _Header:
    """Type and shape of an array, from its header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        return self.dtype.kind

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def _header_of(file: IO[bytes], size: int) -> _Header:
    """Read the header of an ``.npy`` file; ValueError if it declares more than ``size`` bytes."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"version {version[0]}.{version[1]} of numpy's format")
    shape, _, dtype = read(file)
    header = _Header(dtype, shape)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if any(length < 0 for length in shape) or header.bytes > size:
        raise ValueError(f"the file has {size} bytes, but its header declares {header}")
    return header


def _channels_first(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """The shape of images after conversion to ``(N, C, H, W)``."""
    if len(shape) == 3:
        return (shape[0], 1, *shape[1:])
    if len(shape) == 4 and (shape[1] in (1, 3)) != (shape[3] in (1, 3)):
        return shape if shape[1] in (1, 3) else (shape[0], shape[3], shape[1], shape[2])
    raise UserError(f"{name} must be (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; got {shape}")


def _integer_valued(values: NDArray[Any]) -> bool:
    """Whether all values are floats with integer values."""
    return bool(
        np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values == np.rint(values)).all()
    )


def _to_uint8(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Convert images to uint8 ``(N, C, H, W)``."""
    if x.ndim == 3:
        x = x[:, None]
    elif _channels_first(x.shape, name) != x.shape:
        x = x.transpose(0, 3, 1, 2)
    if x.dtype == np.uint8 or x.size == 0:
        return np.ascontiguousarray(x, dtype=np.uint8)
    number = np.issubdtype(x.dtype, np.integer) or np.issubdtype(x.dtype, np.floating)
    low, high = (float(x.min()), float(x.max())) if number else (np.nan, np.nan)
    if 0 <= low <= high <= 255 and (np.issubdtype(x.dtype, np.integer) or (high > 1 and _integer_valued(x))):
        return np.ascontiguousarray(x.astype(np.uint8))
    if np.issubdtype(x.dtype, np.floating) and 0 <= low <= high <= 1:
        return np.ascontiguousarray(np.rint(x * 255).astype(np.uint8))
    raise UserError(
        f"{name} must contain integers from 0 to 255 or floats from 0 to 1; got {x.dtype} from {low:g} to {high:g}"
    )


def loaded(path: Path, take: Callable[[Any], T] | None, header: Callable[[IO[bytes]], T] | None = None) -> T:
    """Apply ``take`` to the loaded file, or ``header`` to the open one.

    Args:
        path: an ``.npz`` or ``.npy`` file; nothing in it is unpickled.
        take: maps the content to the result; None if ``header`` is given.
        header: maps the open file to the result.

    Returns:
        The result.

    Raises:
        UserError: if the file is missing or damaged.
    """
    try:
        with open_regular(path) as file:
            if header is not None:
                return header(file)
            assert take is not None
            return take(np.load(file, allow_pickle=False))
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path_text(path)}: missing") from None
    except MemoryError:
        raise UserError(f"{path_text(path)}: its arrays need more than the available memory") from None
    except _BROKEN as error:
        reason = reason_text(error)
        raise UserError(f"{path_text(path)}: damaged, or not plain arrays ({reason})") from None


_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    SyntaxError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that reading a damaged file may raise."""
