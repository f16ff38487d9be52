"""Encoded pictures, decoded into one array."""

import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
"""Endings of files that count as pictures, in lower case."""

GREY = frozenset({"1", "L", "LA"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Pillow's modes that are converted without loss of more than transparency; all have eight bits a channel at most."""

_BROKEN = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, OverflowError, struct.error, zlib.error)


class PictureStack:
    """Pictures decoded one after the other into one array.

    Args:
        count: how many there will be.
        size: height and width that all must have; None for those of the first.
        channels: 1 to make all grey, 3 to make all RGB; None for grey where every picture is grey, else RGB.
        fit: cut and scale each picture to a square of so many pixels instead, its middle kept, with antialiasing.
    """

    def __init__(
        self,
        count: int,
        size: tuple[int, int] | None = None,
        channels: int | None = None,
        fit: int | None = None,
    ) -> None:
        self._count, self._channels, self._fit = count, channels, fit
        self._size = size if fit is None else (fit, fit)
        self._first: str | None = None
        self._colour = False
        self._at = 0
        self._x = np.empty((0, 0, 0, 0), dtype=np.uint8)

    def add(self, file: Path | IO[bytes], name: str) -> None:
        """Decode the next picture.

        Args:
            file: where it is.
            name: what to call it in messages.

        Raises:
            UserError: when it cannot be decoded, has more than eight bits a channel, or is of another size.
        """
        pixels = self._decoded(file, name)
        height, width, channels = pixels.shape
        if self._size is None:
            self._size, self._first = (height, width), name
        if (height, width) != self._size:
            others = "all must have" if self._first is None else f"{self._first} has"
            raise UserError(f"{name} has {height} x {width} pixels; {others} {self._size[0]} x {self._size[1]}")
        if self._at == 0:
            self._x = np.empty((self._count, channels, height, width), dtype=np.uint8)
        self._x[self._at] = pixels.transpose(2, 0, 1)
        self._at += 1

    def images(self) -> NDArray[np.uint8]:
        """All pictures.

        Returns:
            uint8 ``(N, C, H, W)``.
        """
        assert self._at == self._count > 0
        if self._channels is None and not self._colour:
            return np.ascontiguousarray(self._x[:, :1])
        return self._x

    def _decoded(self, file: Path | IO[bytes], name: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        try:
            with Image.open(file) as image:
                mode = image.mode
                if mode not in GREY | COLOUR:
                    raise UserError(f"{name} has pixels of the kind {mode}; they must have eight bits a channel")
                whole: Any = image.convert("L" if self._channels == 1 else "RGB")
                if self._fit is not None:
                    whole = ImageOps.fit(whole, (self._fit, self._fit), Image.Resampling.BILINEAR)
        except UserError:
            raise
        except (*_BROKEN, Image.DecompressionBombError) as error:
            raise UserError(f"{name} cannot be decoded ({error})") from None
        self._colour = self._colour or mode not in GREY
        pixels = np.asarray(whole, dtype=np.uint8)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels
