"""The Pareto front of cost and score."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifelong_lb.evaluation import pareto_front


@pytest.mark.parametrize(
    ("costs", "scores", "expected"),
    [
        ([1, 2, 3], [0.1, 0.2, 0.3], [True, True, True]),
        ([1, 2, 3], [0.3, 0.2, 0.1], [True, False, False]),
        ([1, 1], [0.5, 0.5], [True, True]),  # equal choices do not dominate each other
        ([1, 1, 2], [0.5, 0.6, 0.6], [False, True, False]),
        ([1, math.nan, 2], [math.nan, 0.9, 0.1], [False, False, True]),
        ([], [], []),
    ],
)
def test_by_hand(costs, scores, expected):
    assert pareto_front(costs, scores) == expected


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match=r"costs and scores must be 1-D of equal length; got \(2,\) and \(1,\)"):
        pareto_front([1, 2], [1])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_against_a_naive_version(pairs):
    costs, scores = zip(*pairs, strict=True)
    naive = [not any(a <= c and b >= s and (a, b) != (c, s) for a, b in pairs) for c, s in pairs]
    assert pareto_front(costs, scores) == naive
    assert any(naive)
