"""What the patches compute, against naive references: A-GEM's draws, RWalk's scores, ER-AML's loss, iCaRL's means."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from avalanche.models import NCMClassifier
from avalanche.training.plugins import AGEMPlugin, RWalkPlugin
from avalanche.training.regularization import AMLCriterion
from avalanche.training.supervised.icarl import _ICaRLPlugin  # Avalanche has no public name for it
from helpers.observer_plugin import ObserverPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, make, train
from torch import nn
from torch.nn.functional import cross_entropy

from lifelong_lb.config import expand, parse_study
from lifelong_lb.optim import SAM, NoRule
from lifelong_lb.seeding import INITIALISATION, REFERENCE, derive, seed_all
from lifelong_lb.strategies import Augmentation, TensorLoading
from lifelong_lb.strategies.methods import patches
from lifelong_lb.strategies.methods.patches.icarl import herded, unit
from lifelong_lb.strategies.methods.replay import FrozenAML
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS


def plugin_of(made, kind):
    return next(plugin for plugin in made.strategy.plugins if isinstance(plugin, kind))


def replaced(made, kind, plugin):
    plugins = made.strategy.plugins
    plugins[plugins.index(plugin_of(made, kind))] = plugin
    return made


# A-GEM


def drawn_images(plugin, times):
    """Bytes of the images of so many reference minibatches, one list a minibatch."""
    return [[bytes(image.numpy()) for image in plugin.sample_from_memory()[0]] for _ in range(times)]


@pytest.mark.parametrize("patched", [False, True])
def test_agem_went_through_its_memory_in_storage_order(patched):
    made = make("agem", "single", NoRule())
    if not patched:
        replaced(made, AGEMPlugin, AGEMPlugin(12, 8))
    train(made, 2)
    plugin = plugin_of(made, AGEMPlugin)
    stored = [bytes(sample[0].numpy()) for buffer in plugin.buffers for sample in buffer]
    assert len(set(stored)) == len(stored) == 24
    minibatches = drawn_images(plugin, 3000 if patched else 6)
    if not patched:
        assert minibatches[:3] == minibatches[3:]
        assert minibatches[0] == stored[:4] + stored[12:16]
        return
    assert {len(set(each)) for each in minibatches} == {8}  # without replacement
    counts = Counter(image for each in minibatches for image in each)
    assert set(counts) == set(stored)
    expected = 3000 * 8 / 24  # of each image, with a standard deviation of sqrt(1000 (1 - 1/3)) = 25.8
    assert max(abs(count - expected) for count in counts.values()) < 5 * 25.8
    pairs = Counter(tuple(sorted(each[:2])) for each in minibatches)
    assert len(pairs) > 0.95 * 24 * 23 / 2


class ReferenceTape(ObserverPlugin):
    """Notes weights and reference gradient of each iteration."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def before_forward(self, strategy, **kwargs):
        plugin = next(plugin for plugin in strategy.plugins if isinstance(plugin, AGEMPlugin))
        clock = strategy.clock
        weights = {name: p.detach().clone() for name, p in strategy.model.named_parameters()}
        at = clock.train_exp_counter, clock.train_exp_epochs, clock.train_exp_iterations
        self.seen[at] = weights, plugin.reference_gradients.clone(), list(plugin.buffers)


@pytest.mark.parametrize("rule", [NoRule, SAM])
def test_agems_reference_gradient_is_that_of_the_images_drawn(rule):
    """From the generator of seed, experience and epoch, independent of other draws."""
    tape = ReferenceTape()
    made = make("agem", "single", rule(), dropout=0.0, after=[tape])
    made.strategy.train_epochs = 2
    train(made, 3)
    steps = sorted(at for at in tape.seen if at[0] > 0)
    assert len(steps) > 10
    for experience, epoch in {at[:2] for at in steps}:
        generator = torch.Generator().manual_seed(derive(0, REFERENCE, experience, epoch))
        for at in (at for at in steps if at[:2] == (experience, epoch)):
            weights, reference, buffers = tape.seen[at]
            samples = [sample for buffer in buffers for sample in buffer]
            chosen = [samples[i] for i in torch.randperm(len(samples), generator=generator)[:8].tolist()]
            model = made.strategy.model
            grad = naive_gradient(model, weights, torch.stack([s[0] for s in chosen]), [s[1] for s in chosen])
            assert torch.allclose(reference, grad, atol=1e-6), at


def naive_gradient(model, weights, x, y):
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    loss = cross_entropy(torch.func.functional_call(model, leaves, (x,)), torch.tensor([int(label) for label in y]))
    return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, list(leaves.values()))])


def test_agem_draws_all_that_there_is_where_that_is_less():
    made = make("agem", "single", NoRule(), sample_size=500)
    train(made, 2)
    (minibatch,) = drawn_images(plugin_of(made, AGEMPlugin), 1)
    assert len(set(minibatch)) == 24


# RWalk


class ScoreTape(ObserverPlugin):
    """Notes the weights and the gradient without penalty of each iteration of the second experience."""

    def __init__(self):
        super().__init__()
        self.weights, self.gradients, self.importances = [], [], []

    def before_forward(self, strategy, **kwargs):
        plugin = next(plugin for plugin in strategy.plugins if isinstance(plugin, RWalkPlugin))
        if strategy.clock.train_exp_counter == 1:
            self.weights.append(head_of(strategy))
            self.gradients.append(entry_of(plugin.iter_grad))
            self.importances.append(entry_of(plugin.iter_importance))


def head_of(strategy):
    return (
        next(p for name, p in strategy.model.named_parameters() if p.shape[-1:] == (16,) and p.shape[0] < 16)
        .detach()
        .double()
        .clone()
    )


def entry_of(data):
    return next(v.data.double().clone() for v in data.values() if v.data.dim() == 2 and v.data.shape[0] < 16)


@pytest.mark.parametrize("patched", [False, True])
def test_rwalk_scored_new_outputs_from_zero(patched):
    """The first update of the scores, by hand: sum of -g dw over dw^2 F / 2, dw from the weights that training met."""
    tape = ScoreTape()
    made = make("rwalk", "growing", NoRule(), delta_t=3, after=[tape], momentum=0.0)
    if not patched:
        replaced(made, RWalkPlugin, RWalkPlugin(0.1, 0.9, 3))
    train(made, 1)
    plugin, scores = plugin_of(made, RWalkPlugin), []
    before = plugin._update_score  # private: the scores are changed nowhere else

    def update(strategy):
        before(strategy)
        scores.append((entry_of(plugin.checkpoint_scores), head_of(strategy)))

    plugin._update_score = update
    seed_all(0, INITIALISATION, 2)
    made.strategy.train(made.stream.train[1])
    taken = 3 - (made.strategy.clock.train_iterations - len(tape.weights)) % 3  # iterations up to the first update
    score, last = scores[0]
    path = [*tape.weights[:taken], last]
    gain = sum(-g * (b - a) for g, a, b in zip(tape.gradients, path, path[1:], strict=False))
    moved = last - path[0]
    expected = gain / (0.5 * tape.importances[taken - 1] * moved**2 + torch.finfo(torch.float32).eps)
    new = slice(2, 4)  # outputs that the second experience adds
    assert path[0].shape[0] == 4
    assert path[0][new].abs().max() > 0.01
    assert torch.allclose(score[new], expected[new], rtol=2e-2, atol=1e-4) is patched


# ER-AML


def naive_aml(anchors, features, anchor_labels, labels, temp, base_temp):
    """Caccia et al. 2022, eq. 4, one number at a time."""
    losses = []
    for anchor, label in zip(anchors, anchor_labels, strict=True):
        similarities = [sum(a * b for a, b in zip(anchor, feature, strict=True)) / temp for feature in features]
        total = sum(map(math.exp, similarities))
        positives = [s for s, other in zip(similarities, labels, strict=True) if other == label]
        losses.append(-temp / base_temp * sum(math.log(math.exp(s) / total) for s in positives) / len(positives))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("temp", [0.1, 0.5, 2.0])
def test_er_aml_normalised_by_other_anchors(seed, temp):
    rng = np.random.default_rng(seed)
    anchor_labels = np.tile(rng.integers(3, size=4), 2)
    labels = np.concatenate([anchor_labels[:4], (anchor_labels[:4] + rng.integers(1, 3, size=4)) % 3])
    anchors, features = (unit(torch.from_numpy(rng.normal(size=(8, 5)))) for _ in range(2))
    settings = {"temp": temp, "base_temp": 0.07, "device": "cpu"}
    arguments = {"anchor_targets": torch.from_numpy(anchor_labels), "targets": torch.from_numpy(labels)}
    expected = naive_aml(anchors.tolist(), features.tolist(), anchor_labels, labels, temp, 0.07)

    def loss(criterion):
        of = {"anchor_features": anchors, "features": features, **arguments}
        return criterion._AMLCriterion__sup_con_loss(**of).item()

    assert loss(FrozenAML(None, **settings)) == pytest.approx(expected, rel=1e-12)
    assert loss(AMLCriterion(None, **settings)) != pytest.approx(expected, rel=1e-3)


