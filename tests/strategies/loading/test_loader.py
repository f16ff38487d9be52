"""Minibatches and random numbers of the tensor loader are those of Avalanche's and torch's loaders."""

from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset, make_avalanche_dataset

# Avalanche has no public name for it
from avalanche.benchmarks.utils.classification_dataset import _make_taskaware_tensor_classification_dataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute, TensorDataAttribute
from avalanche.benchmarks.utils.data_loader import (
    GroupBalancedDataLoader,
    GroupBalancedInfiniteDataLoader,
    ReplayDataLoader,
    SingleDatasetDataLoader,
    TaskBalancedDataLoader,
)
from avalanche.benchmarks.utils.flat_data import FlatData
from avalanche.training.storage_policy import ClassBalancedBuffer, ExperienceBalancedBuffer, ReservoirSamplingBuffer
from torch.utils.data import DataLoader, TensorDataset, default_collate

from lifelong_lb.strategies.loading.flatten import NotTensorsError, flattened, joined
from lifelong_lb.strategies.loading.loader import Endless, TensorLoader
from lifelong_lb.streams.stream import avalanche_streams, labelled_dataset

SIZES = (11, 7, 16, 5)


def labelled(n, offset, task):
    """Images that differ from all others, of three classes."""
    x = (torch.arange(n * 12) + offset).to(torch.uint8).reshape(n, 3, 2, 2)
    return labelled_dataset(x, torch.arange(n) % 3 + 3 * task, torch.full((n,), task))


def several_bases():
    return [labelled(n, 50 * i, i) for i, n in enumerate(SIZES)]


def one_base():
    n = sum(SIZES)
    x = torch.arange(n * 12).to(torch.uint8).reshape(n, 3, 2, 2)
    task = torch.repeat_interleave(torch.arange(4), torch.tensor(SIZES))
    whole = labelled_dataset(x, torch.arange(n) % 3 + 3 * task, task)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return [whole.subset([int(j) for j in order if task[j] == i]) for i in range(4)]


def filled(buffer, parts):
    torch.manual_seed(1)
    train, _ = avalanche_streams(parts, parts)
    for i, experience in enumerate(train):
        clock = SimpleNamespace(train_exp_counter=i)
        buffer.post_adapt(SimpleNamespace(experience=experience, clock=clock), experience)
    return buffer.buffer


def with_logits(part):
    logits = [torch.randn(4, generator=torch.Generator().manual_seed(i)) for i in range(len(part))]
    attribute = TensorDataAttribute(
        FlatData([logits], discard_elements_not_in_indices=True), name="logits", use_in_getitem=True
    )
    return make_avalanche_dataset(part, data_attributes=[attribute]).subset([3, 1, 4, 1, 5])


def with_integer_labels():
    """Avalanche's own kind of data set over tensors."""
    x = torch.arange(5 * 12).to(torch.uint8).reshape(5, 3, 2, 2)
    return _make_taskaware_tensor_classification_dataset(x, torch.arange(5), task_labels=[2] * 5)


DATA = {
    "experience": lambda parts: parts[0],
    "subset of a subset": lambda parts: parts[2].subset(range(1, 16, 2)).subset([6, 0, 3, 3]),
    "cumulative": lambda parts: parts[0].concat(parts[1]).concat(parts[2]),
    "the same twice": lambda parts: parts[1].concat(parts[1]),
    "subset of a concatenation": lambda parts: parts[3].concat(parts[0]).subset([15, 0, 7, 4, 5, 6]),
    "reservoir": lambda parts: filled(ReservoirSamplingBuffer(13), parts),
    "class-balanced": lambda parts: filled(ClassBalancedBuffer(13, adaptive_size=True), parts),
    "experience-balanced": lambda parts: filled(ExperienceBalancedBuffer(13, adaptive_size=True), parts),
    "logits": lambda parts: with_logits(parts[0]),
    "evaluation": lambda parts: parts[0].eval(),
    "integer labels": lambda parts: with_integer_labels(),
}


@pytest.fixture(params=[one_base, several_bases])
def parts(request):
    return request.param()


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert isinstance(mine, list)
        assert type(other) is list
        assert len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)


def drawn(loader, count, *, seed=0):
    torch.manual_seed(seed)
    return [list(islice(iter(loader), count)) for _ in range(2)], torch.get_rng_state()


def check(loader, count=None):
    theirs, their_state = drawn(loader, count)
    fast = TensorLoader(loader)
    ours, our_state = drawn(fast, count)
    assert len(fast) == len(loader)
    for mine, other in zip(ours, theirs, strict=True):
        same(mine, other)
    assert torch.equal(our_state, their_state)


@pytest.mark.parametrize("data", DATA)
def test_a_data_set_is_what_collating_gives(parts, data):
    dataset = DATA[data](parts)
    samples = flattened(dataset)
    same(
        [[samples.images(samples.rows), *samples.columns]], [default_collate([dataset[i] for i in range(len(dataset))])]
    )


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("settings", [{"shuffle": True}, {"shuffle": False}, {"shuffle": True, "drop_last": True}])
def test_plain_loaders(parts, data, settings):
    check(DataLoader(DATA[data](parts), batch_size=3, **settings))


