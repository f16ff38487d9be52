"""Write the first 100 training and 30 test images of each class of CIFAR-100 to an .npz file for split-cifar100.yaml.

python benchmarks/studies/pretrained/subset.py DATA results/cifar100-subset/cifar100-subset.npz
"""

import sys
from pathlib import Path

import numpy as np

from lifelong_lb.data import cache_folder, find_dataset, prepare_images

TRAIN, TEST = 100, 30


def first(part, count):
    """The first images of each class, in the order of the data set."""
    rows = np.sort(np.concatenate([np.flatnonzero(part.y == label)[:count] for label in range(100)]))
    return part.x[rows].transpose(0, 2, 3, 1), part.y[rows]


if __name__ == "__main__":
    folder, target = map(Path, sys.argv[1:])
    images = prepare_images(find_dataset("cifar100", [folder]), cache_folder())
    (x_train, y_train), (x_test, y_test) = first(images.train, TRAIN), first(images.test, TEST)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez(target, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
