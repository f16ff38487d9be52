"""What changes the gradient of every base step (a projection) leaves the ascents alone."""

import pytest
import torch
from helpers.rule_cases import RULES
from helpers.small_training import batches, closure_of, equal, make_model, weights
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import SAM, Lookahead, LookbehindSAM, NoRule


def step(rule, w, change, curvature=1.0, lr=0.1):
    """One step on f(w) = sum of curvature * w^2 / 2, in the parts that a training loop calls."""
    optimizer = SGD([w], lr=lr)

    def closure():
        optimizer.zero_grad()
        loss = (curvature * w**2 / 2).sum()
        loss.backward()
        return loss

    rule.before_first_pass(optimizer)
    loss = closure()
    finish = rule.before_base_step(optimizer, closure, loss=loss, before_descent=change)
    optimizer.step()
    finish()
    rule.synchronise()


def without_first_entry(w):
    def change():
        w.grad[0] = 0

    return change


def parameter(*values):
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_ascents_see_the_raw_gradient_and_base_steps_the_changed_one():
    """w = (3, 4), g = w, so e = (0.6, 0.8): the perturbed point is (3.6, 4.8); only its second entry is used."""
    w = parameter(3.0, 4.0)
    step(SAM(rho=1.0), w, without_first_entry(w))
    assert w.tolist() == pytest.approx([3.0, 4.0 - 0.1 * 4.8])


def test_every_inner_step_of_lookbehind_is_changed():
    """p_1 = (3.6, 4.8), p_2 = (4.2, 5.6): the ascent continues along the raw gradient; alpha = 1 keeps both steps."""
    w = parameter(3.0, 4.0)
    step(LookbehindSAM(rho=1.0, k=2, alpha=1.0), w, without_first_entry(w))
    assert w.tolist() == pytest.approx([3.0, 4.0 - 0.1 * (4.8 + 5.6)])


@pytest.mark.parametrize("rule", [NoRule, lambda: Lookahead(k=1, alpha=1.0)])
def test_with_a_single_pass_it_changes_the_gradient_at_w(rule):
    w = parameter(3.0, 4.0)
    step(rule(), w, without_first_entry(w))
    assert w.tolist() == pytest.approx([3.0, 3.6])


@pytest.mark.parametrize("name", RULES)
def test_it_is_called_once_a_base_step(name):
    rule, calls = RULES[name][0](), []
    step(rule, parameter(3.0, 4.0), lambda: calls.append(None))
    assert len(calls) == getattr(rule, "k", 1) if "lookbehind" in name else len(calls) == 1


@pytest.mark.parametrize("where", ["projection", "base step"])
@pytest.mark.parametrize(("settings", "before_it"), [({"k": 3}, 2), ({"k": 3, "minibatch_switching": True}, 0)])
def test_a_last_base_step_that_fails_leaves_the_weights(settings, before_it, where):
    model, done = make_model(), []
    optimizer = SGD(model.parameters(), lr=0.1)
    before, rule = weights(model), LookbehindSAM(rho=0.1, **settings)
    closure = closure_of(model, optimizer, *batches(1)[0])

    def fail_at_the_last(*_):
        if len(done) == before_it:
            raise RuntimeError("no solution")
        done.append(1)

    def whole_step():
        if where == "base step":
            optimizer.register_step_pre_hook(fail_at_the_last)
            rule.step(optimizer, closure)
        else:
            rule.before_first_pass(optimizer)
            closure()
            rule.before_base_step(optimizer, closure, before_descent=fail_at_the_last)

    with pytest.raises(RuntimeError, match="no solution"):
        whole_step()
    assert equal(before, weights(model))
