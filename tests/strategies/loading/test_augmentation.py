"""Crops and flips have torchvision's distribution, a random stream of their own, and reach all that is trained on."""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, make, train
from scipy.stats import chisquare
from torchvision.transforms.functional import crop as torchvision_crop
from torchvision.transforms.functional import pad

from lifelong_lb.models.normalise import Normalise
from lifelong_lb.optim import NoRule
from lifelong_lb.strategies import AccuracyRecorder, Augmentation, TensorLoading
from lifelong_lb.strategies.loading.augmentation import random_crop, random_flip

pytestmark = AVALANCHES_OWN_WARNINGS
IMAGE = torch.arange(1, 2 * 3 * 4 + 1, dtype=torch.uint8).reshape(2, 3, 4)  # no two pixels are the same


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def counts(images, expected):
    """How often each expected image occurs; every image must be one of them."""
    found = [(images == one).flatten(1).all(dim=1).sum().item() for one in expected]
    assert sum(found) == len(images)
    return found


@pytest.mark.parametrize("padding", [1, 2])
def test_each_offset_of_a_crop_is_as_likely_as_the_others(padding):
    offsets = range(2 * padding + 1)
    expected = [torchvision_crop(pad(IMAGE, [padding]), i, j, 3, 4) for i in offsets for j in offsets]
    images = random_crop(IMAGE.expand(8000, -1, -1, -1), padding, generator())
    assert chisquare(counts(images, expected)).pvalue > 0.01


def test_half_of_the_images_are_mirrored():
    images = random_flip(IMAGE.expand(8000, -1, -1, -1), generator())
    assert chisquare(counts(images, [IMAGE, IMAGE.flip(2)])).pvalue > 0.01


def test_offsets_and_flips_are_drawn_for_each_image_on_its_own():
    """All pairs of what happens to neighbours, with crops of one pixel: 9 offsets, 2 sides."""
    augment = Augmentation(crop=1, flip=True, seed=0)
    augment.start(0, 0)
    images = augment(IMAGE.expand(40000, -1, -1, -1))
    crops = [torchvision_crop(pad(IMAGE, [1]), i, j, 3, 4) for i in range(3) for j in range(3)]
    expected = torch.stack([*crops, *(one.flip(2) for one in crops)])
    kind = (images[:, None] == expected).flatten(2).all(dim=2).long().argmax(dim=1)
    pairs = torch.bincount(kind[::2] * 18 + kind[1::2], minlength=18 * 18)
    assert chisquare(pairs.numpy()).pvalue > 0.01


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_what_is_given_stays_as_it_is(dtype):
    x = IMAGE.to(dtype).repeat(6, 1, 1, 1)
    kept = x.clone()
    augment = Augmentation(crop=2, flip=True, seed=0)
    assert augment(x).dtype == dtype
    assert torch.equal(x, kept)
    assert torch.equal(Augmentation(crop=0, flip=False, seed=0)(x), kept)


def test_each_seed_experience_and_epoch_has_its_own_stream_and_the_global_one_is_left_alone():
    def first(seed, *at):
        augment = Augmentation(crop=2, flip=True, seed=seed)
        augment.start(*at)
        return augment(IMAGE.expand(50, -1, -1, -1))

    before = torch.get_rng_state()
    assert torch.equal(first(0, 1, 2), first(0, 1, 2))
    different = [first(0, 0, 0), first(1, 0, 0), first(0, 1, 0), first(0, 0, 1)]
    assert not any(torch.equal(a, b) for i, a in enumerate(different) for b in different[:i])
    assert torch.equal(torch.get_rng_state(), before)


class Marked(Augmentation):
    """Brings all pixels into the range 200..249, where the plain images of these tests have next to none."""

    def __init__(self):
        super().__init__(crop=0, flip=False, seed=0)

    def __call__(self, x):
        return 200 + x % 50


class Sees(SupervisedPlugin):
    """Notes how many of the pixels that the model learns from come from an augmented image, one share an iteration."""

    def __init__(self):
        super().__init__()
        self.pixels, self.shares = [], []

    def before_training_iteration(self, strategy, **kwargs):
        normalise = next(module for module in strategy.model.modules() if isinstance(module, Normalise))
        self.handle = normalise.register_forward_pre_hook(self.note)

    def note(self, module, inputs):
        if torch.is_grad_enabled():
            self.pixels.append(inputs[0].flatten())

    def after_update(self, strategy, **kwargs):
        self.handle.remove()
        self.shares.append((torch.cat(self.pixels) >= 200).float().mean().item())
        self.pixels = []


@pytest.mark.parametrize("tensors", [True, False])
@pytest.mark.parametrize(
    "label", ["naive", "replay", "cumulative", "agem", "mir", "er-ace", "er-aml", "der++", "icarl"]
)
def test_all_that_is_trained_on_is_augmented(label, tensors):
    tape = Sees()
    made = make(label, "single", NoRule(), before=[TensorLoading(Marked(), tensors=tensors), tape])
    train(made, 2)
    assert set(tape.shares) == {1.0}
    assert len(tape.shares) > 4


def test_evaluations_see_plain_images():
    accuracies = []
    for augment in (None, Augmentation(crop=1, flip=True, seed=0)):
        recorder = AccuracyRecorder()
        made = make("replay", "single", NoRule(), before=[TensorLoading(augment), recorder])
        accuracies.append(recorder.evaluate(made.strategy, made.stream.test))
    assert accuracies[0] == accuracies[1]


def test_augmented_training_does_not_depend_on_how_images_are_loaded():
    states = []
    for tensors in (True, False):
        augment = Augmentation(crop=1, flip=True, seed=0)
        states.append(train(make("der++", "single", NoRule(), before=[TensorLoading(augment, tensors=tensors)]), 2))
    plain = train(make("der++", "single", NoRule(), before=[TensorLoading()]), 2)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not all(torch.equal(value, plain[name]) for name, value in states[0].items())
