"""Every strategy with every head it works with, on a few images, and what looks on at the passes of a step."""

from functools import cache
from types import SimpleNamespace

import pytest
import torch
from avalanche.core import SupervisedPlugin
from torch import nn
from torch.optim import SGD

from lifelong_lb.config import STRATEGY_ENTRIES, parse_study
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.models import build_model
from lifelong_lb.optim import NoRule, UpdateRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import OwnLoop, SeparateSeeds, SharpnessAwarePlugin, build_strategy
from lifelong_lb.streams import permuted_stream, split_stream

AVALANCHES_OWN_WARNINGS = [
    pytest.mark.filterwarnings("ignore:Call to deprecated function:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence for multidimensional indexing:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]

SCENARIO = {
    "single": "class-incremental",
    "growing": "class-incremental",
    "multi": "task-incremental",
    "masked": "task-incremental",
    "domain": "domain-incremental",
}
SMALL = {
    "replay": {"mem_size": 20},
    "gdumb": {"mem_size": 20},
    "ewc": {"ewc_lambda": 5.0},
    "mas": {"lambda_reg": 0.01},
    "si": {"si_lambda": 100.0},
    "rwalk": {"ewc_lambda": 1.0, "delta_t": 2},
    "agem": {"patterns_per_exp": 12, "sample_size": 8},
    "gem": {"patterns_per_exp": 12},
    "mir": {"mem_size": 20, "batch_size_mem": 4, "subsample": 12},
    "gss": {"mem_size": 40, "mem_strength": 2},
    "er-ace": {"mem_size": 20, "batch_size_mem": 5},
    "er-aml": {"mem_size": 20, "batch_size_mem": 5},
    "der": {"mem_size": 20, "batch_size_mem": 5},
    "der++": {"mem_size": 20, "batch_size_mem": 5},
    "icarl": {"mem_size": 12},
    "wa": {"mem_size": 12},
    "lamaml": {"n_inner_updates": 4, "mem_size": 20, "batch_size_mem": 5},
    "mer": {"n_inner_steps": 2, "mem_size": 20, "batch_size_mem": 5},
    "ranpac": {"projection": 40},
}
"""Hyper-parameters under which a strategy has something to do on a few images."""

ENTRIES = {name: {"name": name, **SMALL.get(name, {})} for name in STRATEGY_ENTRIES}
ENTRIES["replay-classes"] = {**ENTRIES["replay"], "memory": "class-balanced"}
ENTRIES["replay-reservoir"] = {**ENTRIES["replay"], "memory": "reservoir"}
ENTRIES["ewc-online"] = {"name": "ewc", "ewc_lambda": 5.0, "mode": "online", "decay_factor": 0.5}

_PAIRS = [
    (label, head)
    for label, entry in ENTRIES.items()
    for head, scenario in SCENARIO.items()
    if head in STRATEGY_ENTRIES[entry["name"]].heads and scenario in STRATEGY_ENTRIES[entry["name"]].scenarios
]


def has_own_loop(label):
    """Whether an entry supports the rule none only."""
    return STRATEGY_ENTRIES[ENTRIES[label]["name"]].own_loop is not None


CASES = [(label, head) for label, head in _PAIRS if not has_own_loop(label)]
"""Pairs of an entry's label and a head, of strategies that a rule can be applied to."""
OWN_LOOP_CASES = [(label, head) for label, head in _PAIRS if has_own_loop(label)]
"""The same for strategies with their own training loop."""

DOMAIN = "domain"
"""In place of a head: the single one, over permuted digits."""

FOR_DOMAINS = [label for label, of in ENTRIES.items() if "domain-incremental" in STRATEGY_ENTRIES[of["name"]].scenarios]
DOMAIN_CASES = [(label, DOMAIN) for label in FOR_DOMAINS if not has_own_loop(label)]
OWN_LOOP_DOMAIN_CASES = [(label, DOMAIN) for label in FOR_DOMAINS if has_own_loop(label)]

EXPERIENCES = 3
BATCH = 16
LR = 0.05
A_CLASS, A_CLASS_OF_A_DOMAIN = 24, 5


@cache
def few_images(a_class=A_CLASS):
    images = load_images(find_dataset("digits"))
    train = images.train
    kept = torch.cat([torch.nonzero(train.y == label).flatten()[:a_class] for label in range(10)])
    return ImageData(**{
        **vars(images),
        "train": ImageTensors(**{**vars(train), "x": train.x[kept], "y": train.y[kept]}),
    })


def settings(label, head, classifier="linear", **changes):
    stream = {"name": "split-digits", "scenario": SCENARIO[head]}
    if head == DOMAIN:
        stream = {"name": "permuted-digits", "experiences": EXPERIENCES}
    return parse_study({
        "streams": [stream],
        "model": {
            "name": "mlp",
            "hidden": [16],
            "head": "single" if head == DOMAIN else head,
            "classifier": classifier,
        },
        "strategies": [ENTRIES[label] | changes],
        "rules": "none" if has_own_loop(label) else "sam",
        "train": {"batch_size": BATCH},
    })


@cache
def few_experiences(scenario):
    head = next(head for head, of in SCENARIO.items() if of == scenario)
    entry = settings("naive", head).streams[0]
    if head == DOMAIN:
        return permuted_stream(entry, few_images(A_CLASS_OF_A_DOMAIN), seed=0)
    return split_stream(entry, few_images(), seed=0)


def make(
    label, head, rule, *, batch_norm=False, dropout=0.0, momentum=0.9, before=(), after=(), scaler=None, **changes
):
    """A strategy with its stream, ready to train.

    ``before`` and ``after`` are plugins around the one that applies the rule.
    """
    study, stream = settings(label, head, **changes), few_experiences(SCENARIO[head])
    seed_all(0, INITIALISATION)
    model = build_model(study.model, stream.shape)
    if batch_norm:
        model.backbone = nn.Sequential(model.backbone, nn.BatchNorm1d(16))
    if dropout:
        model.backbone = nn.Sequential(model.backbone, nn.Dropout(dropout))
    plugin = applied(study.strategies[0], rule, scaler)
    strategy = build_strategy(
        study.strategies[0],
        model=model,
        optimizer=SGD(model.parameters(), lr=LR, momentum=momentum),
        train=study.train,
        evaluation=study.evaluation,
        plugins=[SeparateSeeds(0), *before, plugin, *after],
    )
    once = study.strategies[0].trained_once
    return SimpleNamespace(strategy=strategy, plugin=plugin, stream=stream, once=once)


def applied(entry, rule, scaler=None):
    """The plugin that applies a rule, or its replacement in a strategy with its own loop."""
    if entry.own_loop is None:
        return SharpnessAwarePlugin(rule, scaler=scaler, **entry.passes())
    assert isinstance(rule, NoRule)
    return OwnLoop(takes_gradients=entry.takes_gradients)


def train(made, experiences=EXPERIENCES):
    """Train, and return everything that training has left in the model."""
    parts = [made.stream.train[:experiences]] if made.once else [[e] for e in made.stream.train[:experiences]]
    for i, part in enumerate(parts):
        seed_all(0, INITIALISATION, i + 1)
        made.strategy.train(part)
    return {name: value.clone() for name, value in made.strategy.model.state_dict().items() if value is not None}


def held_still(strategy):
    """Tensors of a strategy that must be the same in every pass of a step, cloned."""
    owners = [strategy, getattr(strategy, "aml_criterion", None), *strategy.plugins]
    names = ("_logits", "replayed", "drawn", "retrieved", "reference_gradients", "G", "old_model")
    names += ("ext_mem_list_x", "ext_mem_list_y", "buffer_score")
    found = [getattr(owner, name, None) for owner in owners for name in names]
    return [t.clone() for t in flat(found)] + [t.clone() for t in strategy.mbatch]


def flat(values):
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from flat(value)
        elif isinstance(value, nn.Module):
            yield from value.state_dict().values()


class InputTape(SupervisedPlugin):
    """Notes what the backbone is shown with gradients switched on, one list a pass."""

    def __init__(self):
        super().__init__()
        self.passes = []

    def before_forward(self, strategy, **kwargs):
        if not self.passes:
            self.passes = [[]]
            backbone = next(m for name, m in strategy.model.named_modules() if name in ("backbone", FEATURES))
            self.handle = backbone.register_forward_pre_hook(self._note)

    def _note(self, module, inputs):
        if torch.is_grad_enabled() and module.training:  # what GSS compares is in eval mode
            self.passes[-1].append(inputs[0].detach().clone())

    def next_pass(self):
        self.passes.append([])

    def after_update(self, strategy, **kwargs):
        self.handle.remove()
        self.passes = []


FEATURES = "feature_extractor.1"
"""What iCaRL's model calls the backbone."""


class Repeat(UpdateRule):
    """Repeats the first pass at the same weights, and sees that everything about it is the same."""

    def __init__(self):
        super().__init__()
        self.checked = 0
        self.made = None

    @property
    def gradient_evaluations(self):
        return 3

    def further_passes(self, minibatch):
        strategy, params = self.made.strategy, minibatch.params
        first, loss = [None if p.grad is None else p.grad.clone() for p in params], strategy.loss.item()
        assert any(g is not None and g.norm() > 0 for g in first)
        for _ in range(2):
            yield
            minibatch.check_gradient()
            assert strategy.loss.item() == loss
            for p, g in zip(params, first, strict=True):
                assert (p.grad is None) == (g is None)
                assert g is None or torch.equal(p.grad, g)
        self.checked += 1
        return lambda: None
