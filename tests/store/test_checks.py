"""Checks of stored records."""

import tracemalloc

import pytest
from store.records import CONFIG

from lifelong_lb.store.checks import checked_record


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ("12", "evaluation_images of its data must be a list of 1 numbers; got '12'"),
        ([5, 5], "must be a list of 1 numbers"),
        ([0], "must be at least 1; got 0"),
        ([1.5], "an item of evaluation_images"),
    ],
)
def test_numbers_of_evaluation_images_are_checked(numbers, message):
    raw = {"run": "abc", "config": CONFIG, "status": "done", "experiences": 1, "accuracy": [(0, 0, 0.5)]}
    assert (
        checked_record({**raw, "data": {"evaluation_images": [7]}}).outcomes()["average_accuracy_by_images"].value
        == 0.5
    )
    with pytest.raises(ValueError, match=message):
        checked_record({**raw, "data": {"evaluation_images": numbers}})


def test_a_huge_number_of_experiences_takes_no_memory():
    """A set of that many numbers would take two hundred megabytes."""
    T = 3_000_000
    raw = {"run": "abc", "config": CONFIG, "status": "done", "experiences": T, "accuracy": [(T - 1, 0, 0.5)]}
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="accuracies after the last experience are missing"):
            checked_record(raw)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
