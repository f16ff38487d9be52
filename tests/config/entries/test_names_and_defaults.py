"""What study files can name, and what the package can build, are the same."""

import inspect

import pytest
import torch
from pydantic_core import PydanticUndefined

from lifelong_lb.config import (
    MODEL_ENTRIES,
    OPTIMIZER_ENTRIES,
    RULE_ENTRIES,
    STRATEGY_ENTRIES,
    STREAM_ENTRIES,
    FromFiles,
    Generated,
)
from lifelong_lb.data import DATASETS
from lifelong_lb.models import MODELS
from lifelong_lb.optim import RULES, Passes
from lifelong_lb.strategies import OPTIMIZERS, STRATEGIES
from lifelong_lb.streams import STREAMS


@pytest.mark.parametrize(
    ("named", "built"),
    [
        (RULE_ENTRIES, RULES),
        (STREAM_ENTRIES, STREAMS),
        (STRATEGY_ENTRIES, STRATEGIES),
        (OPTIMIZER_ENTRIES, OPTIMIZERS),
        (MODEL_ENTRIES, MODELS),
    ],
)
def test_names_are_the_same(named, built):
    assert list(named) == list(built)


@pytest.mark.parametrize("entries", [RULE_ENTRIES, STREAM_ENTRIES, STRATEGY_ENTRIES, OPTIMIZER_ENTRIES, MODEL_ENTRIES])
def test_an_entry_is_registered_under_its_own_name(entries):
    assert all(model.model_fields["name"].default == name for name, model in entries.items())


@pytest.mark.parametrize("name", RULE_ENTRIES)
def test_rules_have_the_same_hyper_parameters_and_defaults_in_python(name):
    entry = RULE_ENTRIES[name]()
    fields = {k: f.default for k, f in RULE_ENTRIES[name].model_fields.items() if k not in ("name", "label")}
    assert PydanticUndefined not in fields.values()
    ours = {k: p.default for k, p in inspect.signature(RULES[name]).parameters.items()}
    assert ours == {**entry.hyper_parameters(), "passes": None}
    of_all = {"from_experience": 0, "passes": None, "rho_follows": None}
    assert fields == {**entry.hyper_parameters(), **entry.pass_options(), **of_all}
    assert RULES[name](passes=Passes(**entry.pass_options())).passes == Passes() == RULES[name]().passes


@pytest.mark.parametrize("name", RULE_ENTRIES)
def test_rules_that_end_something_with_an_epoch_say_so(name):
    entries = [RULE_ENTRIES[name]()]
    if "minibatch_switching" in RULE_ENTRIES[name].model_fields:
        entries.append(RULE_ENTRIES[name](minibatch_switching=True))
    for entry in entries:
        rule = RULES[name](**entry.hyper_parameters())
        _one_step(rule)
        under_way = rule.state_dict().get("steps", 0)
        rule.synchronise()
        assert entry.spans_iterations() == (under_way != rule.state_dict().get("steps", 0))


def _one_step(rule):
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    rule.step(optimizer, closure)


def test_streams_name_known_data_sets():
    named = {model.dataset for model in STREAM_ENTRIES.values()} - {None}
    assert named <= set(DATASETS)
    assert set(DATASETS) - named == {"notmnist"}  # which five-datasets uses
    unnamed = [model for model in STREAM_ENTRIES.values() if model.dataset is None]
    assert unnamed
    assert all(issubclass(model, FromFiles | Generated) for model in unnamed)
