"""A rule's passes mean the same where images arrive in chunks."""

import pytest
import torch
from helpers.covering import covering
from helpers.strategy_cases import (
    AVALANCHES_OWN_WARNINGS,
    CASES,
    DOMAIN_CASES,
    ENTRIES,
    Repeat,
    make,
    settings,
)

from lifelong_lb.config import STRATEGY_ENTRIES
from lifelong_lb.optim import LookbehindSAM, NoRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.streams import training_chunks

pytestmark = AVALANCHES_OWN_WARNINGS


def idle():
    return LookbehindSAM(rho=0, k=1, alpha=1.0)


CHUNK = 16
ONLINE_CASES = [
    (label, head)
    for label, head in CASES + DOMAIN_CASES
    if STRATEGY_ENTRIES[ENTRIES[label]["name"]].online and label != "replay" and head in ("single", "multi", "domain")
]
"""Without the memory that would be shared out over chunks."""
online_cases = pytest.mark.parametrize(
    ("label", "head", "boundaries"), covering((*case, known) for case in ONLINE_CASES for known in (True, False))
)


def train_on_chunks(made, head, boundaries, epochs=1):
    """Each chunk is two minibatches."""
    entry = settings("naive", head).streams[0].model_copy(update={"chunk": CHUNK, "task_boundaries": boundaries})
    made.strategy.train_mb_size, made.strategy.train_epochs = CHUNK // 2, epochs
    for i in range(2):
        seed_all(0, INITIALISATION, i + 1)
        made.strategy.train(training_chunks(made.stream.train, i, entry, seed=0), eval_streams=[])
    return state(made)


def state(made):
    return {name: value.clone() for name, value in made.strategy.model.state_dict().items() if value is not None}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@online_cases
def test_a_repeated_pass_over_a_chunk_is_the_first_one(label, head, boundaries):
    rule = Repeat()
    rule.made = make(label, head, rule)
    train_on_chunks(rule.made, head, boundaries)
    assert rule.checked == rule.made.plugin.gradient_evaluations / 3 >= 12


@online_cases
def test_an_idle_rule_changes_nothing_about_chunks(label, head, boundaries):
    """Each seen twice."""
    plain, ours = (make(label, head, rule, batch_norm=True) for rule in (NoRule(), idle()))
    assert_same(*(train_on_chunks(made, head, boundaries, 2) for made in (plain, ours)))
