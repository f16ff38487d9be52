"""Cosine classifiers: logits against a formula in float64, growth, and every strategy that only needs logits."""

from types import SimpleNamespace

import pytest
import torch
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, OWN_LOOP_CASES, make, train
from torch import nn

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.config.entries.own_loop_strategies import OnFeatures
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.models.cosine import CosineLinear, GrowingCosine
from lifelong_lb.models.heads import ABSENT, MaskedHead, MultiHead
from lifelong_lb.optim import SAM, NoRule

REFUSED = [name for name, entry in STRATEGY_ENTRIES.items() if name == "wa" or issubclass(entry, OnFeatures)]


def layer(features=5, classes=4):
    made = CosineLinear(features, classes).double()
    with torch.no_grad():
        made.scale.fill_(3.0)
    return made


def experience(*classes):
    return SimpleNamespace(classes_in_this_experience=list(classes))


def test_logits_and_gradients_are_those_of_the_formula():
    made, x = layer(), torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    w, s = made.weight.detach().clone().requires_grad_(), made.scale.detach().clone().requires_grad_()
    expected = torch.stack([
        torch.stack([s[0] * (f * c).sum() / ((f**2).sum().sqrt() * (c**2).sum().sqrt()) for c in w]) for f in x
    ])
    torch.testing.assert_close(made(x), expected, rtol=1e-13, atol=1e-14)
    upstream = torch.randn_like(expected)
    found = torch.autograd.grad((made(x) * upstream).sum(), [x, made.weight, made.scale])
    for a, b in zip(found, torch.autograd.grad((expected * upstream).sum(), [x, w, s]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_lengths_of_weights_and_features_have_no_effect():
    made, x = layer(), torch.randn(6, 5, dtype=torch.float64)
    before, plain = made(x), nn.Linear(5, 4).double()
    with torch.no_grad():
        made.weight[:2] *= 0.01  # old classes
        made.weight[2:] *= 50.0  # new ones
        plain.weight.copy_(made.weight)
    torch.testing.assert_close(made(7.0 * x), before, rtol=1e-13, atol=1e-14)
    assert not torch.allclose(plain(x), before)
    assert torch.equal(made(torch.zeros(1, 5, dtype=torch.float64)), torch.zeros(1, 4, dtype=torch.float64))


def test_a_growing_head_keeps_old_logits_and_its_scale():
    head, x = GrowingCosine(5, 2).double(), torch.randn(6, 5, dtype=torch.float64)
    scale = head.classifier.scale
    head.adaptation(experience(0, 1))
    before = head(x)
    with torch.no_grad():
        head.adaptation(experience(2, 4))
    after = head(x)
    assert (after.shape, after.dtype, head.classifier.weight.dtype) == ((6, 5), torch.float64, torch.float64)
    torch.testing.assert_close(after[:, :2], before, rtol=1e-14, atol=1e-15)
    assert torch.equal(after[:, 3], torch.full((6,), ABSENT, dtype=torch.float64))  # not yet seen
    assert head.classifier.scale is scale
    assert [name for name, _ in head.named_parameters()] == ["classifier.weight", "classifier.scale"]


def test_heads_of_tasks_are_cosine_layers():
    x, tasks = torch.randn(6, 5), torch.tensor([0, 1, 1, 0, 1, 0])
    multi, masked = MultiHead(5, 2, [2, 3], "cosine"), MaskedHead(5, 2, [2, 3], "cosine")
    expected = torch.stack([multi.layers[task](f[None])[0, 0] for f, task in zip(x, tasks.tolist(), strict=True)])
    torch.testing.assert_close(multi(x, tasks)[:, 0], expected)
    for head in (multi, masked):
        assert all(isinstance(module, CosineLinear) for module in head.modules() if isinstance(module, nn.Linear))
        logits = head(x, tasks)
        assert (logits[tasks == 0][:, 2] == ABSENT).all()
        assert logits[tasks == 1].abs().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("label", "head"), [case for case in [*CASES, *OWN_LOOP_CASES] if case[0] not in REFUSED])
def test_every_strategy_trains_the_head(label, head):
    made = make(label, head, NoRule() if (label, head) in OWN_LOOP_CASES else SAM(rho=0.05), classifier="cosine")
    scales = [p for key, p in made.strategy.model.named_parameters() if key.endswith("scale")]
    assert scales
    after = train(made)
    assert all(value.isfinite().all() for value in after.values())
    assert any(bool((value != 1).all()) for key, value in after.items() if key.endswith("scale"))


test_every_strategy_trains_the_head.pytestmark += AVALANCHES_OWN_WARNINGS


@pytest.mark.parametrize("strategy", REFUSED)
def test_strategies_that_need_a_linear_layer_or_none_refuse_it(strategy):
    reason = "ignores the lengths of weights" if strategy == "wa" else "trains no head"
    study = {
        "streams": {"name": "split-digits", "scenario": "class-incremental"},
        "model": {"name": "mlp", "head": "single", "classifier": "cosine"},
        "strategies": strategy,
    }
    with pytest.raises(UserError, match=rf"{strategy} .*{reason}, so classifier must be linear; got 'cosine'"):
        parse_study(study)


def test_the_default_leaves_ids_unchanged():
    def run(**model):
        study = {"streams": "split-digits", "model": {"name": "mlp", **model}}
        return expand(parse_study(study))[0].config.run_id

    assert run() == run(classifier="linear") != run(classifier="cosine")