def test_er_aml_by_hand():
    """Two anchors on the axes, each with a positive on its own axis: -log of e / (e + 1)."""
    axes, labels = torch.eye(2, dtype=torch.float64), torch.tensor([0, 1])
    criterion = FrozenAML(None, temp=1.0, base_temp=1.0, device="cpu")
    of = {"anchor_features": axes, "features": axes, "anchor_targets": labels, "targets": labels}
    assert criterion._AMLCriterion__sup_con_loss(**of).item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_er_aml_trains_on_that_loss():
    """The whole loss of an iteration, from images: contrastive on the minibatch, cross-entropy on what is replayed."""

    class LossTape(ObserverPlugin):
        compared = 0

        def before_update(self, strategy, **kwargs):
            if strategy.replayed is None:
                return
            model, criterion = strategy.model, strategy.aml_criterion
            x, y, _ = strategy.replayed
            pos_x, pos_y, neg_x, neg_y = criterion.drawn
            with torch.no_grad():
                anchors = scaled(model.features(strategy.mb_x)).repeat(2, 1)
                features = scaled(model.features(torch.cat([pos_x, neg_x])))
                labels = strategy.mb_y.repeat(2).tolist(), torch.cat([pos_y, neg_y]).tolist()
                replayed = cross_entropy(model(x), y).item()
            of = criterion.temp, criterion.base_temp
            expected = replayed + naive_aml(anchors.tolist(), features.tolist(), *labels, *of)
            assert strategy.loss.item() == pytest.approx(expected, rel=1e-4)
            LossTape.compared += 1

    def scaled(features):
        return features.double() / (features.double().norm(dim=1, keepdim=True) + 1e-5)

    train(make("er-aml", "single", NoRule(), after=[LossTape()]), 3)
    assert LossTape.compared > 5


# iCaRL


def exemplars_after_training(flip, **changes):
    loading = TensorLoading(Augmentation(crop=0, flip=True, seed=0)) if flip else TensorLoading()
    made = make("icarl", "single", NoRule(), before=[loading], **changes)
    train(made, 2)
    return made, plugin_of(made, patches.Exemplars)


@pytest.mark.parametrize("flip", [False, True])
def test_class_means_are_those_of_the_images_that_are_trained_on(flip):
    made, plugin = exemplars_after_training(flip)
    assert plugin.mirrored is flip
    extractor = made.strategy.model.feature_extractor.eval()
    assert sorted(plugin.class_means) == [0, 1, 2, 3]
    for images, labels in zip(plugin.x_memory, plugin.y_memory, strict=True):
        views = [images, torch.flip(images, [3])] if flip else [images]
        features = [extractor(image[None])[0].detach().double() for view in views for image in view]
        mean = sum(f / f.norm() for f in features) / len(features)
        assert torch.allclose(plugin.class_means[labels[0]].double(), mean / mean.norm(), atol=1e-6)
        mirrored = not torch.equal(images, torch.flip(images, [3]))
        assert mirrored


def test_avalanche_mirrored_on_every_data_set():
    """What the patch replaces: the mean of exemplars and mirror images, whether or not training mirrors any."""
    made, plugin = exemplars_after_training(flip=False)
    ours = {label: mean.clone() for label, mean in plugin.class_means.items()}
    made.strategy.model.eval()
    with torch.no_grad():
        _ICaRLPlugin.compute_class_means(plugin, made.strategy)
        theirs = dict(plugin.class_means)
        plugin.mirrored = True
        plugin.compute_class_means(made.strategy)
    assert ours.keys() == theirs.keys() == plugin.class_means.keys()
    assert ours
    assert all(torch.allclose(theirs[label], mean, atol=1e-6) for label, mean in plugin.class_means.items())
    assert not any(torch.allclose(ours[label], mean, atol=1e-3) for label, mean in theirs.items())


class SomeDead(nn.Module):
    """Features of which those of dark images are all zero."""

    def __init__(self, features, limit):
        super().__init__()
        self.features, self.limit = features, limit

    def forward(self, x):
        alive = x.float().mean(dim=(1, 2, 3), keepdim=False) > self.limit
        return self.features(x) * alive[:, None]


