"""Data sets known by name: where each is looked for, in which layouts, and how it is fetched when that is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.data.arrays import Source
from lifelong_lb.data.cifar_python import CIFAR10, CIFAR100, CifarPythonSource, PickledFiles
from lifelong_lb.data.mnist_idx import DIGITS, MnistIdxSource
from lifelong_lb.data.parquet import ParquetSource
from lifelong_lb.data.picture_files import ClassFolders, CubFiles, TinyImageNetFiles
from lifelong_lb.data.places import Layout, Place, download, find_source, hub_places
from lifelong_lb.data.svhn import SvhnSource

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
CUB_SIZE = 224
"""Pixels to which CUB-200-2011's photographs, of all sizes, are cut and scaled (as Chaudhry et al. 2019 have them)."""

_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A data set known by name.

    Attributes:
        title: its name for people.
        places: where it is looked for below each folder searched, in this order.
        torchvision: the class that downloads it; None where torchvision has none.
        parts: parts that are downloaded one by one.
    """

    title: str
    places: tuple[Place, ...]
    torchvision: str | None = None
    parts: tuple[str, ...] = ()

    def find(self, roots: Sequence[Path]) -> Source:
        """Find it.

        Args:
            roots: folders to search, best first.

        Returns:
            The first source found; its files are not opened yet.

        Raises:
            UserError: when none is found, listing every path tried and the layouts accepted.
        """
        hint = "Point --data (or LIFELONG_LB_DATA) to it"
        hint += ", or let torchvision download it with --download." if self.torchvision else "."
        return find_source(self.title, self.places, roots, hint)

    def download(self, folder: Path) -> None:
        """Let torchvision download it.

        Args:
            folder: where its own folder, or its files, shall lie.

        Raises:
            UserError: when the download fails.
        """
        assert self.torchvision is not None
        download(self.title, self.torchvision, folder, self.parts)


def _parquet(
    size: tuple[int, int], channels: int, *, grain: str = "label", statistics: Statistics | None = None
) -> Callable[[Path], Source]:
    labels = tuple(dict.fromkeys((grain, "label")))
    mean, std = statistics or (None, None)
    return lambda folder: ParquetSource(folder, ("img", "image"), labels, size, mean, std, channels)


def _pickled(files: PickledFiles, statistics: Statistics | None = None) -> Layout:
    mean, std = statistics or (None, None)
    return Layout(
        f"torchvision's {files.title} for Python (files {files.train[0]}, {files.test}, {files.meta})",
        lambda folder: (folder / files.train[0]).is_file(),
        lambda folder: CifarPythonSource(folder, files, mean, std),
    )


def _says_fashion(folder: Path) -> bool:
    """Whether a path speaks of Fashion-MNIST, whose files are called as MNIST's are; its last word on that counts."""
    words = [part.lower() for part in reversed(folder.resolve().parts)]
    return "fashion" in next((word for word in words if "fashion" in word or "mnist" in word), "")


_HUB = "Hugging Face parquet (train-*.parquet, test-*.parquet with columns {columns})"
_IDX = "torchvision's {title}/raw (train-images-idx3-ubyte and its three siblings, as they are or as .gz)"
_DIGIT_STATISTICS = ((0.1307,), (0.3081,))
_CIFAR100_STATISTICS = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))


def _mnist(title: str, *, fashion: bool) -> tuple[Layout, Layout]:
    columns = "image, label"
    statistics = None if fashion else _DIGIT_STATISTICS
    mean, std = statistics or (None, None)
    names = _FASHION if fashion else DIGITS
    where = " in a folder whose path says fashion" if fashion else ""
    return (
        Layout(
            _HUB.format(columns=columns) + where,
            lambda folder: ParquetSource.matches(folder) and _says_fashion(folder) == fashion,
            _parquet((28, 28), 1, statistics=statistics),
        ),
        Layout(
            _IDX.format(title=title) + where,
            lambda folder: MnistIdxSource.matches(folder) and _says_fashion(folder) == fashion,
            lambda folder: MnistIdxSource(folder, mean, std, names),
        ),
    )


