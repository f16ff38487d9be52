"""The recipes of docs/how-to/own-loop.md, and the same training written by hand."""

import re
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from helpers.rule_cases import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "own-loop.md").read_text(encoding="utf-8")
RECIPES = {
    title: re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
}
"""Heading to the code blocks below it."""

THREE = ["sam", "lookbehind-sam-k2-0.5", "lookbehind-sam-k2-adaptive"]
"""Rules of `rule_cases.RULES` that are tried in every kind of loop."""


def run(title, number=0, **names):
    """Run a code block of the page with these names and those that the page introduces; return all its names."""
    names = {"torch": torch, "cross_entropy": cross_entropy, **names}
    exec(compile(RECIPES[title][number], f"docs/how-to/own-loop.md, {title}", "exec"), names)  # noqa: S102
    return names


def make_model(dtype=torch.float64, *, batch_norm=True):
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(8) if batch_norm else nn.Identity()
    return nn.Sequential(nn.Linear(6, 8), norm, nn.Tanh(), nn.Linear(8, 3)).to(dtype)


def make_optimizer(params):
    return torch.optim.SGD(params, lr=0.1, momentum=0.9)


def make_loader(dtype=torch.float64, *, batch_size=16, batches=4):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch_size * batches, 6, generator=generator, dtype=torch.float64).to(dtype)
    y = torch.randint(0, 3, (len(x),), generator=generator)
    return DataLoader(TensorDataset(x, y), batch_size)


def make_rule(name, passes=None):
    rule = RULES[name][0]()
    if passes is not None:
        rule.passes = passes
    return rule


def plain_loss(model, x, y):
    return cross_entropy(model(x), y)


def accumulated(parts, loss_of=plain_loss):
    """Mean loss over the micro-batches into which a minibatch is split."""

    def loss(model, x, y):
        return sum(loss_of(model, *part) for part in zip(x.chunk(parts), y.chunk(parts), strict=True)) / parts

    return loss


def by_hand(name, loader, *, loss_of=plain_loss, clip_norm=None, after_step=lambda optimizer: None, model=None):
    """Train a new model with the naive version of a rule; running statistics see each minibatch once.

    The losses of the first passes are in its attribute ``losses``.
    """
    _, naive, settings, by_name = RULES[name]
    model = make_model(next(iter(loader))[0].dtype) if model is None else model
    model.losses = []
    optimizer = make_optimizer(model.parameters())
    names, params = zip(*model.named_parameters(), strict=True)
    if clip_norm is not None:
        optimizer.register_step_pre_hook(lambda *_: (nn.utils.clip_grad_norm_(params, clip_norm), None)[1])
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    for x, y in loader:
        with torch.no_grad():
            model.losses.append(loss_of(model, x, y).item())
        for layer in layers:
            layer.momentum = 0.0
        scaled = [by_name and "weight" in name for name in names]
        naive(params, optimizer, lambda x=x, y=y: loss_of(model, x, y), scaled=scaled, **settings)
        for layer in layers:
            layer.momentum = 0.1
        after_step(optimizer)
    return model


def difference(first, second):
    """Largest difference between weights and running statistics of two models."""
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs if a.is_floating_point())


def check(model, expected, *, tolerance=1e-10, steps=4):
    """Check that a model ends where it does by hand, and that it has moved."""
    assert difference(model, expected) < tolerance
    assert model[1].__class__ is not nn.BatchNorm1d or int(model[1].num_batches_tracked) >= steps
