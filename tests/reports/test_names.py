"""Names of rules and strategies for people."""

import pytest

from lifelong_lb.config.entries.rules import RULE_ENTRIES
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.reports.names import display_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("sam", "SAM"),
        ("sam(rho=0.05)", "SAM, ρ = 0.05"),
        ("lookbehind-sam(k=2, alpha=adaptive)", "Lookbehind-SAM, k = 2, adaptive α"),
        ("der++", "DER++"),
        ("replay(mem_size=100)", "Replay, memory = 100"),
        ("sgd(lr=0.1)", "SGD, learning rate = 0.1"),
        ("my rule", "my rule"),
        ("my rule (wide)", "my rule (wide)"),
        ("mine(a=1)", "mine, a = 1"),
        ("(x=1)", "(x=1)"),
        ("<b>", "<b>"),
        ("", ""),
    ],
)
def test_a_label_becomes_a_name(label, name):
    assert display_name(label) == name


def test_the_rule_none_is_named_after_the_optimizer():
    assert display_name("none", "adam") == "plain Adam"
    assert display_name("none", "sgd(lr=0.1)") == "plain SGD, learning rate = 0.1"
    assert display_name("none") == "plain optimizer"
    assert display_name("none(passes=3)", "sgd") == "plain SGD, budget of 3 gradients per minibatch"


def test_all_built_in_rules_and_strategies_have_names():
    for name in [*RULE_ENTRIES, *STRATEGY_ENTRIES]:
        shown = display_name(name, "sgd")
        assert shown[0].isupper() or shown in {"plain SGD", "iCaRL"}, name
    assert len(RULE_ENTRIES) > 10
    assert len(STRATEGY_ENTRIES) > 10
