"""Parameter groups of a study: which parameters they hold, from the file to a head that grows."""

import pickle
from collections import defaultdict

import pytest
import torch
from avalanche.models import MultiHeadClassifier, MultiTaskModule
from helpers.small_strategies import EXPERIENCES, make_strategy, parts_of, train
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS
from helpers.training_loop import Tape, train_by_hand

from lifelong_lb.config import OPTIMIZER_ENTRIES, UserError
from lifelong_lb.optim import SAM, ExternalOptimizer, NoRule
from lifelong_lb.strategies import SeparateSeeds, SharpnessAwarePlugin, build_optimizer, check_patterns, follow_groups

pytestmark = AVALANCHES_OWN_WARNINGS

GROUPS = ({"match": "head.*", "lr": 0.3}, {"match": "*.bias", "weight_decay": 0.0})
NAMES = ["backbone.layers.1.weight", "backbone.layers.1.bias", "head.weight", "head.bias"]


def names_in(optimizer, model):
    names = {id(p): name for name, p in model.named_parameters()}
    return [sorted(names[id(p)] for p in group["params"]) for group in optimizer.param_groups]


def entry_of(name, groups=GROUPS, **settings):
    return OPTIMIZER_ENTRIES[name](groups=groups, **settings)


@pytest.mark.parametrize("head", ["single", "growing"])
def test_the_first_match_wins_and_the_rest_have_the_settings_of_the_entry(head):
    parts = parts_of("naive", "class-incremental", head)
    optimizer = build_optimizer(entry_of("sgd", lr=0.1, weight_decay=0.01), parts.model.named_parameters())
    backbone, of_head, biases = names_in(optimizer, parts.model)
    assert of_head
    assert all(name.startswith("head.") for name in of_head)
    assert (backbone, biases) == ([NAMES[0]], [NAMES[1]])
    values = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert values == [(0.1, 0.01), (0.3, 0.01), (0.1, 0.0)]


def test_settings_that_torch_names_differently():
    parameters = [("weight", torch.nn.Parameter(torch.ones(2, 2))), ("b.bias", torch.nn.Parameter(torch.ones(2)))]
    groups = ({"match": "*.bias", "beta1": 0.5},)
    adam = build_optimizer(entry_of("adam", groups), parameters)
    assert [group["betas"] for group in adam.param_groups] == [(0.9, 0.999), (0.5, 0.999)]
    free = build_optimizer(entry_of("schedule-free", groups, base="sgd"), parameters)
    assert [group["momentum"] for group in free.param_groups] == [0.9, 0.5]
    adagrad = build_optimizer(
        entry_of("adagrad", ({"match": "weight", "lr": 1},), initial_accumulator_value=2), parameters
    )
    assert [adagrad.state[p]["sum"].flatten()[0].item() for _, p in parameters] == [2, 2]
    muon = build_optimizer(entry_of("muon", ({"match": "*.bias", "adamw_lr": 0.5},)), parameters)
    assert [(group["use_muon"], group["lr"], len(group["params"])) for group in muon.param_groups] == [
        (True, 0.02, 1),
        (False, 3e-4, 0),
        (True, 0.02, 0),
        (False, 0.5, 1),
    ]
    external = {"target": "torch.optim.Adamax", "settings": {"lr": 0.1, "eps": 1e-8}}
    adamax = build_optimizer(entry_of("external", ({"match": "weight", "eps": 1},), **external), parameters)
    assert [group["eps"] for group in adamax.param_groups] == [1e-8, 1]


class TwoRates:
    """Plain gradient descent with a rate of 0.3 for the head and 0.1 for the rest, on the model's current tensors."""

    def __init__(self, model):
        self.model, self.state, self.param_groups = model, {}, [{"params": [*model.parameters()]}]

    def zero_grad(self):
        self.model.zero_grad()

    def step(self):
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p -= (0.3 if name.startswith("head.") else 0.1) * p.grad


@pytest.mark.parametrize("rule", [NoRule, SAM])
def test_a_head_that_grows_stays_in_its_group(rule):
    """Its tensors are replaced; the weights are those of a loop with one rate per part of the model."""
    parts, other = (parts_of("naive", "class-incremental", "growing") for _ in range(2))
    outputs, tape = parts.model.head.classifier.out_features, Tape()
    optimizer = build_optimizer(entry_of("sgd", GROUPS[:1], lr=0.1), parts.model.named_parameters())
    plugins = [SeparateSeeds(0), SharpnessAwarePlugin(rule()), tape]
    train(make_strategy(parts, parts.model, optimizer, plugins), parts.stream)
    assert parts.model.head.classifier.out_features == outputs * EXPERIENCES
    assert names_in(optimizer, parts.model)[1] == ["head.classifier.bias", "head.classifier.weight"]
    by_hand = rule()
    train_by_hand(other.model, parts.stream, tape.seen, TwoRates(other.model), lambda i: by_hand)
    for (name, p), q in zip(parts.model.named_parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-5, msg=name)


