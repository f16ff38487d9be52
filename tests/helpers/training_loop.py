"""Training through a stream written out: no strategy, no plugins, the minibatches that a strategy has seen."""

from dataclasses import dataclass

import torch
from avalanche.benchmarks import OnlineCLExperience
from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from avalanche.models.dynamic_modules import avalanche_model_adaptation
from torch import nn

from lifelong_lb.seeding import INITIALISATION, seed_all


@dataclass
class Seen:
    """A minibatch, and where in the stream it was trained on; ``first`` of its experience, ``last`` of its epoch."""

    experience: int
    arrival: int
    epoch: int
    first: bool
    last: bool
    x: torch.Tensor
    y: torch.Tensor
    task: torch.Tensor


class Tape(SupervisedPlugin):
    """Keeps every minibatch that a strategy trains on."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def after_training_iteration(self, strategy, **kwargs):
        arrived = strategy.experience
        origin = arrived
        if isinstance(arrived, OnlineCLExperience):
            with arrived.no_attribute_masking():
                origin = arrived.origin_experience
        experience = origin.current_experience
        first = not self.seen or self.seen[-1].experience != experience
        place = (experience, arrived.current_experience, strategy.clock.train_exp_epochs)
        self.seen.append(Seen(*place, first, False, *(part.clone() for part in strategy.mbatch)))

    def after_training_epoch(self, strategy, **kwargs):
        self.seen[-1].last = True


def train_by_hand(model, stream, seen, optimizer, rule_of, *, before=lambda step, minibatch: None):
    """Train on the minibatches of a tape.

    ``rule_of(experience)`` is the rule of an experience; ``before(step, minibatch)`` is called before each step.
    """
    criterion = nn.CrossEntropyLoss()
    for step, minibatch in enumerate(seen):
        if minibatch.first:
            seed_all(0, INITIALISATION, minibatch.experience + 1)
            grow(model, optimizer, stream.train[minibatch.experience])
        before(step, minibatch)

        def closure(minibatch=minibatch):
            optimizer.zero_grad()
            loss = criterion(avalanche_forward(model, minibatch.x, minibatch.task), minibatch.y)
            loss.backward()
            return loss

        rule = rule_of(minibatch.experience)
        rule.step(optimizer, closure)
        if minibatch.last:
            rule.synchronise()


def grow(model, optimizer, experience):
    """Let heads grow: what is replaced loses its state, what stays keeps it."""
    old = dict(model.named_parameters())
    avalanche_model_adaptation(model, experience)
    (group,) = optimizer.param_groups
    for name, p in model.named_parameters():
        if name not in old:
            group["params"].append(p)
        elif p is not old[name]:
            place = next(i for i, q in enumerate(group["params"]) if q is old[name])
            group["params"][place] = p
            optimizer.state.pop(old[name], None)


def assert_same(first, second):
    """Two models, value for value."""
    assert dict(first.named_parameters()).keys() == dict(second.named_parameters()).keys()
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), name
