"""Split streams: every image once, in the experience of its class, with its label."""

import itertools

import numpy as np
import pytest
import torch
from helpers.image_files import REAL, needs_real_cifar, needs_real_mnist, real_mnist, write_five

from lifelong_lb.config import FIVE_DATASETS, UserError, parse_study
from lifelong_lb.data import find_dataset, find_images, load_images
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.streams import split_stream

CLASSES = [2, 3, 7, 11, 13, 40]


def labelled_images(each, seed):
    """Images whose first pixel is their label."""
    y = torch.tensor(CLASSES).repeat(each)[torch.randperm(each * len(CLASSES), generator=_generator(seed))]
    x = torch.randint(0, 256, (len(y), 1, 4, 4), generator=_generator(seed + 1), dtype=torch.uint8)
    x[:, 0, 0, 0] = y.to(torch.uint8)
    return ImageTensors(x, y, tuple(f"class {i}" for i in range(41)))


def _generator(seed):
    return torch.Generator().manual_seed(seed)


IMAGES = ImageData(labelled_images(5, 0), labelled_images(2, 9), (0.5,), (0.25,), "made up", "no hash")


def entry(**settings):
    return parse_study({"streams": {"name": "split-cifar100", "experiences": 2, **settings}}).streams[0]


@pytest.mark.parametrize("scenario", ["task-incremental", "class-incremental"])
def test_every_image_is_in_the_experience_of_its_class(scenario):
    stream = split_stream(entry(scenario=scenario), IMAGES, seed=4)
    assert sorted(stream.class_order) == CLASSES
    assert stream.class_names == tuple(f"class {c}" for c in stream.class_order)
    assert (stream.shape.experiences, stream.shape.classes, stream.shape.classes_an_experience) == (2, 6, 3)
    for part, source in ((stream.train, IMAGES.train), (stream.test, IMAGES.test)):
        seen = []
        for i, experience in enumerate(part):
            assert experience.current_experience == i
            own = stream.class_order[3 * i : 3 * i + 3]
            for x, y, task in experience.dataset:
                original = int(x[0, 0, 0])
                seen.append(x)
                position = own.index(original)
                assert (int(y), task) == ((position, i) if scenario == "task-incremental" else (3 * i + position, 0))
            assert experience.task_labels == [i if scenario == "task-incremental" else 0]
            offset = 0 if scenario == "task-incremental" else 3 * i
            assert experience.classes_in_this_experience == {offset, offset + 1, offset + 2}
        assert len(seen) == len(source.x)
        expected = np.unique(source.x.flatten(1).numpy(), axis=0)
        assert np.array_equal(np.unique(torch.stack(seen).flatten(1).numpy(), axis=0), expected)


def test_the_class_order_depends_on_the_seed_alone():
    orders = [split_stream(entry(), IMAGES, seed).class_order for seed in range(6)]
    assert len(set(orders)) >= 5
    assert orders == [split_stream(entry(), IMAGES, seed).class_order for seed in range(6)]
    assert orders[0] == (40, 2, 3, 13, 11, 7)  # a change would change all results


def test_a_fixed_class_order_holds_for_every_seed():
    fixed = [40, 2, 13, 3, 11, 7]
    orders = {split_stream(entry(class_order=fixed), IMAGES, seed).class_order for seed in range(3)}
    assert orders == {tuple(fixed)}


def test_images_are_shared_not_copied():
    stream = split_stream(entry(), IMAGES, seed=0)
    x = stream.train[0].dataset[0][0]
    assert x.untyped_storage().data_ptr() == IMAGES.train.x.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experiences": 4}, "experiences must divide the 6 classes found in the data; got 4"),
        ({"name": "split-mnist"}, "the train part of mnist must have the classes 0 to 9; got 2, 3, 7, 11, 13, 40"),
        (
            {"class_order": [0, 1, 2, 3]},
            "each of the 6 classes found in the data once; 7, 11, 13, 40 are missing, and 0, 1 are not in the data",
        ),
        (
            {"class_order": [0, 1]},
            "2, 3, 7, 11, 13 and 1 more are missing, and 0, 1 are not in the data",
        ),
    ],
)
def test_impossible_splits_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        split_stream(entry(**settings), IMAGES, seed=0)


def test_a_test_class_without_train_images_is_named():
    strange = ImageTensors(IMAGES.test.x, torch.full_like(IMAGES.test.y, 5))
    with pytest.raises(UserError, match="class 5 is in the test part, but not in the train part"):
        split_stream(entry(), ImageData(IMAGES.train, strange, (0.5,), (0.25,), "", ""), seed=0)