@pytest.mark.parametrize("limit", [70, 1e9], ids=["some", "all"])
def test_features_that_are_all_zero(limit):
    """They count as zero in means and distances; with Avalanche's code the mean is NaN, and so is every score."""
    made = make("icarl", "single", NoRule())
    model = made.strategy.model
    model.feature_extractor = SomeDead(model.feature_extractor, limit)
    train(made, 2)
    plugin = plugin_of(made, patches.Exemplars)
    dead = [bool((model.feature_extractor(images) == 0).all(dim=1).any()) for images in plugin.x_memory]
    assert any(dead)
    for mean in plugin.class_means.values():
        assert torch.isfinite(mean).all()
        assert float(mean.norm()) == pytest.approx(0 if limit == 1e9 else 1)
    model.eval()
    x = torch.stack([made.stream.test[0].dataset[i][0] for i in range(20)])
    with torch.no_grad():
        scores = model(x)
        features = model.feature_extractor(x).double()
    means = torch.stack([plugin.class_means[i].double() for i in range(4)])
    for score, feature in zip(scores, features, strict=True):
        direction = feature / feature.norm() if feature.norm() > 0 else feature
        assert torch.allclose(score.double(), -(direction - means).norm(dim=1), atol=1e-3)
    if limit != 1e9:
        with torch.no_grad():
            _ICaRLPlugin.compute_class_means(plugin, made.strategy)
        assert any(bool(mean.isnan().any()) for mean in plugin.class_means.values())


def test_an_image_without_features_is_as_far_from_every_mean():
    ours, theirs = patches.NearestClassMean(), NCMClassifier(normalize=True)
    for classifier in (ours, theirs):
        classifier.replace_class_means_dict({0: torch.tensor([1.0, 0.0]), 1: torch.tensor([0.6, 0.8])})
    x = torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    assert ours(x).tolist() == [pytest.approx([-1, -1]), pytest.approx([-math.sqrt(2), -math.sqrt(0.4)])]
    assert theirs(x)[0].isnan().all()
    assert torch.allclose(theirs(x)[1], ours(x)[1])


def test_classes_without_a_mean_are_not_predicted():
    """Avalanche scores them by a mean of zero, to which an image may be nearest."""
    ours, theirs = patches.NearestClassMean(), NCMClassifier(normalize=True)
    assert ours.eval()(torch.ones(3, 2)).shape == (3, 0)
    for classifier in (ours, theirs):
        classifier.replace_class_means_dict({0: torch.tensor([1.0, 0.0]), 2: torch.tensor([0.8, 0.6])})
        classifier.max_class = 3
        classifier.init_missing_classes([1, 3], 2, "cpu")
    x = torch.tensor([[-1.0, 0.0]])
    assert theirs(x).argmax() == 1
    assert ours(x).argmax() == 2
    assert ours(x).isinf().tolist() == [[False, True, False, True]]


def test_herding_is_avalanches():
    """With features of any size but zero: the same images, in the same order."""
    made = make("icarl", "single", NoRule())
    train(made, 1)
    plugin, extractor = plugin_of(made, patches.Exemplars), made.strategy.model.feature_extractor
    ours = [order.tolist() for order in plugin.order], [images.clone() for images in plugin.x_memory]
    plugin.x_memory, plugin.y_memory, plugin.order = [], [], []
    made.strategy.clock.train_exp_counter = 0
    made.strategy.experience = made.stream.train[0]
    made.strategy.model.eval()
    assert not extractor.training
    _ICaRLPlugin.construct_exemplar_set(plugin, made.strategy)
    assert [order.tolist() for order in plugin.order] == ours[0]
    assert all(torch.equal(a, b) for a, b in zip(plugin.x_memory, ours[1], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_herding_by_hand(seed):
    """Round r finds the image that brings the sum of all that were found so far nearest to r times the mean."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, 4)) + 1
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found, order = np.zeros(4), [0.0] * 12
    rounds = 0
    while max(order) < 5:
        rounds += 1
        best = int(np.argmax(x @ (rounds * x.mean(axis=0) - found)))
        found += x[best]
        order[best] = order[best] or max(order) + 1
    assert herded(torch.from_numpy(x), 5).tolist() == order


def test_herding_without_features_ends():
    assert herded(torch.zeros(3, 4), 2).tolist() == [1, 0, 0]


@pytest.mark.parametrize("flip", [False, True])
def test_a_study_says_whether_class_means_are_mirrored(flip, monkeypatch):
    built = []
    init = patches.Exemplars.__init__
    monkeypatch.setattr(patches.Exemplars, "__init__", lambda self, *a, **k: (built.append(k), init(self, *a, **k))[1])
    raw = {
        "streams": [
            {"name": "split-digits", "scenario": "class-incremental", "images_per_class": 12, "experiences": 2}
        ],
        "model": {"name": "mlp", "hidden": [8], "head": "single"},
        "strategies": ["icarl"],
        "train": {"random_flip": flip},
        "evaluation": {"experiences": "all"},
    }
    progress = RunState()
    execute(expand(parse_study(raw))[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    assert built == [{"mirrored": flip}]
    unseen = [accuracy for trained, evaluated, accuracy in progress.accuracy.entries() if evaluated > trained]
    assert unseen == [0]
