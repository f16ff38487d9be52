"""Split streams whose experiences have different numbers of classes, and class orders of other codes."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.config.entries.models import MLP
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.experiences import learnt_labels
from lifelong_lb.models import build_model
from lifelong_lb.models.heads import MaskedHead, MultiHead
from lifelong_lb.streams import split_stream


def entry(name="split-digits", **settings):
    return parse_study({"streams": {"name": name, **settings}}).streams[0]


def digits_stream(seed=0, **settings):
    return split_stream(entry(**settings), load_images(find_dataset("digits")), seed)


@pytest.mark.parametrize("scenario", ["task-incremental", "class-incremental"])
def test_every_image_is_in_the_experience_of_its_class(scenario):
    stream = digits_stream(experiences=[5, 1, 4], scenario=scenario, seed=3)
    assert stream.shape.experiences == 3
    assert stream.shape.classes_an_experience == (5, 1, 4)
    starts = [0, 5, 6, 10]
    images = load_images(find_dataset("digits"))
    for part, source in ((stream.train, images.train), (stream.test, images.test)):
        assert sum(len(experience.dataset) for experience in part) == len(source.y)
        for i, experience in enumerate(part):
            own = stream.class_order[starts[i] : starts[i + 1]]
            assert len(experience.dataset) == sum(int((source.y == label).sum()) for label in own)
            first = 0 if scenario == "task-incremental" else starts[i]
            assert experience.classes_in_this_experience == set(range(first, first + len(own)))
            assert experience.task_labels == [i if scenario == "task-incremental" else 0]
    for label, (home, task, new) in stream.label_map.items():
        position = stream.class_order.index(label)
        assert home == np.searchsorted(starts, position, side="right") - 1
        assert (task, new) == ((home, position - starts[home]) if scenario == "task-incremental" else (0, position))


def test_equal_numbers_are_the_same_stream_as_their_number():
    assert digits_stream(experiences=[2, 2, 2, 2, 2]).arrangement == digits_stream(experiences=5).arrangement


def test_first_and_then_are_numbers_of_classes():
    settings = {"experiences": {"first": 50, "then": 10}, "class_order": {"numpy_seed": 1993}}
    assert entry("split-cifar100", **settings).experiences == (50, 10, 10, 10, 10, 10)
    assert entry("split-cifar100", **settings).length == 6


def test_numpy_seed_gives_the_class_order_of_pycil():
    from lifelong_lb.data.classes import class_order

    order = class_order(entry("split-cifar100", class_order={"numpy_seed": 1993}), range(100), seed=5)
    assert order[:10] == (68, 56, 78, 8, 23, 84, 90, 65, 74, 76)  # published with PyCIL's B0 protocol
    assert sorted(order) == list(range(100))
    subset = class_order(entry("split-cifar100", experiences=2, class_order={"numpy_seed": 1}), [3, 30, 7, 70], seed=0)
    permuted = np.random.RandomState(1).permutation(4)
    assert subset == tuple([3, 30, 7, 70][i] for i in permuted)


def test_lists_of_labels_and_names_fix_the_order():
    stream = digits_stream(experiences=[[3, "1"], ["0", 2, 9, 8], [4, 5, 6, 7]], scenario="class-incremental", seed=9)
    assert stream.class_order == (3, 1, 0, 2, 9, 8, 4, 5, 6, 7)
    assert stream.shape.classes_an_experience == (2, 4, 4)


def test_images_are_counted_as_they_are_split():
    images = load_images(find_dataset("digits"))
    settings = {"experiences": [7, 3], "scenario": "class-incremental", "blurry": 0.1}
    counted = learnt_labels(entry(**settings), images.train.y.numpy(), images.test.y.numpy(), 1)
    stream = split_stream(entry(**settings), images, 1)
    assert [len(labels) for labels in counted] == [len(experience.dataset) for experience in stream.train]
    back = [stream.data_set_labels(0)[label] for label in stream.train[0].dataset.targets]
    assert sorted(back) == sorted(counted[0].tolist())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experiences": [4, 5]}, r"must be numbers that add up to the 10 classes of digits; got \[4, 5\], .* to 9"),
        ({"experiences": {"first": 4, "then": 4}}, "must add up to the 10 classes of digits: first"),
        ({"experiences": {"first": 4}}, r"experiences\.then: needs a value; got none"),
        ({"experiences": {"first": 4, "then": 2, "last": 1}}, "unknown key 'last'"),
        ({"experiences": []}, r"experiences: must not be empty; got \[\]"),
        ({"experiences": [[0, 1], []]}, r"experiences\[1\]: must not be empty; got \[\]"),
        ({"experiences": [5, 0, 5]}, r"experiences\[1\]: must be a whole number >= 1; got 0"),
        ({"experiences": [[0, 1.5]]}, "must be the label of a class, a whole number, or its name; got 1.5"),
        ({"experiences": [[0, 1, 2], [2, 3]]}, "each class must be in one experience; 2 is in 0 and 1"),
        ({"experiences": [[0, 1, 2], [3, 4]]}, "must list each of the 10 classes of digits; 5 is missing"),
        ({"experiences": [[0, 1, 2], [3, 10]]}, r"must list labels of digits, 0..9; got 10"),
        ({"experiences": [list(range(10))], "class_order": list(range(10))}, "class_order must be left out if"),
        ({"class_order": [*range(9), 10]}, r"class_order must list labels of digits, 0..9; got 10"),
        ({"class_order": ["one", "one", *range(8)]}, "class_order must list each class once; got 'one' twice"),
        (
            {"class_order": ["one", *range(10)]},
            "class_order must list each of the 10 classes of digits; got 11 of them",
        ),
        (
            {"class_order": [1.5]},
            r"class_order\[0\]: must be the label of a class, a whole number, or its name; got 1.5",
        ),
        ({"class_order": {"numpy_seed": -1}}, "numpy_seed: must be a whole number from 0 to 4294967295; got -1"),
        ({"class_order": {"seed": 1}}, "unknown key 'seed'; did you mean 'numpy_seed'"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        entry(**settings)


def test_first_and_then_need_a_known_number_of_classes():
    with pytest.raises(UserError, match=r"list the numbers of your own images, e\.g\. \[50, 10, 10\]"):
        entry("split", source="here", experiences={"first": 50, "then": 10})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experiences": [["0", "zero"], [1, 2, 3, 4, 5, 6, 7, 8]]}, "in experiences, unknown class 'zero'"),
        (
            {"experiences": [[0, "0"], [1, 2, 3, 4, 5, 6, 7, 8]]},
            "experiences must list each of the 10 classes found in the data once; '9' is missing, and '0' is there tw",
        ),
        ({"class_order": ["0", "zero", *range(1, 9)]}, "in class_order, unknown class 'zero'"),
        ({"class_order": [0, "0", *range(1, 9)]}, "found in the data once; '9' is missing, and '0' is there twice"),
    ],
)
def test_names_that_do_not_fit_the_data_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        digits_stream(**settings)


def test_names_of_a_class_order_are_those_of_the_data():
    order = ["9", 8, "7", 6, "5", 4, "3", 2, "1", 0]
    streams = [digits_stream(class_order=each) for each in (order, list(range(9, -1, -1)))]
    assert streams[0].class_order == tuple(range(9, -1, -1))
    assert streams[0].arrangement == streams[1].arrangement


def test_classes_without_names_are_listed_by_label():
    import dataclasses

    images = load_images(find_dataset("digits"))
    nameless = dataclasses.replace(images, train=dataclasses.replace(images.train, class_names=()))
    with pytest.raises(UserError, match="digits has no class names; list labels in experiences; got '0'"):
        split_stream(entry(experiences=[["0"], list(range(1, 10))]), nameless, 0)


@pytest.mark.parametrize("kind", [MultiHead, MaskedHead])
def test_heads_of_unequal_width_match_separate_layers(kind):
    torch.manual_seed(0)
    head, features = kind(6, 3, (4, 1, 2)), torch.randn(9, 6)
    tasks, y = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2]), torch.tensor([0, 1, 2, 3, 0, 0, 0, 1, 1])
    logits = head(features, tasks)
    assert logits.shape == (9, 4)
    weight = torch.cat([layer.weight for layer in head.layers]) if kind is MultiHead else head.layer.weight
    bias = torch.cat([layer.bias for layer in head.layers]) if kind is MultiHead else head.layer.bias
    loss, expected = cross_entropy(logits, y, reduction="sum"), 0.0
    for task, (start, end) in enumerate([(0, 4), (4, 5), (5, 7)]):
        own = features[tasks == task] @ weight[start:end].T + bias[start:end]
        torch.testing.assert_close(logits[tasks == task][:, : end - start], own)
        assert (logits[tasks == task][:, end - start :] == -1000).all()
        torch.testing.assert_close(head(features[tasks == task], tasks[tasks == task]), logits[tasks == task])
        expected = expected + cross_entropy(own, y[tasks == task], reduction="sum")
    torch.testing.assert_close(loss, expected)
    gradients = torch.autograd.grad(loss, list(head.parameters()), retain_graph=True)
    for one, other in zip(gradients, torch.autograd.grad(expected, list(head.parameters())), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("head", "outputs"), [("multi", [2, 1, 7]), ("masked", [10])])
def test_a_model_has_the_outputs_of_its_stream(head, outputs):
    model = build_model(MLP(head=head), digits_stream(experiences=[2, 1, 7]).shape)
    assert [layer.out_features for layer in model.head.modules() if hasattr(layer, "out_features")] == outputs


def test_a_growing_head_starts_with_the_first_experience():
    stream = digits_stream(experiences=[2, 1, 7], scenario="class-incremental")
    assert build_model(MLP(head="growing"), stream.shape).head.classifier.out_features == 2
