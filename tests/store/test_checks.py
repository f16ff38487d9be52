"""Checks of stored records."""

import tracemalloc

import pytest
from store.records import CONFIG

from lifelong_lb.store.checks import checked_record


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
