"""Data sets known by name: the folders and layouts in which each is searched, and its download."""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lifelong_lb.data.arrays import DIGIT_NAMES, Source
from lifelong_lb.data.combined.sequences import clear10, is_clear, omniglot
from lifelong_lb.data.layouts.cifar_python import CIFAR10, CIFAR100, CifarPythonSource, PickledFiles
from lifelong_lb.data.layouts.core50 import Core50Files
from lifelong_lb.data.layouts.mnist_idx import EmnistIdxSource, MnistIdxSource
from lifelong_lb.data.layouts.parquet import ParquetSource
from lifelong_lb.data.layouts.picture_files import ClassFolders, CubFiles, TinyImageNetFiles
from lifelong_lb.data.layouts.stl10 import Stl10Source
from lifelong_lb.data.layouts.svhn import SvhnSource
from lifelong_lb.data.layouts.unsplit_folders import EveryFifth
from lifelong_lb.data.places import Layout, Place, download, find_source, hub_places

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
CUB_SIZE = 224
"""Height and width to which CUB-200-2011's photographs are cropped and scaled, as in Chaudhry et al. 2019."""

_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_BALANCED = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A data set known by name.

    Attributes:
        title: its name in messages.
        places: folders and layouts to try below each root, in this order.
        torchvision: torchvision's class that downloads it; None if there is none.
        parts: values of torchvision's ``split`` to download; empty if the class has no such argument.
    """

    title: str
    places: tuple[Place, ...]
    torchvision: str | None = None
    parts: tuple[str, ...] = ()

    def find(self, roots: Sequence[Path], build: Callable[[Path], Source] | None = None) -> Source:
        """Find the data set.

        Args:
            roots: folders to search, in this order.
            build: builds the source of the folder, instead of its layout; None for the layout's default.

        Returns:
            The first source found; its files are not opened yet.

        Raises:
            UserError: if none is found; the message lists every path tried and the accepted layouts.
        """
        hint = "Set --data (or LIFELONG_LB_DATA) to its folder"
        hint += ", or download it through torchvision with --download." if self.torchvision else "."
        places = self.places
        if build is not None:
            places = tuple(Place(place.pattern, replace(place.layout, source=build)) for place in places)
        return find_source(self.title, places, roots, hint)

    def download(self, folder: Path) -> None:
        """Download the data set with torchvision.

        Args:
            folder: torchvision's ``root``.

        Raises:
            UserError: if the download fails.
        """
        assert self.torchvision is not None
        download(self.title, self.torchvision, folder, self.parts)


def _parquet(
    size: tuple[int, int], channels: int, *, label: str = "label", statistics: Statistics | None = None
) -> Callable[[Path], Source]:
    labels = tuple(dict.fromkeys((label, "label")))
    mean, std = statistics or (None, None)
    return lambda folder: ParquetSource(folder, ("img", "image"), labels, size, mean, std, channels)


def _pickled(files: PickledFiles, statistics: Statistics | None = None) -> Layout:
    mean, std = statistics or (None, None)
    return Layout(
        f"torchvision's {files.title} for Python (files {files.train[0]}, {files.test}, {files.meta})",
        lambda folder: (folder / files.train[0]).is_file(),
        lambda folder: CifarPythonSource(folder, files, mean, std),
    )


def _kind_of_mnist(folder: Path) -> str:
    """Data set that the innermost matching folder name means: files of the three have the same names."""
    names = [part.lower() for part in reversed(folder.resolve().parts)]
    name = next((name for name in names if "fashion" in name or "mnist" in name), "")
    return next((kind for kind in ("fashion", "kmnist") if kind in name), "mnist")


_HUB = "Hugging Face parquet (train-*.parquet, test-*.parquet with columns {columns})"
_IDX = "torchvision's {title}/raw (train-images-idx3-ubyte and the other three files, plain or .gz)"
_DIGIT_STATISTICS = ((0.1307,), (0.3081,))
_CIFAR100_STATISTICS = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))


def _mnist(title: str, kind: str, names: tuple[str, ...], statistics: Statistics | None) -> tuple[Layout, Layout]:
    columns = "image, label"
    mean, std = statistics or (None, None)
    where = "" if kind == "mnist" else f" in a path that contains {kind}"
    return (
        Layout(
            _HUB.format(columns=columns) + where,
            lambda folder: ParquetSource.matches(folder) and _kind_of_mnist(folder) == kind,
            _parquet((28, 28), 1, statistics=statistics),
        ),
        Layout(
            _IDX.format(title=title) + where,
            lambda folder: MnistIdxSource.matches(folder) and _kind_of_mnist(folder) == kind,
            lambda folder: MnistIdxSource(folder, mean, std, names),
        ),
    )


def _emnist(split: str, names: tuple[str, ...]) -> tuple[Place, ...]:
    layout = Layout(
        f"torchvision's EMNIST/raw (emnist-{split}-train-images-idx3-ubyte and the other three files, plain or .gz)",
        lambda folder: EmnistIdxSource.matches(folder, split),
        lambda folder: EmnistIdxSource(folder, class_names=names, split=split),
    )
    return _in(layout, ".", "raw", "EMNIST/raw", "emnist", "emnist/EMNIST/raw", "gzip", "emnist/gzip")


def _in(layout: Layout, *patterns: str) -> tuple[Place, ...]:
    return tuple(Place(pattern, layout) for pattern in patterns)


_MNIST, _MNIST_IDX = _mnist("MNIST", "mnist", DIGIT_NAMES, _DIGIT_STATISTICS)
_FASHION_MNIST, _FASHION_IDX = _mnist("FashionMNIST", "fashion", _FASHION, None)
_, _KMNIST_IDX = _mnist("KMNIST", "kmnist", _KUZUSHIJI, None)
_CIFAR10 = Layout(_HUB.format(columns="img or image, label"), ParquetSource.matches, _parquet((32, 32), 3))
_CIFAR100 = Layout(
    _HUB.format(columns="img or image, fine_label or label"),
    ParquetSource.matches,
    _parquet((32, 32), 3, label="fine_label", statistics=_CIFAR100_STATISTICS),
)
_CIFAR10_PYTHON, _CIFAR100_PYTHON = _pickled(CIFAR10), _pickled(CIFAR100, _CIFAR100_STATISTICS)
_SVHN = Layout(_HUB.format(columns="image, label"), ParquetSource.matches, _parquet((32, 32), 3))
_SVHN_MATLAB = Layout("the authors' train_32x32.mat and test_32x32.mat", SvhnSource.matches, SvhnSource)
_NOT_MNIST = Layout(
    "one folder of pictures per letter (Train/A to Train/J, Test/A to Test/J)",
    ClassFolders.matches,
    lambda folder: ClassFolders(folder, (28, 28), channels=1),
)
_TINY = Layout(
    "the authors' tiny-imagenet-200 (train/<wnid>/images, val/images, val/val_annotations.txt)",
    TinyImageNetFiles.matches,
    lambda folder: TinyImageNetFiles(folder, (64, 64), channels=3),
)
_TINY_HUB = Layout(
    "Hugging Face parquet (train-*.parquet, valid-*.parquet with columns image, label)",
    ParquetSource.matches,
    _parquet((64, 64), 3),
)
_CUB = Layout(
    "the authors' CUB_200_2011 (images/, images.txt, image_class_labels.txt, train_test_split.txt, classes.txt)",
    CubFiles.matches,
    lambda folder: CubFiles(folder, channels=3, fit=CUB_SIZE),
)


_STL10 = Layout(
    "the authors' stl10_binary (train_X.bin, train_y.bin, test_X.bin, test_y.bin, class_names.txt)",
    Stl10Source.matches,
    Stl10Source,
)
_EUROSAT = Layout(
    "the authors' 2750 (AnnualCrop/*.jpg and one folder for each of the other classes)",
    lambda folder: (folder / "AnnualCrop").is_dir(),
    lambda folder: EveryFifth(folder, (64, 64), channels=3),
)
_CORE50 = Layout(
    "the authors' batches_filelists/ beside core50_128x128/ or core50_32x32/ with s1/o1/*.png",
    Core50Files.matches,
    Core50Files,
)
_CLEAR10 = Layout(
    "the authors' train/ and test/ with labeled_metadata.json, class_names.txt, labeled_images/",
    is_clear,
    clear10,
)
_OMNIGLOT = Layout(
    "the authors' images_background/<alphabet>/<character>/*.png", lambda folder: (folder / "Greek").is_dir(), omniglot
)

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
    "kmnist": Known("KMNIST", _in(_KMNIST_IDX, ".", "raw", "KMNIST/raw", "kmnist", "kmnist/KMNIST/raw"), "KMNIST"),
    "emnist": Known("EMNIST (balanced)", _emnist("balanced", _BALANCED), "EMNIST", ("balanced",)),
    **{
        f"emnist-{split}": Known(f"EMNIST ({split})", _emnist(split, names), "EMNIST", (split,))
        for split, names in {
            "byclass": (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase),
            "bymerge": _BALANCED,
            "letters": tuple(string.ascii_lowercase),
            "digits": DIGIT_NAMES,
            "mnist": DIGIT_NAMES,
        }.items()
    },
    "stl10": Known("STL-10", _in(_STL10, ".", "stl10_binary", "stl10", "stl10/stl10_binary"), "STL10", ("train",)),
    "eurosat": Known(
        "EuroSAT", _in(_EUROSAT, ".", "2750", "eurosat/2750", "eurosat", "EuroSAT", "EuroSAT/2750"), "EuroSAT"
    ),
    "core50": Known("CORe50", _in(_CORE50, ".", "core50", "CORe50")),
    "clear10": Known("CLEAR-10", _in(_CLEAR10, ".", "clear10", "CLEAR10")),
    "omniglot": Known(
        "Omniglot",
        _in(_OMNIGLOT, ".", "images_background", "omniglot-py/images_background", "omniglot/images_background"),
        "Omniglot",
    ),
    "cub200": Known("CUB-200-2011", _in(_CUB, ".", "CUB_200_2011", "cub200", "cub200/CUB_200_2011")),
}
"""Data sets by their name in study files and ``lifelong-lb data``."""