JOINT = {
    "one experience": lambda p: TaskBalancedDataLoader(p[0], batch_size=4, oversample_small_groups=True, shuffle=True),
    "four tasks": lambda p: TaskBalancedDataLoader(
        DATA["cumulative"](p).concat(p[3]), batch_size=7, oversample_small_groups=True, shuffle=True
    ),
    "tasks that end": lambda p: TaskBalancedDataLoader(DATA["cumulative"](p), batch_size=5, shuffle=True),
    "replay": lambda p: ReplayDataLoader(
        p[2], DATA["reservoir"](p), oversample_small_tasks=True, batch_size=4, batch_size_mem=6, shuffle=True
    ),
    "replay that ends": lambda p: ReplayDataLoader(
        p[2], p[3], oversample_small_tasks=False, batch_size=2, batch_size_mem=3, shuffle=True
    ),
    "replay without last ones": lambda p: ReplayDataLoader(
        p[2], p[3], oversample_small_tasks=True, batch_size=3, batch_size_mem=2, shuffle=True, drop_last=True
    ),
    "replay from nothing": lambda p: ReplayDataLoader(
        p[2], p[3], oversample_small_tasks=True, batch_size=3, batch_size_mem=6, shuffle=True, drop_last=True
    ),
    "replay, balanced over tasks": lambda p: ReplayDataLoader(
        p[2],
        DATA["cumulative"](p),
        oversample_small_tasks=True,
        batch_size=4,
        batch_size_mem=7,
        task_balanced_dataloader=True,
        shuffle=True,
    ),
    "groups": lambda p: GroupBalancedDataLoader(p, batch_size=9, oversample_small_groups=True, shuffle=True),
    "in order": lambda p: SingleDatasetDataLoader(p[0], batch_size=4, shuffle=False),
}


@pytest.mark.parametrize("loader", JOINT)
def test_joint_loaders(parts, loader):
    check(JOINT[loader](parts))


def test_a_loader_that_never_ends(parts):
    check(GroupBalancedInfiniteDataLoader(parts, batch_size=2), count=20)


def test_images_are_shared_and_those_of_one_tensor_are_one_base():
    parts = one_base()
    samples = joined([flattened(part) for part in parts])
    base = parts[0]._flat_data._datasets[0].tensors[0]  # Avalanche's data sets do not show their parts
    assert len(samples.bases) == 1
    assert samples.bases[0] is base


class Drawing(TensorDataset):
    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)


class Flipping(TaskAwareSupervisedClassificationDataset):
    def __getitem__(self, index):
        return super().__getitem__(index)


def attributes(n):
    return [DataAttribute([0] * n, "targets"), DataAttribute([0] * n, "targets_task_labels", use_in_getitem=True)]


def transformed(part, group):
    return make_avalanche_dataset(part, transform_groups={group: lambda x: x + 1})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: TensorDataset(torch.zeros(3, 1)), "TensorDataset is not a plain Avalanche data set"),
        (
            lambda p: Flipping([TensorDataset(torch.zeros(3, 1), torch.zeros(3))], data_attributes=attributes(3)),
            "Flipping is not a plain Avalanche data set",
        ),
        (
            lambda p: make_avalanche_dataset(Drawing(torch.zeros(3, 1), torch.zeros(3))),
            r"images come from .*Drawing, not from a TensorDataset",
        ),
        (lambda p: transformed(p[0], "train"), r"images go through transforms \(train\) one by one"),
        (lambda p: transformed(p[0], "eval").eval(), r"images go through transforms \(eval\)"),
        (lambda p: transformed(p[0], "train").freeze_transforms(), r"images go through transforms \(train\)"),
        (lambda p: p[0].concat(labelled_dataset(torch.zeros(2, 1), torch.zeros(2), torch.zeros(2))), "differ in shape"),
        (
            lambda p: make_avalanche_dataset(
                p[0], data_attributes=[DataAttribute(["word"] * len(p[0]), "words", use_in_getitem=True)]
            ),
            "words is not one number or tensor per sample",
        ),
    ],
)
def test_data_sets_that_are_more_than_tensors(make, message):
    parts = one_base()
    with pytest.raises(NotTensorsError, match=message):
        TensorLoader(DataLoader(make(parts)))


def test_a_transform_of_the_other_group_does_not_matter():
    part = transformed(one_base()[0], "eval")
    check(DataLoader(part.train(), batch_size=3))


class Own(TaskBalancedDataLoader):
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: Own(p[0], batch_size=2), "Own is not a supported loader"),
        (lambda p: DataLoader(p[0], num_workers=1), "worker processes are requested"),
        (lambda p: DataLoader(p[0], collate_fn=list), "collated by a custom function"),
        (lambda p: DataLoader(p[0], sampler=[0, 1]), "the order is neither random nor that of the data set"),
        (lambda p: DataLoader(p[0], batch_size=None, collate_fn=default_collate), "the order is neither random"),
        (lambda p: TaskBalancedDataLoader(p[0], batch_size=2, timeout=0), "the loader has an argument timeout"),
    ],
)
def test_loaders_that_are_left_alone(make, message):
    with pytest.raises(NotTensorsError, match=message):
        TensorLoader(make(one_base()))


def test_data_sets_that_do_not_go_together():
    part = one_base()[0]
    with pytest.raises(NotTensorsError, match="differ in shape or type"):
        TensorLoader(GroupBalancedDataLoader([part, with_logits(part)], batch_size=2))


def test_endless_goes_round_and_takes_another_loader_from_the_next_round_on():
    memory = Endless([1, 2])
    assert [next(memory) for _ in range(3)] == [1, 2, 1]
    memory.loader = [3]
    assert [next(memory) for _ in range(3)] == [2, 3, 3]
