"""Permuted streams: every experience has all images, with permuted pixels."""

import numpy as np
import pytest
import torch
from helpers.image_files import needs_real_mnist, real_mnist

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.streams import permuted_stream
from lifelong_lb.streams.permuted import permutations, permuted


def part(each, channels=2):
    """Images of 2 x 3 pixels with pairwise different pixel values."""
    y = torch.arange(10).repeat(each)
    x = torch.arange(len(y) * channels * 6).to(torch.uint8).reshape(len(y), channels, 2, 3)
    return ImageTensors(x, y, tuple(f"digit {i}" for i in range(10)))


IMAGES = ImageData(part(2), part(1), (0.5, 0.5), (0.25, 0.25), "made up", "no hash")


def entry(**settings):
    return parse_study({"streams": {"name": "permuted-digits", "experiences": 3, **settings}}).streams[0]


def test_pixels_are_permuted_by_hand():
    image = torch.tensor([[[[10, 11, 12], [13, 14, 15]], [[20, 21, 22], [23, 24, 25]]]], dtype=torch.uint8)
    moved = permuted(image, np.array([5, 0, 1, 4, 3, 2]))
    assert moved.tolist() == [[[[15, 10, 11], [14, 13, 12]], [[25, 20, 21], [24, 23, 22]]]]


def test_every_experience_has_every_image_with_its_label():
    stream = permuted_stream(entry(), IMAGES, seed=1)
    orders = permutations(entry(), 6, seed=1)
    assert (stream.shape.experiences, stream.shape.classes, stream.shape.classes_an_experience) == (3, 10, 10)
    assert stream.shape.image == (2, 2, 3)
    assert stream.class_order == tuple(range(10))
    assert stream.class_names[3] == "digit 3"
    for experiences, source in ((stream.train, IMAGES.train), (stream.test, IMAGES.test)):
        assert len(experiences) == 3
        for i, experience in enumerate(experiences):
            assert experience.current_experience == i
            assert experience.task_labels == [0]
            assert experience.classes_in_this_experience == set(range(10))
            assert len(experience.dataset) == len(source.y)
            for j, (x, y, task) in enumerate(experience.dataset):
                assert (int(y), task) == (int(source.y[j]), 0)
                flat = source.x[j].flatten(1)
                for place, pixel in enumerate(orders[i]):
                    assert torch.equal(x.flatten(1)[:, place], flat[:, pixel])


def test_permutations_depend_on_the_seed_alone():
    pinned = [[0, 1, 5, 4, 2, 3], [2, 1, 3, 4, 0, 5], [3, 4, 2, 5, 1, 0]]
    assert permutations(entry(), 6, seed=0).tolist() == pinned  # a change would change all results
    assert len({tuple(permutations(entry(), 64, seed).ravel().tolist()) for seed in range(6)}) == 6


def test_more_experiences_do_not_change_earlier_permutations():
    few, many = (permutations(entry(experiences=n), 64, seed=3) for n in (2, 7))
    assert np.array_equal(few, many[:2])
    assert len({tuple(order) for order in many.tolist()}) == 7
    assert all(sorted(order) == list(range(64)) for order in many.tolist())


def test_the_first_experience_can_be_unpermuted():
    with_first, without = (permutations(entry(permute_first=flag), 64, seed=3) for flag in (True, False))
    assert without[0].tolist() == list(range(64)) != with_first[0].tolist()
    assert np.array_equal(with_first[1:], without[1:])
    stream = permuted_stream(entry(permute_first=False), IMAGES, seed=3)
    assert all(torch.equal(x, IMAGES.train.x[j]) for j, (x, *_) in enumerate(stream.train[0].dataset))


def test_the_seed_changes_only_the_permutations():
    streams = [permuted_stream(entry(), IMAGES, seed) for seed in (0, 1, 0)]
    digests = [stream.permutations for stream in streams]
    assert digests[0] == digests[2] != digests[1]
    assert len(digests[0]) == 16
    for experiences in zip(*(stream.train for stream in streams), strict=True):
        labels = [[int(y) for _, y, _ in e.dataset] for e in experiences]
        assert labels[0] == labels[1] == labels[2]
        sets = [[sorted(map(tuple, x.flatten(1).T.tolist())) for x, _, _ in e.dataset] for e in experiences]
        assert sets[0] == sets[1] == sets[2]
    assert streams[0].shape == streams[1].shape
    assert streams[0].class_order == streams[1].class_order


@pytest.mark.parametrize(
    ("label", "message"),
    [(3, "must have the classes 0 to 9; got 0, 1, 2, 3, 4, 5, 6, 7, 8$"), (12, r"got 0, .* 8, 12$")],
)
def test_a_data_set_with_other_classes_is_refused(label, message):
    strange = ImageTensors(IMAGES.train.x, IMAGES.train.y.where(IMAGES.train.y != 9, torch.tensor(label)))
    with pytest.raises(UserError, match=message):
        permuted_stream(entry(), ImageData(strange, IMAGES.test, (0.5,), (0.25,), "", ""), seed=0)


def test_a_test_part_without_a_class_is_refused():
    lacking = ImageTensors(IMAGES.test.x, torch.zeros_like(IMAGES.test.y))
    with pytest.raises(UserError, match="class 1 is in the train part, but not in the test part"):
        permuted_stream(entry(), ImageData(IMAGES.train, lacking, (0.5,), (0.25,), "", ""), seed=0)


@pytest.mark.slow
@needs_real_mnist
def test_permuted_mnist():
    images = real_mnist()
    study = parse_study({"streams": {"name": "permuted-mnist", "experiences": 2, "permute_first": False}})
    stream = permuted_stream(study.streams[0], images, seed=0)
    assert [len(e.dataset) for e in (*stream.train, *stream.test)] == [60_000, 60_000, 10_000, 10_000]
    first, second = (e.dataset[4711] for e in stream.train)
    assert torch.equal(first[0], images.train.x[4711])
    assert not torch.equal(second[0], images.train.x[4711])
    assert torch.equal(second[0].flatten().sort().values, images.train.x[4711].flatten().sort().values)
