"""Streams of known data sets, and of your own images, split by classes."""

from typing import Literal

from pydantic import model_validator

from lifelong_lb.config.entries.streams.base import OwnImages
from lifelong_lb.config.entries.streams.dealt import DealtStream
from lifelong_lb.config.entries.streams.experiences import Experiences
from lifelong_lb.config.entries.streams.split import SplitStream
from lifelong_lb.untrusted import quoted

FIVE_DATASETS = ("svhn", "mnist", "cifar10", "notmnist", "fashion-mnist")
"""The data sets of ``five-datasets``, in the order of their labels."""


class Split(OwnImages, SplitStream):
    """Your own images, split by classes: folders of pictures, .npz, .npy, parquet, and others."""

    name: Literal["split"] = "split"
    experiences: Experiences = 5


class SplitDigits(SplitStream):
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, embedded: nothing to download.

    A fixed stratified split, independent of the seed: about 80 % for training, 20 % for testing.
    """

    classes = 10
    dataset = "digits"
    name: Literal["split-digits"] = "split-digits"
    experiences: Experiences = 5


class SplitCIFAR100(SplitStream):
    """CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 x 32 pixels in 100 classes."""

    classes = 100
    dataset = "cifar100"
    may_be_partial = True
    name: Literal["split-cifar100"] = "split-cifar100"
    experiences: Experiences = 20


class SplitMNIST(SplitStream):
    """MNIST (LeCun et al. 1998): 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes."""

    classes = 10
    dataset = "mnist"
    name: Literal["split-mnist"] = "split-mnist"
    experiences: Experiences = 5


class SplitFashionMNIST(SplitStream):
    """Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): as MNIST, with images of clothes."""

    classes = 10
    dataset = "fashion-mnist"
    name: Literal["split-fashion-mnist"] = "split-fashion-mnist"
    experiences: Experiences = 5


class SplitCIFAR10(SplitStream):
    """CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 x 32 pixels in 10 classes."""

    classes = 10
    dataset = "cifar10"
    name: Literal["split-cifar10"] = "split-cifar10"
    experiences: Experiences = 5


class SplitTinyImageNet(SplitStream):
    """Tiny ImageNet (Le & Yang 2015): 100,000 + 10,000 colour images of 64 x 64 pixels in 200 classes.

    Its validation part is the test part here, because the labels of its test part were never published.
    """

    classes = 200
    dataset = "tiny-imagenet"
    may_be_partial = True
    name: Literal["split-tiny-imagenet"] = "split-tiny-imagenet"
    experiences: Experiences = 10


class SplitCUB200(SplitStream):
    """CUB-200-2011 (Wah et al. 2011): 5,994 + 5,794 photographs of 200 bird species, cropped and scaled to 224 x 224.

    Experiences as in Chaudhry et al. 2019 (arXiv 1812.00420): 20 of 10 classes.
    """

    classes = 200
    dataset = "cub200"
    may_be_partial = True
    name: Literal["split-cub200"] = "split-cub200"
    experiences: Experiences = 20


class SplitSVHN(SplitStream):
    """SVHN (Netzer et al. 2011): 73,257 + 26,032 colour images of 32 x 32 pixels, house numbers."""

    classes = 10
    dataset = "svhn"
    name: Literal["split-svhn"] = "split-svhn"
    experiences: Experiences = 5


class SplitKMNIST(SplitStream):
    """Kuzushiji-MNIST (Clanuwat et al. 2018, arXiv 1812.01718): as MNIST, with ten hiragana."""

    classes = 10
    dataset = "kmnist"
    name: Literal["split-kmnist"] = "split-kmnist"
    experiences: Experiences = 5


class SplitEMNIST(SplitStream):
    """EMNIST, balanced (Cohen et al. 2017, arXiv 1702.05373): 112,800 + 18,800 grey images in 47 classes."""

    classes = 47
    dataset = "emnist"
    name: Literal["split-emnist"] = "split-emnist"
    experiences: Experiences = (11, 9, 9, 9, 9)


class SplitEMNISTLetters(SplitStream):
    """EMNIST, letters (Cohen et al. 2017, arXiv 1702.05373): 124,800 + 20,800 grey images in 26 classes."""

    classes = 26
    dataset = "emnist-letters"
    name: Literal["split-emnist-letters"] = "split-emnist-letters"
    experiences: Experiences = 13


class SplitEMNISTByClass(SplitStream):
    """EMNIST, by class (Cohen et al. 2017, arXiv 1702.05373): 697,932 + 116,323 grey images in 62 classes."""

    classes = 62
    dataset = "emnist-byclass"
    name: Literal["split-emnist-byclass"] = "split-emnist-byclass"
    experiences: Experiences = (12, 10, 10, 10, 10, 10)


class SplitEMNISTByMerge(SplitStream):
    """EMNIST, by merge (Cohen et al. 2017, arXiv 1702.05373): as by class, with 15 pairs merged: 47 classes."""

    classes = 47
    dataset = "emnist-bymerge"
    name: Literal["split-emnist-bymerge"] = "split-emnist-bymerge"
    experiences: Experiences = (11, 9, 9, 9, 9)


class SplitEMNISTDigits(SplitStream):
    """EMNIST, digits (Cohen et al. 2017, arXiv 1702.05373): 240,000 + 40,000 grey images in 10 classes."""

    classes = 10
    dataset = "emnist-digits"
    name: Literal["split-emnist-digits"] = "split-emnist-digits"
    experiences: Experiences = 5


class SplitEMNISTMNIST(SplitStream):
    """EMNIST, MNIST (Cohen et al. 2017, arXiv 1702.05373): 60,000 + 10,000 grey images of digits, made as EMNIST's."""

    classes = 10
    dataset = "emnist-mnist"
    name: Literal["split-emnist-mnist"] = "split-emnist-mnist"
    experiences: Experiences = 5


class SplitSTL10(SplitStream):
    """STL-10 (Coates et al. 2011): 5,000 + 8,000 colour images of 96 x 96 pixels in 10 classes."""

    classes = 10
    dataset = "stl10"
    name: Literal["split-stl10"] = "split-stl10"
    experiences: Experiences = 5


class SplitEuroSAT(SplitStream):
    """EuroSAT (Helber et al. 2019, arXiv 1709.00029): 27,000 satellite images of 64 x 64 pixels in 10 classes.

    It has no test part: every fifth image of a class, in the order of the files, is used as one.
    """

    classes = 10
    dataset = "eurosat"
    name: Literal["split-eurosat"] = "split-eurosat"
    experiences: Experiences = 5


class FiveDatasets(DealtStream):
    """Five data sets one after the other (Ebrahimi et al. 2020, arXiv 2003.09553), as RGB images of 32 x 32 pixels.

    SVHN, MNIST, CIFAR-10, NotMNIST and Fashion-MNIST, ten classes each; ``order`` fixes their order, without it each
    seed draws one. Unlike in the authors' code, all images are normalised by the same mean and standard deviation, and
    the data sets' original train and test parts are used.
    """

    classes = 50
    dataset = "five-datasets"
    name: Literal["five-datasets"] = "five-datasets"
    experiences: Literal[5] = 5
    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
    order: tuple[Literal["svhn", "mnist", "cifar10", "notmnist", "fashion-mnist"], ...] | None = None
    """Order of the data sets, each once; without it each seed draws one."""

    @model_validator(mode="after")
    def _each_once(self) -> "FiveDatasets":
        if self.order is not None and sorted(self.order) != sorted(FIVE_DATASETS):
            raise ValueError(
                f"must have each of {', '.join(FIVE_DATASETS)} once in order; got {quoted(list(self.order))}"
            )
        return self
