"""Sizes of encoded pictures from their headers, and decoding into one array."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import require_memory
from lifelong_lb.untrusted import open_regular, reason_text

Size = tuple[int, int]
"""Height and width."""

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
"""Pillow's formats to accept, regardless of the file name. Others, e.g. EPS, would start programs."""

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"})
"""Extensions of picture files, in lower case."""

KINDS = "PNG, JPEG, BMP, WebP, GIF, TIFF or PPM"
DECODING = 2
"""Version of the decoding, part of the cache key of prepared images: to be increased when decoded pixels change."""

GREY = frozenset({"1", "L", "LA"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Pillow's modes to accept: at most eight bits per channel, and only transparency is lost in conversion."""

_ORIENTATION = 0x0112
_TRANSPOSED = range(5, 9)
"""EXIF orientations that swap height and width."""


def picture_size(file: Path | bytes, name: str) -> Size:
    """Read the size of a picture from its header, after applying its EXIF orientation.

    Args:
        file: its path or content.
        name: its name in messages.

    Returns:
        Height and width.

    Raises:
        UserError: if it is not a picture, is too large, or has more than eight bits per channel.
    """
    with _opened(file, name) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in _TRANSPOSED else (height, width)


class Sizes:
    """Counts of picture sizes, with an example of each."""

    def __init__(self) -> None:
        self._count: dict[Size, int] = {}
        self._example: dict[Size, str] = {}

    def add(self, size: Size, name: str) -> None:
        """Count a picture.

        Args:
            size: its height and width.
            name: its name in messages.
        """
        self._count[size] = self._count.get(size, 0) + 1
        self._example.setdefault(size, name)

    def only(self, wanted: Size | None = None) -> Size:
        """Return the size of all pictures.

        Args:
            wanted: the required size; None for any.

        Returns:
            Height and width.

        Raises:
            UserError: if there are several sizes, or another one is required.
        """
        if wanted is not None:
            other = next((size for size in self._count if size != wanted), None)
            if other is not None:
                raise UserError(f"{self._example[other]} must have {_text(wanted)} pixels; got {_text(other)}")
            return wanted
        usual = max(self._count, key=lambda size: self._count[size])
        if len(self._count) == 1:
            return usual
        total, most = sum(self._count.values()), self._count[usual]
        odd = min((size for size in self._count if size != usual), key=lambda size: self._count[size])
        if 2 * most > total:
            others = f"{most:,} of {total:,} pictures have {_text(usual)}"
            side = min(usual)
        else:
            others = f"{self._example[usual]} has {_text(usual)}, and there are {len(self._count):,} sizes in total"
            side = 64
        raise UserError(
            f"{self._example[odd]} has {_text(odd)} pixels; {others}. "
            f"Set image_size: {side} in the stream's entry to crop and scale all of them to one size"
        )


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


class PictureStack:
    """Decoder of pictures into one array.

    Args:
        count: number of pictures.
        size: height and width of all pictures, see :class:`Sizes`.
        channels: 1 to make all grey, 3 to make all RGB; None for grey if every picture is grey, otherwise RGB.
        fit: height and width to which each picture is cropped around its centre and scaled with antialiasing, instead
            of ``size``; None to keep the size.

    Raises:
        UserError: if the memory is too small.
    """

    def __init__(self, count: int, size: Size, channels: int | None = None, fit: int | None = None) -> None:
        self._channels, self._fit = channels, fit
        self._size = size if fit is None else (fit, fit)
        self._colour = False
        self._added = 0
        shape = (count, 1 if channels == 1 else 3, *self._size)
        with require_memory(int(np.prod(shape, dtype=object)), f"{count:,} pictures of {_text(self._size)} pixels"):
            self._x = np.empty(shape, dtype=np.uint8)

    def add(self, file: Path | bytes, name: str) -> None:
        """Decode the next picture.

        Args:
            file: its path or content.
            name: its name in messages.

        Raises:
            UserError: if it cannot be decoded, has more than eight bits per channel, or has another size.
        """
        pixels = self._decode(file, name)
        if pixels.shape[:2] != self._size:
            raise UserError(f"{name} must have {_text(self._size)} pixels; got {_text(pixels.shape[:2])}")
        self._x[self._added] = pixels.transpose(2, 0, 1)
        self._added += 1

    def images(self) -> NDArray[np.uint8]:
        """Return all pictures.

        Returns:
            uint8 ``(N, C, H, W)``.
        """
        assert self._added == len(self._x) > 0
        if self._channels is None and not self._colour:
            return np.ascontiguousarray(self._x[:, :1])
        return self._x

    def _decode(self, file: Path | bytes, name: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        with _opened(file, name) as image:
            mode, orientation = image.mode, _orientation(image)
            converted: Any = image.convert("L" if self._channels == 1 else "RGB")
            if orientation != 1:
                converted = converted.transpose(_transpositions()[orientation])
            if self._fit is not None:
                converted = ImageOps.fit(converted, (self._fit, self._fit), Image.Resampling.BILINEAR)
        self._colour = self._colour or mode not in GREY
        pixels = np.asarray(converted, dtype=np.uint8)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about metadata and sizes; relevant problems are errors.

    Yields:
        Nothing.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


@contextmanager
def _opened(file: Path | bytes, name: str) -> Iterator[Any]:
    """Open a picture; exceptions from opening it or from the block become UserErrors with its name."""
    from PIL import Image, UnidentifiedImageError

    try:
        with (
            io.BytesIO(file) if isinstance(file, bytes) else open_regular(file) as stream,
            Image.open(stream, formats=FORMATS) as image,
        ):
            if image.mode not in GREY and image.mode not in COLOUR:
                raise UserError(f"{name} must have at most eight bits per channel; got pixels of mode {image.mode}")
            if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(f"{name} cannot be decoded: not a {KINDS} picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UserError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, the maximum that is decoded; scale it down first"
        ) from None
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise all kinds of errors for a damaged file
        raise UserError(f"{name} cannot be decoded ({reason_text(error)})") from None


def _orientation(image: Any) -> int:
    """The EXIF orientation, 1 to 8, of a picture before decoding; 1 if missing or unreadable."""
    if "exif" not in image.info:  # Pillow applies the orientation of TIFF files
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  damaged metadata does not matter
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _transpositions() -> dict[int, Any]:
    """Maps EXIF orientations to Pillow's transpositions."""
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
