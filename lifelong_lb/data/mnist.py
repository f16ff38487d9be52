"""Where MNIST is looked for, and how it is fetched when that is asked for."""

from collections.abc import Sequence
from pathlib import Path

from lifelong_lb.data.arrays import Source
from lifelong_lb.data.mnist_idx import MnistIdxSource
from lifelong_lb.data.parquet import ParquetSource
from lifelong_lb.data.places import Layout, Place, download, find_source, hub_places

MEAN = (0.1307,)
STD = (0.3081,)

PARQUET = Layout(
    "Hugging Face parquet (train-*.parquet, test-*.parquet with columns image, label)",
    ParquetSource.matches,
    lambda folder: ParquetSource(folder, ("image",), ("label",), (28, 28), MEAN, STD),
)
IDX = Layout(
    "torchvision's MNIST/raw (train-images-idx3-ubyte and its three siblings, as they are or as .gz)",
    MnistIdxSource.matches,
    lambda folder: MnistIdxSource(folder, MEAN, STD),
)
PLACES = (
    *hub_places(PARQUET, "ylecun", "mnist"),
    Place(".", IDX),
    Place("raw", IDX),
    Place("MNIST/raw", IDX),
    Place("mnist", IDX),
    Place("mnist/MNIST/raw", IDX),
)
"""Tried in this order below each folder searched."""


def find_mnist(roots: Sequence[Path]) -> Source:
    """Find MNIST.

    Args:
        roots: folders to search, best first.

    Returns:
        The first source found; its files are not opened yet.

    Raises:
        UserError: when none is found, listing every path tried and the layouts accepted.
    """
    return find_source("MNIST", PLACES, roots)


def download_mnist(folder: Path) -> None:
    """Let torchvision download MNIST, about 12 MB.

    Args:
        folder: where ``MNIST/raw/`` shall lie.

    Raises:
        UserError: when the download fails.
    """
    download("MNIST", "MNIST", folder)