_MNIST, _MNIST_IDX = _mnist("MNIST", fashion=False)
_FASHION_MNIST, _FASHION_IDX = _mnist("FashionMNIST", fashion=True)
_CIFAR10 = Layout(_HUB.format(columns="img or image, label"), ParquetSource.matches, _parquet((32, 32), 3))
_CIFAR100 = Layout(
    _HUB.format(columns="img or image, fine_label or label"),
    ParquetSource.matches,
    _parquet((32, 32), 3, grain="fine_label", statistics=_CIFAR100_STATISTICS),
)
_CIFAR10_PYTHON, _CIFAR100_PYTHON = _pickled(CIFAR10), _pickled(CIFAR100, _CIFAR100_STATISTICS)
_SVHN = Layout(_HUB.format(columns="image, label"), ParquetSource.matches, _parquet((32, 32), 3))
_SVHN_MATLAB = Layout("its authors' train_32x32.mat and test_32x32.mat", SvhnSource.matches, SvhnSource)
_NOT_MNIST = Layout(
    "a folder of pictures for each letter (Train/A to Train/J, Test/A to Test/J)",
    ClassFolders.matches,
    lambda folder: ClassFolders(folder, (28, 28), channels=1),
)
_TINY = Layout(
    "its authors' tiny-imagenet-200 (train/<wnid>/images, val/images, val/val_annotations.txt)",
    TinyImageNetFiles.matches,
    lambda folder: TinyImageNetFiles(folder, (64, 64), channels=3),
)
_TINY_HUB = Layout(
    "Hugging Face parquet (train-*.parquet, valid-*.parquet with columns image, label)",
    ParquetSource.matches,
    _parquet((64, 64), 3),
)
_CUB = Layout(
    "its authors' CUB_200_2011 (images/, images.txt, image_class_labels.txt, train_test_split.txt, classes.txt)",
    CubFiles.matches,
    lambda folder: CubFiles(folder, channels=3, fit=CUB_SIZE),
)


def _in(layout: Layout, *patterns: str) -> tuple[Place, ...]:
    return tuple(Place(pattern, layout) for pattern in patterns)


KNOWN: dict[str, Known] = {
    "cifar100": Known(
        "CIFAR-100",
        (
            *hub_places(_CIFAR100, "uoft-cs", "cifar100"),
            *_in(_CIFAR100_PYTHON, ".", "cifar-100-python", "cifar100/cifar-100-python"),
        ),
        "CIFAR100",
    ),
    "mnist": Known(
        "MNIST",
        (
            *hub_places(_MNIST, "ylecun", "mnist"),
            *_in(_MNIST_IDX, ".", "raw", "MNIST/raw", "mnist", "mnist/MNIST/raw"),
        ),
        "MNIST",
    ),
    "fashion-mnist": Known(
        "Fashion-MNIST",
        (
            *hub_places(_FASHION_MNIST, "zalando-datasets", "fashion_mnist"),
            *_in(_FASHION_IDX, ".", "raw", "FashionMNIST/raw", "fashion-mnist", "fashion-mnist/FashionMNIST/raw"),
        ),
        "FashionMNIST",
    ),
    "cifar10": Known(
        "CIFAR-10",
        (
            *hub_places(_CIFAR10, "uoft-cs", "cifar10", "plain_text"),
            *_in(_CIFAR10_PYTHON, ".", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"),
        ),
        "CIFAR10",
    ),
    "svhn": Known(
        "SVHN",
        (*hub_places(_SVHN, "ufldl-stanford", "svhn", "cropped_digits"), *_in(_SVHN_MATLAB, ".", "svhn", "SVHN")),
        "SVHN",
        ("train", "test"),
    ),
    "notmnist": Known("NotMNIST", _in(_NOT_MNIST, ".", "notMNIST", "notmnist")),
    "tiny-imagenet": Known(
        "Tiny ImageNet",
        (
            *hub_places(_TINY_HUB, "zh-plus", "tiny-imagenet", "data"),
            *_in(_TINY, ".", "tiny-imagenet-200", "tiny-imagenet", "tiny-imagenet/tiny-imagenet-200"),
        ),
    ),
    "cub200": Known("CUB-200-2011", _in(_CUB, ".", "CUB_200_2011", "cub200", "cub200/CUB_200_2011")),
}
"""Data sets by the name that study files and ``lifelong-lb data`` know."""
