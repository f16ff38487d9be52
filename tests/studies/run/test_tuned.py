"""Runs that train a part of their model: what moves, what the optimizer holds, and a hand-written loop."""

import copy

import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES, SCENARIO, has_own_loop
from torch.nn.functional import cross_entropy

from lifelong_lb.config import STRATEGY_ENTRIES, UserError, expand, parse_study
from lifelong_lb.config.runs import combinations
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.studies.optimizer_checks import check_groups
from lifelong_lb.studies.run.assemble import assemble
from lifelong_lb.studies.run.execute import load_stream
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS

CNN = {"name": "reduced-resnet18", "width": 4, "tune": "last-block"}


def assembled(strategy="naive", head="single", rule="sam", model=None, **changes):
    study = parse_study({
        "streams": {"name": "split-digits", "scenario": SCENARIO[head], "images_per_class": 10},
        "model": {"name": "mlp", "hidden": [12, 8], "tune": "last-block", "head": head} if model is None else model,
        "strategies": strategy,
        "rules": rule,
        "train": {"batch_size": 16},
        "optimizers": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        **changes,
    })
    config, progress = expand(study)[0].config, RunState()
    stream = load_stream(config, progress, ())
    run = assemble(config, stream, progress, device="cpu", log=lambda line: None)
    return run, stream, progress


def trained_on(run, stream, progress, experiences=2, *, once=False):
    parts = [stream.train] if once else stream.train[:experiences]
    for i, part in enumerate(parts):
        seed_all(0, INITIALISATION, i + 1)
        run.strategy.train(part, eval_streams=[])
        run.account(progress)


def head_of(label):
    heads = STRATEGY_ENTRIES[ENTRIES[label]["name"]].heads
    return next(head for head in ("growing", "single", "multi") if head in heads)


@pytest.mark.parametrize("label", [label for label in ENTRIES if label not in ("lamaml", "slda", "ncm", "ranpac")])
def test_every_strategy_trains_the_part_alone(label):
    rule = "none" if has_own_loop(label) else {"name": "sam", "rho": 0.1}
    run, stream, progress = assembled(ENTRIES[label], head_of(label), rule)
    model = run.strategy.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen
    trained_on(run, stream, progress, once=label == "joint")
    model = run.strategy.model  # another one with gdumb
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in frozen)
    own = {id(p) for p in model.parameters() if p.requires_grad}
    assert {id(p) for group in run.strategy.optimizer.param_groups for p in group["params"]} == own
    moved = [name for name in before if name not in frozen and before[name].shape == after[name].shape]
    assert any(not torch.equal(after[name], before[name]) for name in moved)
    assert progress.trained_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert progress.parameters == sum(p.numel() for p in model.parameters()) > progress.trained_parameters


@pytest.mark.parametrize("batch_norm", ["first", "all"])
def test_sam_over_a_part_by_hand(batch_norm):
    """Norm and perturbation are those of the trained part; frozen BatchNorm layers use and keep their statistics."""
    run, stream, progress = assembled(rule={"name": "sam", "rho": 0.1, "batch_norm": batch_norm}, model=CNN)
    minibatches, by_hand = [], copy.deepcopy(run.strategy.model)

    class Noted(SupervisedPlugin):
        def before_training_iteration(self, strategy, **kwargs):
            minibatches.append((strategy.mb_x.clone(), strategy.mb_y.clone()))

    run.strategy.plugins.append(Noted())
    trained_on(run, stream, progress, 1)

    by_hand.eval()
    by_hand.backbone.model.blocks[7].train()
    names = [n for n, _ in by_hand.named_parameters() if n.startswith(("backbone.model.blocks.7.", "head."))]
    params = [dict(by_hand.named_parameters())[name] for name in names]
    optimizer = torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=0.01)
    statistics = [m for m in by_hand.backbone.model.blocks[7].modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(statistics) == 2
    for x, y in minibatches:
        gradients = torch.autograd.grad(cross_entropy(by_hand(x), y), params)
        norm = torch.sqrt(sum(g.square().sum() for g in gradients))
        kept = [copy.deepcopy(m.state_dict()) for m in statistics]
        with torch.no_grad():
            for p, g in zip(params, gradients, strict=True):
                p.add_(0.1 * g / norm)
        second = torch.autograd.grad(cross_entropy(by_hand(x), y), params)
        with torch.no_grad():
            for p, g, e in zip(params, second, gradients, strict=True):
                p.sub_(0.1 * e / norm)
                p.grad = g
        if batch_norm == "first":
            for m, state in zip(statistics, kept, strict=True):
                m.load_state_dict(state)
        optimizer.step()
    assert len(minibatches) == 2
    theirs = run.strategy.model.state_dict()
    for name, value in by_hand.state_dict().items():
        assert torch.allclose(theirs[name], value, atol=1e-5), name


def test_lamaml_is_refused():
    with pytest.raises(
        UserError, match=r"lamaml learns a learning rate for every weight .* tune must be all; got 'head'"
    ):
        parse_study({"streams": "split-digits", "model": {"name": "mlp", "tune": "head"}, "strategies": "lamaml"})


def test_recomputed_statistics_leave_the_frozen_layers_alone():
    run, stream, progress = assembled(rule={"name": "sam", "batch_norm": "recomputed"}, model=CNN)
    blocks = run.strategy.model.backbone.model.blocks
    before = copy.deepcopy(blocks.state_dict())
    trained_on(run, stream, progress, 1)
    changed = {name for name, value in blocks.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.partition(".")[0] for name in changed} == {"7"}
    assert any(name.endswith("running_var") for name in changed)


def test_groups_of_parameters_hold_the_trained_ones():
    optimizer = {"name": "sgd", "lr": 0.1, "groups": [{"match": "head.*", "lr": 0.01}]}
    run, stream, progress = assembled(head="growing", optimizers=optimizer)
    trained_on(run, stream, progress)
    names = {id(p): name for name, p in run.strategy.model.named_parameters()}
    found = [{names[id(p)] for p in group["params"]} for group in run.strategy.optimizer.param_groups]
    assert found[0] == {"backbone.model.layers.3.weight", "backbone.model.layers.3.bias"}
    assert all(name.startswith("head.") for name in found[1])
    assert found[1]


def test_a_group_of_frozen_parameters_is_refused_before_any_run():
    study = parse_study({
        "streams": "split-digits",
        "model": {"name": "mlp", "tune": "head"},
        "optimizers": {"name": "sgd", "groups": [{"match": "backbone.*", "lr": 0.01}]},
    })
    with pytest.raises(UserError, match=r"optimizers\[0\]\.groups\[0\]\.match: no parameter of the model matches"):
        check_groups(study, combinations(study), ())
