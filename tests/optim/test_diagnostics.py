"""What is recorded along the passes of a step, against values worked out by hand; and nothing else changes."""

import math

import pandas as pd
import pytest
import torch
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import RULES, SAM, Diagnostics, Lookahead, LookbehindSAM

COLUMNS = ["step", "pass", "loss", "gradient_norm", "distance", "cosine", "alpha", "alpha_min", "alpha_max"]


def steps_on_a_quadratic(rule, n=1, start=(3.0, -4 / 3)):
    """f = (w1^2 + 3 w2^2) / 2, lr 0.1."""
    w, curvature = nn.Parameter(torch.tensor(start, dtype=torch.float64)), torch.tensor([1.0, 3.0]).double()
    optimizer = SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (curvature * w**2 / 2).sum()
        loss.backward()
        return loss

    for _ in range(n):
        rule.step(optimizer, closure)
    rule.synchronise()
    return pd.DataFrame(rule.observer.rows)


def test_sam_by_hand():
    # g = (3, -4), e = (0.3, -0.4), g(w + e) = (3.3, -5.2)
    rule = SAM(rho=0.5)
    rule.observer = Diagnostics()
    frame = steps_on_a_quadratic(rule)
    assert list(frame.columns) == COLUMNS
    assert frame["step"].tolist() == [0, 0]
    assert frame["pass"].tolist() == [0, 1]
    assert frame["loss"].tolist() == pytest.approx([(9 + 16 / 3) / 2, (3.3**2 + 5.2**2 / 3) / 2])
    assert frame["gradient_norm"].tolist() == pytest.approx([5, math.hypot(3.3, 5.2)])
    assert frame["distance"].tolist() == pytest.approx([0, 0.5])
    assert math.isnan(frame["cosine"][0])
    assert frame["cosine"][1] == pytest.approx((3 * 3.3 + 4 * 5.2) / (5 * math.hypot(3.3, 5.2)))
    assert frame["alpha"].isna().all()


def test_alpha_is_told_for_all_passes_of_its_step():
    rule = LookbehindSAM(rho=0.1, k=2, alpha=0.3)
    rule.observer = Diagnostics()
    frame = steps_on_a_quadratic(rule, n=2)
    assert len(frame) == 6
    assert (frame[["alpha", "alpha_min", "alpha_max"]] == 0.3).all(axis=None)


def test_adaptive_alpha_has_a_range_over_tensors():
    model = make_model()
    rule = LookbehindSAM(rho=0.5, k=3, alpha="adaptive")
    rule.observer = Diagnostics()
    train(rule, model, SGD(model.parameters(), lr=0.1), batches(1))
    frame = pd.DataFrame(rule.observer.rows)
    assert len(frame) == 4
    assert (frame["alpha_min"] < frame["alpha"]).all()
    assert (frame["alpha"] < frame["alpha_max"]).all()
    assert (frame["alpha_max"] <= 1).all()
    assert frame["distance"].is_monotonic_increasing


def test_what_spans_iterations_is_told_where_it_ends():
    rule = Lookahead(k=2, alpha=0.5)
    rule.observer = Diagnostics()
    frame = steps_on_a_quadratic(rule, n=5)  # the fifth step ends early
    assert frame["alpha"].fillna(-1).tolist() == [-1, 0.5, -1, 0.5, 0.5]
    switching = LookbehindSAM(rho=0.1, k=2, minibatch_switching=True)
    switching.observer = Diagnostics()
    frame = steps_on_a_quadratic(switching, n=3)
    assert frame.groupby("step")["alpha"].first().fillna(-1).tolist() == [-1, 0.5, 0.5]


def test_only_every_nth_step_is_recorded_and_places_are_added():
    rule = SAM(rho=0.1)
    rule.observer = Diagnostics(every=3)
    rule.observer.place = {"experience": 2}
    frame = steps_on_a_quadratic(rule, n=7)
    assert frame["step"].tolist() == [0, 0, 3, 3, 6, 6]
    assert (frame["experience"] == 2).all()


@pytest.mark.parametrize("name", RULES)
def test_looking_on_changes_nothing_and_every_pass_is_seen(name):
    observed, plain = make_model(), make_model()
    rule = RULES[name]()
    rule.observer = Diagnostics()
    optimizer, passes = SGD(observed.parameters(), lr=0.1, momentum=0.9), []
    for x, y in batches(10):
        inner = closure_of(observed, optimizer, x, y)
        rule.step(optimizer, lambda inner=inner: (passes.append(1), inner())[1])
    train(RULES[name](), plain, SGD(plain.parameters(), lr=0.1, momentum=0.9), batches(10))
    assert equal(weights(observed), weights(plain))
    assert len(rule.observer.rows) == len(passes)


def test_how_often_is_a_whole_number():
    with pytest.raises(ValueError, match="every must be a whole number >= 1; got 0"):
        Diagnostics(every=0)
