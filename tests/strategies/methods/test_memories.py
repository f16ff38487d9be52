"""Memories of experience replay hold what Avalanche's hold."""

from types import SimpleNamespace

import pytest
import torch
from avalanche.training.storage_policy import ClassBalancedBuffer, ReservoirSamplingBuffer
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS

from lifelong_lb.strategies.methods.memories import MEMORIES
from lifelong_lb.streams.stream import labelled_dataset

pytestmark = AVALANCHES_OWN_WARNINGS
N = 300
AVALANCHES = {"class-balanced": ClassBalancedBuffer, "reservoir": ReservoirSamplingBuffer}


def chunks(size):
    """Numbered images whose classes appear one after the other."""
    x = torch.arange(N).view(N, 1, 1, 1).to(torch.int16)
    y = torch.randint(0, 1000, (N,), generator=torch.Generator().manual_seed(0)) * torch.arange(N) // (N * 170)
    whole = labelled_dataset(x, y, torch.zeros_like(y))
    return [SimpleNamespace(dataset=whole.subset(list(range(i, i + size)))) for i in range(0, N, size)]


def held(memory):
    return [(int(x), y, task) for x, y, task in memory.buffer]


@pytest.mark.parametrize("size", [1, 10, 100])
@pytest.mark.parametrize("name", AVALANCHES)
def test_the_same_images_in_the_same_order_as_avalanches(name, size):
    ours, theirs = MEMORIES[name](20), AVALANCHES[name](20)
    for number, chunk in enumerate(chunks(size)):
        for memory in (ours, theirs):
            torch.manual_seed(number)
            memory.post_adapt(None, chunk)
        assert held(ours) == held(theirs)
    assert 18 <= len(ours.buffer) <= 20  # a share may have grown after its class had gone
    for memory in (ours, theirs):
        memory.resize(None, 13)
    assert held(ours) == held(theirs)
    assert len(ours.buffer) == 13


def test_a_class_balanced_memory_has_equal_shares():
    memory = MEMORIES["class-balanced"](20)
    for chunk in chunks(10):
        memory.post_adapt(None, chunk)
    sizes = torch.tensor(list(memory.buffer.targets)).unique(return_counts=True)[1]
    share = 20 / len(sizes)
    assert len(sizes) > 3
    assert sizes.max() <= share + 1
    assert sizes[:-1].min() >= share - 1  # few images of the last class have been seen


def test_a_reservoir_is_a_uniform_sample():
    counts = torch.zeros(N)
    for seed in range(200):
        torch.manual_seed(seed)
        memory = MEMORIES["reservoir"](30)
        for chunk in chunks(50):
            memory.post_adapt(None, chunk)
        counts[[image for image, _, _ in held(memory)]] += 1
    expected = 200 * 30 / N
    chi_square = ((counts - expected) ** 2 / (expected * (1 - 30 / N))).sum()
    assert abs(chi_square - (N - 1)) < 4 * (2 * (N - 1)) ** 0.5
