"""Where CIFAR-100 is looked for, and how it is fetched when that is asked for."""

from collections.abc import Sequence
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Place, Source
from lifelong_lb.data.cifar_python import CifarPythonSource
from lifelong_lb.data.parquet import ParquetSource

MEAN = (0.5071, 0.4865, 0.4409)
STD = (0.2673, 0.2564, 0.2762)

PARQUET = "Hugging Face parquet (train-*.parquet, test-*.parquet with columns img or image, fine_label or label)"
PYTHON = "torchvision's cifar-100-python (files train, test, meta)"
PLACES = (
    Place(".", PARQUET),
    Place("cifar100", PARQUET),
    Place("cifar100/cifar100", PARQUET),
    Place("uoft-cs/cifar100/cifar100", PARQUET),
    Place("datasets--uoft-cs--cifar100/snapshots/*/cifar100", PARQUET),
    Place("hub/datasets--uoft-cs--cifar100/snapshots/*/cifar100", PARQUET),
    Place("datasets--cifar100/snapshots/*/cifar100", PARQUET),
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
    for root in roots:
        for place in PLACES:
            for folder in place.folders(root):
                if place.layout == PARQUET and ParquetSource.matches(folder):
                    return ParquetSource(folder, ("img", "image"), ("fine_label", "label"), (32, 32), MEAN, STD)
                if place.layout == PYTHON and CifarPythonSource.matches(folder):
                    return CifarPythonSource(folder, MEAN, STD)
    tried = [f"{root / place.pattern}" if place.pattern != "." else str(root) for root in roots for place in PLACES]
    raise UserError(
        "CIFAR-100 was not found. Tried:\n  "
        + "\n  ".join(dict.fromkeys(tried))
        + f"\nLayouts accepted:\n  {PARQUET}\n  {PYTHON}\n"
        "Point --data (or LIFELONG_LB_DATA) to it, or let torchvision download it with --download."
    )


def download_cifar100(folder: Path) -> None:
    """Let torchvision download CIFAR-100, about 170 MB.

    Args:
        folder: where ``cifar-100-python/`` shall lie.

    Raises:
        UserError: when the download fails.
    """
    import torchvision.datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        torchvision.datasets.CIFAR100(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise UserError(f"CIFAR-100 could not be downloaded to {folder} ({error})") from None