@pytest.mark.parametrize("label", [-1, 100])
def test_a_label_outside_the_range_is_named(label):
    strange = ImageTensors(IMAGES.train.x, IMAGES.train.y.where(IMAGES.train.y != 40, torch.tensor(label)))
    with pytest.raises(UserError, match=f"must have classes among 0 to 99; got .*{label}"):
        split_stream(entry(), ImageData(strange, IMAGES.test, (0.5,), (0.25,), "", ""), seed=0)


@pytest.mark.parametrize(
    ("label", "message"),
    [(-1, "class -1 is in the test part, but not"), (2, "class 3 is in the train part, but not")],
)
def test_mismatched_test_classes_are_named(label, message):
    other = ImageTensors(IMAGES.test.x, torch.full_like(IMAGES.test.y, label))
    fixed = entry(class_order=[2, 3, 7, 11, 13, 40])
    with pytest.raises(UserError, match=message):
        split_stream(fixed, ImageData(IMAGES.train, other, (0.5,), (0.25,), "", ""), seed=0)


@pytest.mark.parametrize(("experiences", "per"), [(5, 2), (2, 5), (10, 1), (1, 10)])
def test_digits_in_any_split(experiences, per):
    study = parse_study({"streams": {"name": "split-digits", "experiences": experiences}})
    stream = split_stream(study.streams[0], load_images(find_dataset("digits")), seed=0)
    assert len(stream.train) == len(stream.test) == experiences
    assert sum(len(e.dataset) for e in itertools.chain(stream.train, stream.test)) == 1797
    assert all(len(e.classes_in_this_experience) == per for e in stream.train)


@needs_real_cifar
def test_a_subset_of_cifar_100_in_five_experiences():
    study = parse_study({"streams": {"name": "split-cifar100", "experiences": 5, "scenario": "class-incremental"}})
    stream = split_stream(study.streams[0], load_images(find_dataset("cifar100", [REAL / "cifar100-small"])), seed=0)
    assert [len(e.dataset) for e in stream.train] == [400] * 5
    assert stream.shape.classes == 20


@needs_real_mnist
def test_mnist_in_five_experiences():
    order = list(range(10))
    study = parse_study({"streams": {"name": "split-mnist", "class_order": order}})
    stream = split_stream(study.streams[0], real_mnist(), seed=0)
    assert [len(e.dataset) for e in stream.train] == [12665, 12089, 11263, 12183, 11800]
    assert [len(e.dataset) for e in stream.test] == [2115, 2042, 1874, 1986, 1983]
    assert stream.shape.image == (1, 28, 28)
    assert stream.class_names == tuple("0123456789")


def blurred(share, seed=0):
    images = ImageData(labelled_images(40, 0), labelled_images(2, 9), (0.5,), (0.25,), "made up", "no hash")
    setting = entry(name="split", source="mine", experiences=3, scenario="class-incremental", blurry=share)
    return split_stream(setting, images, seed)


def labels_of(experience):
    return np.array([int(x[0, 0, 0]) for x, *_ in experience.dataset])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3])
