"""Confusion counts by hand: what is counted, and in which labels."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers.strategy_cases import few_experiences, make

from lifelong_lb.config import UserError
from lifelong_lb.optim import NoRule
from lifelong_lb.strategies import AccuracyRecorder, ConfusionCounts

ORDER = (7, 3, 5, 1)
MAPS = {
    "task-incremental": {7: (0, 0, 0), 3: (0, 0, 1), 5: (1, 1, 0), 1: (1, 1, 1)},
    "class-incremental": {7: (0, 0, 0), 3: (0, 0, 1), 5: (1, 0, 2), 1: (1, 0, 3)},
    "domain-incremental": {7: (0, 0, 0), 3: (0, 0, 1), 5: (1, 0, 0), 1: (1, 0, 1)},
    "permuted": {label: (None, 0, place) for place, label in enumerate(sorted(ORDER))},
    "added": {},
}
OWN = {
    "task-incremental": ({0: 7, 1: 3}, {0: 5, 1: 1}),
    "class-incremental": ({0: 7, 1: 3, 2: 5, 3: 1},) * 2,
    "domain-incremental": ({0: 7, 1: 3}, {0: 5, 1: 1}),
    "permuted": ({0: 1, 1: 3, 2: 5, 3: 7},) * 2,
    "added": ({}, {}),
}


def stream_of(kind):
    return replace(few_experiences("class-incremental"), class_order=ORDER, label_map=MAPS[kind])


@pytest.mark.parametrize("kind", MAPS)
def test_labels_of_the_data_set(kind):
    assert tuple(stream_of(kind).data_set_labels(j) for j in (0, 1)) == OWN[kind]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        # asked 0 0 1, said 0 1 1 in experience 0; asked 1 1 1 0, said 0 1 1 0 in experience 1, in two minibatches
        ("task-incremental", [(0, 3, 3, 1), (0, 7, 3, 1), (0, 7, 7, 1), (1, 1, 1, 2), (1, 1, 5, 1), (1, 5, 5, 1)]),
        ("permuted", [(0, 1, 1, 1), (0, 1, 3, 1), (0, 3, 3, 1), (1, 1, 1, 1), (1, 3, 1, 1), (1, 3, 3, 2)]),
        ("added", [(0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 0, 1), (1, 1, 0, 1), (1, 1, 1, 2)]),
    ],
)
def test_counts_by_hand(kind, rows):
    counts = ConfusionCounts()
    counts(1, torch.tensor([0, 1]), torch.tensor([1, 1]))
    counts(0, torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
    counts(1, torch.tensor([1, 0]), torch.tensor([1, 0]))
    assert list(counts.rows(stream_of(kind))) == rows


def test_an_output_that_stands_for_no_class_is_refused():
    counts = ConfusionCounts()
    counts(0, torch.tensor([2]), torch.tensor([0]))
    with pytest.raises(UserError, match="it predicted output 2, and there are classes for 2 of them"):
        list(counts.rows(stream_of("task-incremental")))


@pytest.mark.parametrize("tensors", [True, False])
def test_positions_are_those_of_the_experiences_asked_for(tensors):
    recorder, batches = AccuracyRecorder(tensors=tensors), []
    made = make("naive", "single", NoRule(), after=[recorder])
    tests = [made.stream.test[3], made.stream.test[1]]
    recorder.evaluate(
        made.strategy, tests, on_batch=lambda position, predicted, y: batches.append((position, set(y.tolist())))
    )
    seen = SimpleNamespace(first=set(), second=set())
    for position, labels in batches:
        (seen.first if position == 0 else seen.second).update(labels)
    assert (seen.first, seen.second) == ({6, 7}, {2, 3})
    before = len(batches)
    made.strategy.eval(tests)  # other evaluations are not passed on
    assert len(batches) == before
