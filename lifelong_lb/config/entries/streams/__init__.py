"""Streams of experiences that a study file can name."""

from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.entries.streams.generated import Generated
from lifelong_lb.config.entries.streams.known_data_sets import (
    FiveDatasets,
    Split,
    SplitCIFAR10,
    SplitCIFAR100,
    SplitCUB200,
    SplitDigits,
    SplitEMNIST,
    SplitEMNISTByClass,
    SplitEMNISTByMerge,
    SplitEMNISTDigits,
    SplitEMNISTLetters,
    SplitEMNISTMNIST,
    SplitEuroSAT,
    SplitFashionMNIST,
    SplitKMNIST,
    SplitMNIST,
    SplitSTL10,
    SplitSVHN,
    SplitTinyImageNet,
)
from lifelong_lb.config.entries.streams.known_sequences import Clear10, Core50, Omniglot
from lifelong_lb.config.entries.streams.several_sources import Folders, Sources
from lifelong_lb.config.entries.streams.transformed import (
    Permuted,
    PermutedDigits,
    PermutedMNIST,
    Rotated,
    RotatedDigits,
    RotatedMNIST,
)
from lifelong_lb.config.entries.streams.vectors import Vectors

STREAM_ENTRIES: dict[str, type[StreamEntry]] = {
    "split-digits": SplitDigits,
    "split-mnist": SplitMNIST,
    "split-fashion-mnist": SplitFashionMNIST,
    "split-cifar10": SplitCIFAR10,
    "split-cifar100": SplitCIFAR100,
    "split-tiny-imagenet": SplitTinyImageNet,
    "split-cub200": SplitCUB200,
    "split-svhn": SplitSVHN,
    "split-kmnist": SplitKMNIST,
    "split-emnist": SplitEMNIST,
    "split-emnist-byclass": SplitEMNISTByClass,
    "split-emnist-bymerge": SplitEMNISTByMerge,
    "split-emnist-letters": SplitEMNISTLetters,
    "split-emnist-digits": SplitEMNISTDigits,
    "split-emnist-mnist": SplitEMNISTMNIST,
    "split-stl10": SplitSTL10,
    "split-eurosat": SplitEuroSAT,
    "five-datasets": FiveDatasets,
    "permuted-digits": PermutedDigits,
    "permuted-mnist": PermutedMNIST,
    "rotated-digits": RotatedDigits,
    "rotated-mnist": RotatedMNIST,
    "generated": Generated,
    "split": Split,
    "permuted": Permuted,
    "rotated": Rotated,
    "sources": Sources,
    "folders": Folders,
    "vectors": Vectors,
    "core50": Core50,
    "clear10": Clear10,
    "omniglot": Omniglot,
}