class Growing(MultiTaskModule):
    """A model that gets a new layer, a weight and a bias, in each experience."""

    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8))
        self.head = MultiHeadClassifier(8, 10, masking=False)

    def forward(self, x, task_labels):
        return self.head(self.backbone(x.float() / 255), task_labels)


PATTERNS = ({"match": "*.bias", "lr": 0.02},)


@pytest.mark.parametrize("name", ["sgd", "adam", "adagrad", "muon", "lion", "schedule-free"])
def test_new_parameters_join_the_group_that_their_names_match(name):
    parts, model = parts_of("naive", "task-incremental", "multi"), Growing()
    groups = ({"match": "*.bias", "adamw_lr": 0.02},) if name == "muon" else PATTERNS
    entry = entry_of(name, groups)
    optimizer = build_optimizer(entry, model.named_parameters())
    strategy = make_strategy(parts, model, optimizer, [SharpnessAwarePlugin(SAM())])
    follow_groups(strategy, entry)
    train(strategy, parts.stream)
    found = names_in(optimizer, model)
    biases = ["backbone.1.bias", *(f"head.classifiers.{i}.classifier.bias" for i in range(EXPERIENCES))]
    assert biases == found[-1]
    assert sum(map(len, found)) == 2 + 2 * EXPERIENCES == len(list(model.parameters()))
    if name == "muon":
        assert found[0] == ["backbone.1.weight"]
    if isinstance(optimizer, torch.optim.SGD | torch.optim.Adam):
        again = pickle.loads(pickle.dumps(optimizer))
        assert [len(group["params"]) for group in again.param_groups] == [len(names) for names in found]


MISTAKES = {
    "misspelt": (
        [{"match": "*.biass", "lr": 1}],
        r"groups\[0\].match: no parameter of the model matches '\*.biass'; did you mean '\*.bias'\? \(parameters: ",
    ),
    "unlike": ([{"match": "zzz", "lr": 1}], r"matches 'zzz' \(parameters: backbone.layers.1.weight, "),
    "shadowed": (
        [{"match": "head.*", "lr": 1}, {"match": "head.bias", "lr": 2}],
        r"groups\[1\].match: every parameter that matches 'head.bias' matches an earlier group, and the first",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_group_without_parameters_is_refused(case):
    groups, message = MISTAKES[case]
    entry = entry_of("sgd", groups)
    with pytest.raises(UserError, match=message):
        check_patterns(entry, NAMES)
    with pytest.raises(UserError, match=message):
        build_optimizer(entry, [(name, torch.nn.Parameter(torch.ones(2, 2))) for name in NAMES])


def test_an_optimizer_that_ignores_an_option_of_groups_is_refused():
    build = ExternalOptimizer("torch.optim.Adagrad", {"lr": 0.1, "foreach": False})
    build.try_out(closure=False, group={"lr": 0.2})
    with pytest.raises(ValueError, match="torch.optim.Adagrad has no option 'unheard' per parameter group"):
        build.try_out(closure=False, group={"unheard": 0.2})


@pytest.mark.parametrize("name", ["adagrad", "lion", "schedule-free"])
@pytest.mark.parametrize("change", ["state", "growth", "pickle"])
def test_a_rebuilt_optimizer_keeps_the_settings_of_its_groups(name, change):
    parameters = [("weight", torch.nn.Parameter(torch.ones(2, 2))), ("bias", torch.nn.Parameter(torch.ones(2)))]
    optimizer = build_optimizer(entry_of(name, ({"match": "bias", "weight_decay": 0.5},)), parameters)
    if change == "state":
        optimizer.state = defaultdict(dict)
    elif change == "growth":
        optimizer.param_groups[1]["params"][0] = torch.nn.Parameter(torch.ones(3))
        optimizer.adapt()
    else:
        optimizer = pickle.loads(pickle.dumps(optimizer))
        optimizer.state = defaultdict(dict)  # rebuilt from what was saved
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0, 0.5]
    assert [[p.shape for p in group["params"]] for group in optimizer.param_groups] == [
        [(2, 2)],
        [(3,) if change == "growth" else (2,)],
    ]
