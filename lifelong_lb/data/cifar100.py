"""Where CIFAR-100 is looked for, and how it is fetched when that is asked for."""

from collections.abc import Sequence
from pathlib import Path

from lifelong_lb.data.arrays import Source
from lifelong_lb.data.cifar_python import CifarPythonSource
from lifelong_lb.data.parquet import ParquetSource
from lifelong_lb.data.places import Layout, Place, download, find_source, hub_places

MEAN = (0.5071, 0.4865, 0.4409)
STD = (0.2673, 0.2564, 0.2762)

PARQUET = Layout(
    "Hugging Face parquet (train-*.parquet, test-*.parquet with columns img or image, fine_label or label)",
    ParquetSource.matches,
    lambda folder: ParquetSource(folder, ("img", "image"), ("fine_label", "label"), (32, 32), MEAN, STD),
)
PYTHON = Layout(
    "torchvision's cifar-100-python (files train, test, meta)",
    CifarPythonSource.matches,
    lambda folder: CifarPythonSource(folder, MEAN, STD),
)
PLACES = (
    *hub_places(PARQUET, "uoft-cs", "cifar100"),
    Place(".", PYTHON),
    Place("cifar-100-python", PYTHON),
    Place("cifar100/cifar-100-python", PYTHON),
)
"""Tried in this order below each folder searched."""


def find_cifar100(roots: Sequence[Path]) -> Source:
    """Find CIFAR-100.

    Args:
        roots: folders to search, best first.

    Returns:
        The first source found; its files are not opened yet.

    Raises:
        UserError: when none is found, listing every path tried and the layouts accepted.
    """
    return find_source("CIFAR-100", PLACES, roots)


def download_cifar100(folder: Path) -> None:
    """Let torchvision download CIFAR-100, about 170 MB.

    Args:
        folder: where ``cifar-100-python/`` shall lie.

    Raises:
        UserError: when the download fails.
    """
    download("CIFAR-100", "CIFAR100", folder)
