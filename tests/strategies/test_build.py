"""Every optimizer that a study file can name is built from its entry, and trains through growing heads."""

from itertools import product

import pytest
import torch
from helpers.covering import covering
from helpers.small_strategies import make_strategy, parts_of, train
from torch.optim import SGD, Adam, AdamW

from lifelong_lb.config import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.optimizers import SGD as SGDEntry
from lifelong_lb.config.entries.optimizers import Adam as AdamEntry
from lifelong_lb.config.entries.optimizers import AdamW as AdamWEntry
from lifelong_lb.optim import NoRule
from lifelong_lb.strategies import SharpnessAwarePlugin, build_optimizer

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


@pytest.mark.parametrize(
    ("entry", "plain"),
    [
        (SGDEntry(lr=0.2), lambda p: SGD(p, lr=0.2)),
        (
            SGDEntry(lr=0.2, momentum=0.9, weight_decay=0.01, nesterov=True),
            lambda p: SGD(p, lr=0.2, momentum=0.9, weight_decay=0.01, nesterov=True),
        ),
        (AdamEntry(lr=0.1, beta1=0.5, beta2=0.6), lambda p: Adam(p, lr=0.1, betas=(0.5, 0.6))),
        (AdamWEntry(eps=1e-3, weight_decay=0.1), lambda p: AdamW(p, eps=1e-3, weight_decay=0.1)),
    ],
)
def test_hyper_parameters_reach_torch(entry, plain):
    ours, theirs = (torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64)) for _ in range(2))
    optimizers = build_optimizer(entry, [ours]), plain([theirs])
    for step in range(5):
        for w, optimizer in zip((ours, theirs), optimizers, strict=True):
            w.grad = (w * (1 + step)).detach()
            optimizer.step()
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
    assert ours[0] != 1


@pytest.mark.parametrize(("name", "head"), covering(product(OPTIMIZER_ENTRIES, ["single", "growing"])))
def test_each_trains_through_a_stream(name, head):
    parts = parts_of("naive", "class-incremental", head)
    before = [p.detach().clone() for p in parts.model.backbone.parameters()]
    optimizer = build_optimizer(OPTIMIZER_ENTRIES[name](), parts.model.named_parameters())
    train(make_strategy(parts, parts.model, optimizer, [SharpnessAwarePlugin(NoRule())]), parts.stream)
    after = list(parts.model.backbone.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_momentum_goes_on_where_a_head_is_new():
    parts = parts_of("naive", "task-incremental", "multi")
    optimizer = build_optimizer(SGDEntry(lr=0.1, momentum=0.9), parts.model.parameters())
    train(make_strategy(parts, parts.model, optimizer, [SharpnessAwarePlugin(NoRule())]), parts.stream)
    assert all(torch.isfinite(p).all() for p in parts.model.parameters())
