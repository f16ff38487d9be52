"""Seeding: one seed of a study feeds a separate random generator for each purpose.

Two rules compared under one seed therefore start from the same weights and use the same class order and the same
minibatches, regardless of how many random numbers either rule draws. No other module seeds a generator.
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
"""Purposes: initial weights; class order; pixel permutations; rotation angles; subset of the training images; images
held out for validation; subset of the test images; images moved to other experiences (blurry boundaries); generated
images; order of the images of an online stream; order of the minibatches; random crops and flips; samples stored in a
replay memory; memory samples for A-GEM's reference gradient; noise of training, such as dropout masks; samples and
noise for measurements of the loss landscape."""


def derive(seed: int, purpose: str, *at: int) -> int:
    """Derive the seed for one purpose, independent of the seeds for other purposes.

    Args:
        seed: the study's seed, >= 0.
        purpose: one of this module's names.
        at: further integers >= 0, such as experience and epoch.

    Returns:
        An integer in 0..2^32 - 1, the same on every machine.

    Example:
        >>> derive(0, CLASS_ORDER) == derive(0, CLASS_ORDER), derive(0, CLASS_ORDER) == derive(0, DATA_ORDER)
        (True, False)
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), *at])
    return int(sequence.generate_state(1, np.uint32)[0])


def generator(seed: int, purpose: str, *at: int) -> np.random.Generator:
    """Create the numpy generator for one purpose.

    Args:
        seed: the study's seed.
        purpose: one of this module's names.
        at: further integers >= 0.

    Returns:
        The generator.
    """
    return np.random.default_rng(derive(seed, purpose, *at))


def seed_all(seed: int, purpose: str, *at: int) -> None:
    """Seed the global generators of torch, numpy and Python, which Avalanche and torch use.

    Args:
        seed: the study's seed.
        purpose: one of this module's names.
        at: further integers >= 0, such as experience and epoch.
    """
    import torch

    from lifelong_lb.devices import accelerators

    value = derive(seed, purpose, *at)
    if accelerators():
        torch.manual_seed(value)
    else:  # torch.manual_seed would format the stack for each kind of device, in case that it is initialised later
        torch.default_generator.manual_seed(value)
    np.random.seed(value)
    random.seed(value)
