"""Every strategy trains bit for bit as with Avalanche's loaders, its minibatches loaded as rows of tensors."""

import pytest
import torch
from avalanche.training.plugins import AGEMPlugin
from strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, make, train

from lifelong_lb.optim import SAM
from lifelong_lb.strategies import TensorLoading
from lifelong_lb.strategies.tensor_loader import Endless, TensorLoader

pytestmark = AVALANCHES_OWN_WARNINGS


class SeesLoaders(TensorLoading):
    """Notes the kinds of loaders that stand in a strategy once they have been exchanged."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seen = []

    def before_training_epoch(self, strategy, *args, **kwargs):
        super().before_training_epoch(strategy)
        self.seen.append(type(strategy.dataloader))
        for owner in (strategy, *strategy.plugins):
            values = [v for value in vars(owner).values() for v in (value if isinstance(value, list) else [value])]
            self.seen += [type(value.loader) for value in values if isinstance(value, Endless)]
            if isinstance(owner, AGEMPlugin) and owner.buffers:
                self.seen.append(type(owner.buffer_dataloader))


@pytest.mark.parametrize(("label", "head"), CASES)
def test_same_weights_as_with_avalanches_loaders(label, head):
    states, plugins = [], []
    for tensors in (True, False):
        plugins.append(SeesLoaders(tensors=tensors))
        made = make(label, head, SAM(rho=0.05), dropout=0.2, before=[plugins[-1]])
        made.strategy.train_epochs = 2
        states.append(train(made))
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    fast, slow = plugins
    assert set(fast.seen) == {TensorLoader}
    assert len(fast.seen) == len(slow.seen)
    assert TensorLoader not in slow.seen
    assert fast.refused == slow.refused == []
