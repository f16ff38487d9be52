"""Scikit-learn's handwritten digits, which need no download."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.data.arrays import DIGIT_NAMES, Arrays, Source


class DigitsSource(Source):
    """1,797 digits of 8 x 8 pixels (Alpaydin & Kaynak 1998), grey values 0..16 rescaled by 255/16 to uint8.

    The split is fixed, stratified and the same for every seed: every fifth image of each class, in the order of the
    data set, belongs to the test part.
    """

    description = "scikit-learn's load_digits"
    mean = (0.3052,)
    std = (0.3760,)

    def labels(self) -> list[int]:
        """Return the ten labels.

        Returns:
            0 to 9.
        """
        return list(range(10))

    def read(self) -> tuple[Arrays, Arrays]:
        """Read the digits.

        Returns:
            Train and test part, with images uint8 ``(N, 1, 8, 8)``.
        """
        grey, y = _digits()
        x = np.rint(grey * (255 / 16)).astype(np.uint8)[:, None]
        rank = np.empty_like(y)  # index of an image within its class
        for label in range(10):
            rank[y == label] = np.arange(np.sum(y == label))
        test = rank % 5 == 4
        return Arrays(x[~test], y[~test], DIGIT_NAMES), Arrays(x[test], y[test], DIGIT_NAMES)


def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read grey values ``(N, 8, 8)`` and labels ``(N,)`` from scikit-learn's file: importing it takes seconds."""
    spec = find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            with gzip.open(path, "rt", encoding="ascii") as file:
                table = np.loadtxt(file, delimiter=",")
            return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # if another version has the file elsewhere

    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)
