"""Strategies of ours train bit for bit like Avalanche's own classes, where those work."""

import pytest
import torch
from avalanche.training.plugins import AGEMPlugin, GDumbPlugin, LwFPlugin, MASPlugin
from avalanche.training.plugins.mir import MIRPlugin
from avalanche.training.regularization import AMLCriterion
from avalanche.training.supervised import DER, ER_ACE, ER_AML, Naive
from helpers.covering import covering
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, BATCH, CASES, ENTRIES, SCENARIO, few_experiences, settings
from torch import nn
from torch.optim import SGD
from torch.utils.data import default_collate

from lifelong_lb.models import build_model
from lifelong_lb.optim import NoRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import SharpnessAwarePlugin, build_strategy
from lifelong_lb.strategies.methods.mir import shuffled

pytestmark = AVALANCHES_OWN_WARNINGS
EXPERIENCES = 4


class LoadsWhatIsPast(MIRPlugin):
    """Avalanche's plugin, which leaves the latest classes out, loading from its whole memory."""

    def after_training_exp(self, strategy, **kwargs):
        super().after_training_exp(strategy, **kwargs)
        self.replay_loader = shuffled(self.storage_policy.buffer, self.subsample)


class DrawsAtRandom(AGEMPlugin):
    """Avalanche's plugin, which goes through its memory in the order of storage, drawing from all of it at random."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def sample_from_memory(self):
        samples = [sample for buffer in self.buffers for sample in buffer]
        chosen = torch.randperm(len(samples), generator=self.generator)[: self.sample_size]
        return default_collate([samples[i] for i in chosen])


class Published(AMLCriterion):
    """Avalanche's criterion, which normalises similarities along the wrong axis, with the loss of the paper."""

    def _AMLCriterion__sup_con_loss(self, anchor_features, features, anchor_targets, targets):
        positive = (anchor_targets[:, None] == targets).float()
        log_prob = (anchor_features @ features.T / self.temp).log_softmax(1)
        mean = (positive * log_prob).sum(1) / positive.sum(1)
        return -(self.temp / self.base_temp) * mean.mean()


def er_aml(common):
    strategy = ER_AML(**common, feature_extractor=common["model"].features, **memory("er-aml"))
    strategy.aml_criterion = Published(common["model"].features)
    return strategy


MEMORY = {"er-aml": {"mem_size": 160}}  # Avalanche's hangs with fewer images of a class than a minibatch has


def memory(label):
    return {key: {**ENTRIES[label], **MEMORY.get(label, {})}[key] for key in ("mem_size", "batch_size_mem")}


def with_plugin(plugin):
    return lambda common: Naive(**common, plugins=[plugin()])


THEIRS = {
    "er-ace": lambda common: ER_ACE(**common, **memory("er-ace")),
    "er-aml": er_aml,
    "der": lambda common: DER(**common, **memory("der"), alpha=0.1, beta=0.0),
    "der++": lambda common: DER(**common, **memory("der++"), alpha=0.1, beta=0.5),
    "mir": with_plugin(lambda: LoadsWhatIsPast(mem_size=20, batch_size_mem=4, subsample=12)),
    "agem": with_plugin(lambda: DrawsAtRandom(12, 8)),
    "gdumb": with_plugin(lambda: GDumbPlugin(20)),
    "lwf": with_plugin(lambda: LwFPlugin(1.0, 2.0)),
    "mas": with_plugin(lambda: MASPlugin(0.01, 0.5)),
}


def works(label, head):
    """Avalanche's DER does not ask for a task."""
    return not (label.startswith("der") and head in ("multi", "masked"))


def trained(strategy, stream):
    for i, experience in enumerate(stream.train[:EXPERIENCES]):
        seed_all(1, INITIALISATION, i)
        strategy.train(experience)
    return dict(strategy.model.named_parameters())


@pytest.mark.parametrize(("label", "head"), covering(case for case in CASES if case[0] in THEIRS and works(*case)))
def test_same_trajectory(label, head):
    study, stream = settings(label, head, **MEMORY.get(label, {})), few_experiences(SCENARIO[head])
    models = []
    for _ in range(2):
        seed_all(0, INITIALISATION)
        models.append(build_model(study.model, stream.shape))
    common = {
        "model": models[0],
        "optimizer": SGD(models[0].parameters(), lr=0.05, momentum=0.9),
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": BATCH,
        "evaluator": None,
    }
    ours = build_strategy(
        study.strategies[0],
        model=models[1],
        optimizer=SGD(models[1].parameters(), lr=0.05, momentum=0.9),
        train=study.train,
        evaluation=study.evaluation,
        plugins=[SharpnessAwarePlugin(NoRule())],
    )
    theirs = trained(THEIRS[label](common), stream)
    got = trained(ours, stream)
    assert got.keys() == theirs.keys()
    for name, value in got.items():
        assert torch.equal(theirs[name], value), name
