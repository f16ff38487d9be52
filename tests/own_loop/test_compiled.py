"""Compiled models train as loops written by hand."""

import shutil

import pytest
import torch
from helpers.recipes import THREE, by_hand, check, make_loader, make_model, make_optimizer, make_rule, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _no_graph_is_kept():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("part", [False, True])
def test_compiled_models(part):
    for name in THREE:
        model = make_model()
        if part:
            model[0].compile()
        names = {"model": model, "optimizer": make_optimizer(model.named_parameters()), "rule": make_rule(name)}
        run("Pass by pass" if part else "torch.compile", **names, loader=make_loader())
        check(model, by_hand(name, make_loader()))