def test_blurry_moves_a_share_of_each_class(share):
    stream = blurred(share)
    seen = [labels_of(experience) for experience in stream.train]
    for place, own in enumerate(stream.class_order):
        numbers = [int((labels == own).sum()) for labels in seen]
        moved = round(40 * share)
        assert sum(numbers) == 40
        assert numbers.pop(place // 2) == 40 - moved
        assert max(numbers) - min(numbers) <= 1
    assert len({tuple(x.flatten().tolist()) for e in stream.train for x, *_ in e.dataset}) == 240
    for experience, plain in zip(stream.test, blurred(0.0).test, strict=True):
        assert labels_of(experience).tolist() == labels_of(plain).tolist()
    for experience in stream.train:
        for x, y, task in experience.dataset:
            assert (stream.class_order[int(y)], task) == (int(x[0, 0, 0]), 0)


def test_blurry_zero_changes_nothing():
    streams = [blurred(0.0), blurred(0.0), blurred(0.1), blurred(0.1, seed=1)]
    assert streams[0].arrangement == streams[1].arrangement
    assert len({stream.arrangement for stream in streams}) == 3
    assert streams[0].class_order == streams[2].class_order


def test_validation_images_are_in_the_experience_of_their_class():
    images = ImageData(labelled_images(40, 0), labelled_images(2, 9), (0.5,), (0.25,), "made up", "no hash")
    stream = split_stream(entry(validation=0.25, evaluate="validation", images_per_class=12), images, seed=4)
    for i, (learnt, measured) in enumerate(zip(stream.train, stream.test, strict=True)):
        own = stream.class_order[3 * i : 3 * i + 3]
        assert [int((labels_of(learnt) == c).sum()) for c in own] == [12] * 3
        assert [int((labels_of(measured) == c).sum()) for c in own] == [10] * 3
        pixels = [{tuple(x.flatten().tolist()) for x, *_ in e.dataset} for e in (learnt, measured)]
        assert not pixels[0] & pixels[1]


def test_the_label_map_matches_the_experiences():
    for scenario in ("task-incremental", "class-incremental"):
        stream = split_stream(entry(scenario=scenario), IMAGES, seed=4)
        for i, experience in enumerate(stream.train):
            for x, y, task in experience.dataset:
                assert stream.label_map[int(x[0, 0, 0])] == (i, task, int(y))
        assert list(stream.label_map) == list(stream.class_order)


def test_arrangements_differ_if_streams_differ():
    settings = [
        {},
        {"experiences": 1},
        {"scenario": "class-incremental"},
        {"class_order": [2, 3, 7, 11, 13, 40]},
        {"images_per_class": 3},
        {"validation": 0.4},
        {"validation": 0.4, "evaluate": "validation"},
    ]
    arrangements = [split_stream(entry(**each), IMAGES, seed=0).arrangement for each in settings]
    assert len(set(arrangements)) == len(settings)
    assert arrangements == [split_stream(entry(**each), IMAGES, seed=0).arrangement for each in settings]
    assert split_stream(entry(), IMAGES, seed=1).arrangement != arrangements[0]


@pytest.mark.parametrize("scenario", ["task-incremental", "class-incremental", "domain-incremental"])
def test_generated_experiences_keep_their_groups_of_classes(scenario):
    setting = {"name": "generated", "scenario": scenario, "experiences": 4, "classes_per_experience": 3, "noise": 0}
    study = parse_study({"streams": {**setting, "train_images": 2, "test_images": 1}})
    images = load_images(find_images(study.streams[0]))
    orders = set()
    for seed in range(5):
        stream = split_stream(study.streams[0], images, seed)
        orders.add(stream.class_order)
        assert stream.shape.classes == (3 if scenario == "domain-incremental" else 12)
        assert stream.shape.classes_an_experience == 3
        for i, experience in enumerate(stream.train):
            own = stream.class_order[3 * i : 3 * i + 3]
            assert [c % 3 for c in own] == [0, 1, 2]
            assert len({c // 3 for c in own}) == 1
            for x, y, task in experience.dataset:
                place = int(y) % 3
                assert int(y) == (3 * i + place if scenario == "class-incremental" else place)
                assert task == (i if scenario == "task-incremental" else 0)
                assert torch.equal(x, images.train.x[2 * own[place]])
    assert len(orders) > 1


def test_five_datasets_in_their_order(tmp_path):
    write_five(tmp_path)
    images = load_images(find_dataset("five-datasets", [tmp_path]))
    fixed = parse_study({"streams": {"name": "five-datasets", "order": [*reversed(FIVE_DATASETS)]}}).streams[0]
    stream = split_stream(fixed, images, seed=3)
    assert stream.class_order == (*range(40, 50), *range(30, 40), *range(20, 30), *range(10, 20), *range(10))
    assert [len(e.dataset) for e in stream.train] == [40, 20, 100, 20, 20]
    assert stream.class_names[0] == "fashion-mnist T-shirt/top"
    drawn = parse_study({"streams": "five-datasets"}).streams[0]
    orders = [split_stream(drawn, images, seed).class_order for seed in range(6)]
    assert len(set(orders)) > 3
    assert all(order[i : i + 10] == tuple(range(order[i], order[i] + 10)) for order in orders for i in range(0, 50, 10))


def test_labels_may_be_any_integers():
    y = torch.tensor([10**12, 3, 10**12, 3])
    part = ImageTensors(torch.arange(64, dtype=torch.uint8).reshape(4, 1, 4, 4), y)
    own = entry(name="split", source="mine", experiences=2, class_order=[10**12, 3], scenario="class-incremental")
    stream = split_stream(own, ImageData(part, part, (0.5,), (0.25,), "", ""), seed=0)
    assert [[int(label) for _, label, _ in e.dataset] for e in stream.train] == [[0, 0], [1, 1]]
    assert stream.label_map == {10**12: (0, 0, 0), 3: (1, 0, 1)}
