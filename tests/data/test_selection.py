"""Selection of training and evaluation images: stratified, drawn by the seed, and disjoint."""

import numpy as np
import pytest

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.data.selection import check_images, select

TRAIN = np.random.default_rng(0).permutation(np.repeat([0, 4, 9, 2], [40, 20, 10, 30]))
TEST = np.repeat([0, 2, 4, 9], 3)


def entry(**settings):
    return parse_study({"streams": {"name": "split-cifar100", "experiences": 2, **settings}}).streams[0]


def counts(y):
    return dict(zip(*(values.tolist() for values in np.unique(y, return_counts=True)), strict=True))


def test_by_default_all_images_are_selected_in_order():
    chosen = select(entry(), TRAIN, TEST, seed=5)
    assert chosen.learnt.tolist() == list(range(100))
    assert chosen.evaluated.tolist() == list(range(12))


@pytest.mark.parametrize("evaluate", ["test", "validation"])
def test_a_fraction_of_each_class_is_held_out(evaluate):
    chosen = select(entry(validation=0.2, evaluate=evaluate), TRAIN, TEST, seed=5)
    assert counts(TRAIN[chosen.learnt]) == {0: 32, 2: 24, 4: 16, 9: 8}
    assert (np.diff(chosen.learnt) > 0).all()
    if evaluate == "test":
        assert chosen.evaluated.tolist() == list(range(12))
    else:
        assert counts(TRAIN[chosen.evaluated]) == {0: 8, 2: 6, 4: 4, 9: 2}
        assert sorted([*chosen.learnt, *chosen.evaluated]) == list(range(100))


def test_images_per_class_is_a_maximum():
    chosen = select(entry(images_per_class=15), TRAIN, TEST, seed=5)
    assert counts(TRAIN[chosen.learnt]) == {0: 15, 2: 15, 4: 15, 9: 10}
    both = entry(images_per_class=15, validation=0.5, evaluate="validation")
    chosen = select(both, TRAIN, TEST, seed=5)
    assert counts(TRAIN[chosen.learnt]) == {0: 15, 2: 15, 4: 10, 9: 5}
    assert counts(TRAIN[chosen.evaluated]) == {0: 20, 2: 15, 4: 10, 9: 5}
    assert not set(chosen.learnt) & set(chosen.evaluated)


def test_seeds_draw_and_settings_do_not_disturb_each_other():
    def validation(seed, **settings):
        chosen = select(entry(validation=0.2, evaluate="validation", **settings), TRAIN, TEST, seed)
        return tuple(chosen.evaluated.tolist())

    assert len({validation(seed) for seed in range(5)}) == 5
    assert validation(3) == validation(3) == validation(3, images_per_class=4)
    few, more = (set(select(entry(images_per_class=n), TRAIN, TEST, 1).learnt.tolist()) for n in (5, 9))
    assert few < more


def test_selection_of_a_class_does_not_depend_on_other_classes():
    without = TRAIN[TRAIN != 0]
    setting = entry(validation=0.5, evaluate="validation")
    whole = np.flatnonzero(TRAIN != 0)
    first = {i for i in select(setting, TRAIN, TEST, 2).evaluated if TRAIN[i] == 4}
    second = {whole[i] for i in select(setting, without, TEST[TEST != 0], 2).evaluated if without[i] == 4}
    assert first == second


def test_too_few_images_are_named():
    message = r"streams\[0\]: class 9 of cifar100 has 10 training images, too few to hold out a fraction of 0.04"
    with pytest.raises(UserError, match=message):
        check_images(entry(validation=0.04), TRAIN, TEST)
    with pytest.raises(UserError, match="class 9 of .* has 10 training images.* a fraction of 0.96 and keep one"):
        check_images(entry(validation=0.96), TRAIN, TEST)
    check_images(entry(validation=0.1), TRAIN, TEST)


def test_too_few_images_to_blur_are_named():
    blurry = {"scenario": "class-incremental", "blurry": 0.1}
    check_images(entry(**blurry), TRAIN, TEST)
    with pytest.raises(UserError, match="class 0 .* has 5 training images, too few to move a fraction of 0.1 to"):
        check_images(entry(**blurry, images_per_class=5), TRAIN, TEST)
    with pytest.raises(UserError, match="class 9 .* has 5 training images, too few to move"):
        check_images(entry(**blurry, validation=0.5), TRAIN, TEST)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (TEST[TEST != 4], "in cifar100, class 4 is in the train part, but not in the test part"),
        (np.append(TEST, 7), "in cifar100, class 7 is in the test part, but not in the train part"),
    ],
)
def test_parts_that_do_not_fit_are_named(test, message):
    with pytest.raises(UserError, match=message):
        select(entry(), TRAIN, test, 0)
