"""Rotated streams: every experience has all images, rotated by a given or drawn angle."""

import numpy as np
import pytest
import torch
from helpers.image_files import needs_real_mnist, real_mnist

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.streams import rotated_stream
from lifelong_lb.streams.rotated import angles, rotated

IMAGES = load_images(find_dataset("digits"))


def entry(**settings):
    return parse_study({"streams": {"name": "rotated-digits", "experiences": 4, **settings}}).streams[0]


def images_of(experience):
    return torch.stack([x for x, *_ in experience.dataset])


@pytest.mark.parametrize(("angle", "times"), [(90.0, 1), (180.0, 2), (270.0, 3), (-90.0, 3)])
def test_right_angles_rotate_counter_clockwise(angle, times):
    x = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(rotated(x, angle), torch.rot90(x, times, (2, 3)))


def naive(image, angle):
    """Bilinear interpolation pixel by pixel, with black background."""
    size = image.shape[0]
    middle, turn = (size - 1) / 2, np.deg2rad(angle)
    framed = np.pad(image.astype(np.float64), 2)
    out = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            x, y = column - middle, row - middle  # y points down: counter-clockwise has this sign
            u, v = np.cos(turn) * x - np.sin(turn) * y + middle, np.sin(turn) * x + np.cos(turn) * y + middle
            left, top = int(np.floor(u)), int(np.floor(v))
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (1 - abs(u - left - j)) * (1 - abs(v - top - i))
                inside = -2 <= top + i < size + 2 and -2 <= left + j < size + 2
                out[row, column] += weight * (framed[top + i + 2, left + j + 2] if inside else 0)
    return out


@pytest.mark.parametrize("angle", [17.0, 45.0, 133.0, -30.0])
def test_any_angle_is_interpolated_bilinearly(angle):
    expected = np.stack([naive(x[0].numpy(), angle) for x in IMAGES.train.x[:3]])
    result = rotated(IMAGES.train.x[:3], angle)[:, 0].numpy().astype(np.float64)
    assert np.abs(result - expected).max() <= 1  # rounding to whole numbers


def test_every_experience_has_every_image_with_its_label():
    stream = rotated_stream(entry(angles=[0, 90, 180, 45.5]), IMAGES, seed=1)
    assert stream.angles == (0.0, 90.0, 180.0, 45.5)
    assert (stream.shape.experiences, stream.shape.classes) == (4, 10)
    assert stream.class_order == tuple(range(10))
    for experiences, part in ((stream.train, IMAGES.train), (stream.test, IMAGES.test)):
        for experience, angle in zip(experiences, stream.angles, strict=True):
            assert torch.equal(images_of(experience), rotated(part.x, angle))
            assert [int(y) for _, y, _ in experience.dataset] == part.y.tolist()
            assert experience.task_labels == [0]
    assert torch.equal(images_of(stream.train[0]), IMAGES.train.x)


def test_one_angle_is_drawn_from_each_part_of_the_range():
    drawn = np.array([angles(entry(max_angle=120), seed) for seed in range(200)])
    for i in range(4):
        assert (30 * i <= drawn[:, i]).all()
        assert (drawn[:, i] < 30 * (i + 1)).all()
        assert drawn[:, i].mean() == pytest.approx(30 * i + 15, abs=2.5)  # four standard errors
    assert angles(entry(), 0) == angles(entry(), 0) != angles(entry(), 1)
    pinned = [24.67, 51.39, 119.23, 169.08]
    assert angles(entry(), 0) == pytest.approx(pinned, abs=0.01)  # a change would change all results


def test_arrangements_differ_with_the_angles():
    arrangements = [
        rotated_stream(entry(angles=a), IMAGES, 0).arrangement for a in ([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 4])
    ]
    assert arrangements[0] == arrangements[1] != arrangements[2]


def test_labels_with_gaps_are_renumbered():
    y = torch.tensor([3, 7, 7, 12])
    part = ImageTensors(torch.zeros(4, 1, 4, 4, dtype=torch.uint8), y)
    own = parse_study({"streams": {"name": "rotated", "source": "mine", "experiences": 2}}).streams[0]
    stream = rotated_stream(own, ImageData(part, part, (0.5,), (0.25,), "", ""), seed=0)
    assert [int(label) for _, label, _ in stream.train[1].dataset] == [0, 1, 1, 2]
    assert stream.class_order == (3, 7, 12)
    assert stream.label_map == {3: (None, 0, 0), 7: (None, 0, 1), 12: (None, 0, 2)}


def test_image_subsets_and_validation():
    setting = entry(validation=0.25, evaluate="validation", images_per_class=20)
    stream = rotated_stream(setting, IMAGES, seed=2)
    learnt = [len(e.dataset) for e in stream.train]
    assert learnt == [200] * 4
    assert sum(len(e.dataset) for e in stream.test) == 4 * 360
    pixels = {tuple(x.flatten().tolist()) for x in IMAGES.train.x}
    straight = rotated_stream(setting.model_copy(update={"angles": (0.0,) * 4}), IMAGES, seed=2)
    assert {tuple(x.flatten().tolist()) for x in images_of(straight.test[0])} <= pixels


def test_missing_classes_are_refused():
    lacking = ImageTensors(IMAGES.train.x, IMAGES.train.y.clamp(max=8))
    with pytest.raises(UserError, match="must have the classes 0 to 9"):
        rotated_stream(entry(), ImageData(lacking, IMAGES.test, (0.5,), (0.25,), "", ""), seed=0)


@needs_real_mnist
def test_rotated_mnist():
    study = parse_study({"streams": {"name": "rotated-mnist", "experiences": 2, "angles": [0, 90]}})
    stream = rotated_stream(study.streams[0], real_mnist(), seed=0)
    assert [len(e.dataset) for e in (*stream.train, *stream.test)] == [60_000, 60_000, 10_000, 10_000]
    first, second = (e.dataset[4711][0] for e in stream.train)
    assert torch.equal(torch.rot90(first, 1, (1, 2)), second)
