"""Encoded pictures: their sizes, read from headers, and their pixels, decoded into one array."""

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
from lifelong_lb.untrusted import open_regular, shortened

Size = tuple[int, int]
"""Height and width."""

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
"""Pillow's formats that are opened, whatever a file's name says. Others, e.g. EPS, would start programs."""

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"})
"""Endings of files that count as pictures, in lower case."""

KINDS = "PNG, JPEG, BMP, WebP, GIF, TIFF or PPM"
DECODING = 2
"""Raised when the same file is decoded to other pixels; part of the key under which images are prepared."""

GREY = frozenset({"1", "L", "LA"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Pillow's modes that are converted without loss of more than transparency; all have eight bits a channel at most."""

_ORIENTATION = 0x0112
_TRANSPOSED = range(5, 9)
"""Values of the EXIF orientation with which height and width change places."""


def picture_size(file: Path | bytes, name: str) -> Size:
    """Read the size of a picture from its header, after its EXIF orientation.

    Args:
        file: where it is, or its content.
        name: what to call it in messages.

    Returns:
        Height and width.

    Raises:
        UserError: if it is not a picture, is too large, or has more than eight bits per channel.
    """
    with _opened(file, name) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in _TRANSPOSED else (height, width)


class Sizes:
    """The sizes that pictures have, and one that has each of them."""

    def __init__(self) -> None:
        self._count: dict[Size, int] = {}
        self._example: dict[Size, str] = {}

    def add(self, size: Size, name: str) -> None:
        """Count a picture.

        Args:
            size: its height and width.
            name: what to call it in messages.
        """
        self._count[size] = self._count.get(size, 0) + 1
        self._example.setdefault(size, name)

    def only(self, wanted: Size | None = None) -> Size:
        """The one size that all pictures have.

        Args:
            wanted: the size that they must have; None for any.

        Returns:
            Height and width.

        Raises:
            UserError: naming a picture of another size than the others.
        """
        if wanted is not None:
            other = next((size for size in self._count if size != wanted), None)
            if other is not None:
                raise UserError(f"{self._example[other]} has {_said(other)} pixels; all must have {_said(wanted)}")
            return wanted
        usual = max(self._count, key=lambda size: self._count[size])
        if len(self._count) == 1:
            return usual
        total, most = sum(self._count.values()), self._count[usual]
        odd = min((size for size in self._count if size != usual), key=lambda size: self._count[size])
        if 2 * most > total:
            others = f"{most:,} of {total:,} pictures have {_said(usual)}"
            side = min(usual)
        else:
            others = f"{self._example[usual]} has {_said(usual)}, and there are {len(self._count):,} sizes in all"
            side = 64
        raise UserError(
            f"{self._example[odd]} has {_said(odd)} pixels; {others}. "
            f"image_size: {side} in the stream's entry would cut and scale all of them to one size"
        )


def _said(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


class PictureStack:
    """Pictures decoded one after the other into one array.

    Args:
        count: how many there will be.
        size: height and width that all have, see :class:`Sizes`.
        channels: 1 to make all grey, 3 to make all RGB; None for grey where every picture is grey, else RGB.
        fit: cut and scale each picture to a square of so many pixels instead, its middle kept, with antialiasing.

    Raises:
        UserError: if this computer has not enough memory for them.
    """

    def __init__(self, count: int, size: Size, channels: int | None = None, fit: int | None = None) -> None:
        self._channels, self._fit = channels, fit
        self._size = size if fit is None else (fit, fit)
        self._colour = False
        self._at = 0
        shape = (count, 1 if channels == 1 else 3, *self._size)
        with require_memory(int(np.prod(shape, dtype=object)), f"{count:,} pictures of {_said(self._size)} pixels"):
            self._x = np.empty(shape, dtype=np.uint8)

    def add(self, file: Path | bytes, name: str) -> None:
        """Decode the next picture.

        Args:
            file: where it is, or its content.
            name: what to call it in messages.

        Raises:
            UserError: when it cannot be decoded, has more than eight bits a channel, or is of another size.
        """
        pixels = self._decoded(file, name)
        if pixels.shape[:2] != self._size:
            raise UserError(f"{name} has {_said(pixels.shape[:2])} pixels; all must have {_said(self._size)}")
        self._x[self._at] = pixels.transpose(2, 0, 1)
        self._at += 1

    def images(self) -> NDArray[np.uint8]:
        """All pictures.

        Returns:
            uint8 ``(N, C, H, W)``.
        """
        assert self._at == len(self._x) > 0
        if self._channels is None and not self._colour:
            return np.ascontiguousarray(self._x[:, :1])
        return self._x

    def _decoded(self, file: Path | bytes, name: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        with _opened(file, name) as image:
            mode, orientation = image.mode, _orientation(image)
            whole: Any = image.convert("L" if self._channels == 1 else "RGB")
            if orientation != 1:
                whole = whole.transpose(_turns()[orientation])
            if self._fit is not None:
                whole = ImageOps.fit(whole, (self._fit, self._fit), Image.Resampling.BILINEAR)
        self._colour = self._colour or mode not in GREY
        pixels = np.asarray(whole, dtype=np.uint8)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about metadata and sizes: what matters is an error here.

    Yields:
        Nothing.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


@contextmanager
def _opened(file: Path | bytes, name: str) -> Iterator[Any]:
    """Open a picture; whatever goes wrong with it here or in the block becomes a UserError that names it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with (
            io.BytesIO(file) if isinstance(file, bytes) else open_regular(file) as stream,
            Image.open(stream, formats=FORMATS) as image,
        ):
            if image.mode not in GREY and image.mode not in COLOUR:
                raise UserError(f"{name} has pixels of the kind {image.mode}; they must have eight bits a channel")
            if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(f"{name} cannot be decoded: its content is not a {KINDS} picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UserError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels; larger pictures are not opened, since a small "
            "file could then fill the memory: scale it down first"
        ) from None
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise all kinds of errors for a damaged file
        raise UserError(f"{name} cannot be decoded ({shortened(str(error) or type(error).__name__, 200)})") from None


def _orientation(image: Any) -> int:
    """The EXIF orientation, 1 to 8, of a picture that is not decoded yet; 1 where there is none that can be read."""
    if "exif" not in image.info:  # TIFF's own orientation is applied by Pillow
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  a picture with damaged metadata is still a picture
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _turns() -> dict[int, Any]:
    """EXIF orientation to how the pixels are transposed to look upright."""
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
