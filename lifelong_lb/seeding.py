"""The only place that seeds. One seed of a study feeds separate generators, one for each purpose.

So two rules that are compared under one seed start from the same weights, see the same class order and the same
minibatches, whatever random numbers either of them draws on the way.
"""

import random
import zlib

import numpy as np

INITIALISATION = "initialisation"
CLASS_ORDER = "class-order"
PERMUTATIONS = "permutations"
ROTATIONS = "rotations"
SELECTION = "selection"
VALIDATION = "validation"
TEST_IMAGES = "test-images"
BLUR = "blur"
GENERATED = "generated"
ARRIVAL = "arrival"
DATA_ORDER = "data-order"
AUGMENTATION = "augmentation"
MEMORY = "memory"
REFERENCE = "reference"
NOISE = "noise"
LANDSCAPE = "landscape"
"""Purposes: initial weights, order of the classes, permutations of the pixels, angles, which images are kept where a
stream wants some only, which are held out for validation, which of the test part are measured on, which go to other
experiences, images made of random numbers, order in which the images of an online stream arrive, order of the
minibatches, crops and flips of images, what a memory keeps, the images of a memory over which A-GEM takes its reference
gradient, noise that training itself draws, such as dropout masks, and what measuring the loss landscape draws."""


def derive(seed: int, purpose: str, *at: int) -> int:
    """A seed for one purpose, independent of those for the others.

    Args:
        seed: the study's seed, >= 0.
        purpose: one of this module's names.
        at: further whole numbers >= 0, such as experience and epoch.

    Returns:
        A number in 0..2^32 - 1, the same on every machine.

    Example:
        >>> derive(0, CLASS_ORDER) == derive(0, CLASS_ORDER), derive(0, CLASS_ORDER) == derive(0, DATA_ORDER)
        (True, False)
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), *at])
    return int(sequence.generate_state(1, np.uint32)[0])


def generator(seed: int, purpose: str, *at: int) -> np.random.Generator:
    """A numpy generator of its own for one purpose.

    Args:
        seed: the study's seed.
        purpose: one of this module's names.
        at: further whole numbers >= 0.

    Returns:
        The generator.
    """
    return np.random.default_rng(derive(seed, purpose, *at))


def seed_all(seed: int, purpose: str, *at: int) -> None:
    """Seed the global generators of torch, numpy and Python, from which Avalanche and torch draw.

    Args:
        seed: the study's seed.
        purpose: one of this module's names.
        at: further whole numbers, such as experience and epoch.
    """
    import torch

    value = derive(seed, purpose, *at)
    torch.manual_seed(value)
    np.random.seed(value)
    random.seed(value)
