"""Strategies with a training loop of their own: their steps, and what everything around them sees of it."""

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import MER, StreamingLDA
from avalanche.training.supervised.lamaml_v2 import LaMAML
from helpers.covering import covering
from helpers.strategy_cases import (
    AVALANCHES_OWN_WARNINGS,
    BATCH,
    DOMAIN,
    ENTRIES,
    LR,
    OWN_LOOP_CASES,
    OWN_LOOP_DOMAIN_CASES,
    SCENARIO,
    few_experiences,
    make,
    settings,
    train,
)
from torch import nn
from torch.optim import SGD

from lifelong_lb.models import FeaturesOf, Normalise, build_model
from lifelong_lb.optim import SAM, NoRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    Augmentation,
    DivergedError,
    DivergenceGuard,
    SamplesSeen,
    SeparateSeeds,
    SharpnessAwarePlugin,
    Stopwatch,
    StrategyGradients,
    TensorLoading,
)

pytestmark = [
    *AVALANCHES_OWN_WARNINGS,
    pytest.mark.filterwarnings("ignore:Avalanche is transitioning to strategy constructors:UserWarning"),
    pytest.mark.filterwarnings("ignore:Plugin .* implements incompatible callbacks:UserWarning"),
]

EVERY = OWN_LOOP_CASES + OWN_LOOP_DOMAIN_CASES
CLOSED_FORM = ["ncm", "ranpac"]
LABELS = ["lamaml", "mer", "slda", *CLOSED_FORM]


def theirs(label, model):
    """Avalanche's own class, with what its constructor is called by."""
    of = ENTRIES[label]
    common = {
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": BATCH,
        "plugins": [SeparateSeeds(0)],
        "evaluator": EvaluationPlugin(loggers=[]),
    }
    if label == "slda":
        return StreamingLDA(slda_model=FeaturesOf(model), input_size=16, num_classes=10, **common)
    common |= {"model": model, "optimizer": SGD(model.parameters(), lr=LR, momentum=0.9)}
    if label == "mer":
        return MER(mem_size=of["mem_size"], batch_size_mem=of["batch_size_mem"], n_inner_steps=2, **common)
    return LaMAML(n_inner_updates=4, max_buffer_size=of["mem_size"], buffer_mb_size=of["batch_size_mem"], **common)


def takes_part(label, head):
    """Avalanche's LaMAML hands task labels to every model; the strategies of CLOSED_FORM are not Avalanche's."""
    return label not in CLOSED_FORM and (label != "lamaml" or head in ("multi", "masked"))


@pytest.mark.filterwarnings("ignore:No loggers specified:UserWarning")
@pytest.mark.parametrize(
    ("label", "head", "loading"),
    covering((*case, kinds) for case in EVERY if takes_part(*case) for kinds in ((), (TensorLoading,))),
)
def test_same_trajectory_as_avalanches(label, head, loading):
    study, stream = settings(label, head), few_experiences(SCENARIO[head])
    seed_all(0, INITIALISATION)
    other = theirs(label, build_model(study.model, stream.shape))
    ours = make(label, head, NoRule(), before=[kind() for kind in loading])
    if label == "lamaml":  # Avalanche reinitializes its weights
        ours.strategy.model.load_state_dict(other.model.state_dict())
    other.train_epochs = ours.strategy.train_epochs = 2
    expected = train(type(ours)(strategy=other, stream=stream, once=False))
    got = train(ours)
    assert all(torch.equal(value, got[name]) for name, value in expected.items())
    if label == "slda":
        assert all(torch.equal(getattr(other, name), getattr(ours.strategy, name)) for name in ("muK", "Sigma", "cK"))
        assert other.num_updates == ours.strategy.num_updates > 0
    else:
        assert set(expected) == set(got)
        assert not all(torch.equal(value, ours_at_first(label, head)[name]) for name, value in got.items())


def ours_at_first(label, head):
    return make(label, head, NoRule()).strategy.model.state_dict()


class Looks(SupervisedPlugin):
    """Notes the labels of each minibatch, and all images that the model is shown for it."""

    def __init__(self):
        super().__init__()
        self.labels, self.images, self.seen = [], [], []

    def before_training_iteration(self, strategy, **kwargs):
        self.labels.append(strategy.mb_y.clone())
        normalise = next(module for module in strategy.model.modules() if isinstance(module, Normalise))
        self.handle = normalise.register_forward_pre_hook(lambda module, inputs: self.seen.append(inputs[0].clone()))

    def after_training_iteration(self, strategy, **kwargs):
        self.handle.remove()
        self.images.append(self.seen)
        self.seen = []


@pytest.mark.parametrize(("label", "head"), covering(EVERY))
def test_every_image_is_trained_on_and_counted(label, head):
    looks, samples, stopwatch, own = Looks(), SamplesSeen(), Stopwatch(), StrategyGradients()
    made = make(label, head, NoRule(), before=[looks], after=[samples, stopwatch, own])
    made.strategy.train_mb_size = 20  # of 48 or 50 images
    made.strategy.train_epochs = 2
    train(made, 2)
    images = [len(experience.dataset) for experience in made.stream.train[:2]]
    assert samples.count == 2 * sum(images)
    iterations = 2 * sum(-(-n // 20) for n in images)
    assert len(looks.labels) == iterations
    assert stopwatch.seconds > 0
    if label == "slda":
        assert made.plugin.gradient_evaluations == own.count == 0
        assert made.strategy.cK.sum() == samples.count
        return
    if label in CLOSED_FORM:
        assert made.plugin.gradient_evaluations == own.count == 0
        assert made.strategy.counts.sum() == samples.count / 2  # the first epoch
        return
    assert made.plugin.gradient_evaluations == iterations
    shown = [sum(len(x) for x in seen) for seen in looks.images]
    expected = {
        # parts of the minibatch once, the whole with up to 5 images of the memory after each, and once for the output
        "lamaml": [len(y) + 4 * (len(y) + drawn) + len(y) for y, drawn in drawn_by(looks, images)],
        # twice the whole with 5 images of the memory, one by one, and twice for the output
        "mer": [2 * (len(y) + drawn) + 2 * len(y) for y, drawn in drawn_by(looks, images)],
    }[label]
    assert shown == expected
    assert own.count == {"lamaml": 4, "mer": 1}[label] * iterations


def drawn_by(looks, images):
    first = 2 * -(-images[0] // 20)
    return [(y, 0 if i < first else 5) for i, y in enumerate(looks.labels)]


@pytest.mark.parametrize(("images", "updates", "parts"), [(10, 5, 5), (16, 5, 4), (8, 5, 4), (3, 5, 3), (1, 5, 1)])
def test_parts_of_a_minibatch_are_never_empty(images, updates, parts):
    own = StrategyGradients()
    made = make("lamaml", "single", NoRule(), after=[own], n_inner_updates=updates)
    made.strategy.train_mb_size = images
    sizes = []
    inner = made.strategy.inner_update_step

    def counting(weights, x, y, t):
        sizes.append(len(x))
        return inner(weights, x, y, t)

    made.strategy.inner_update_step = counting
    train(made, 1)
    assert min(sizes) >= 1
    assert sum(sizes) == len(made.stream.train[0].dataset)
    whole, rest = divmod(48, images)
    entry = settings("lamaml", "single", n_inner_updates=updates).strategies[0]
    assert entry.inner_updates(images) == parts
    assert len(sizes) == own.count == whole * parts + (entry.inner_updates(rest) if rest else 0)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("tensors", [True, False])
def test_all_that_is_trained_on_is_augmented(label, tensors):
    class Marked(Augmentation):
        def __call__(self, x):
            return 200 + x % 50

    looks = Looks()
    loading = TensorLoading(Marked(crop=0, flip=False, seed=0), tensors=tensors)
    train(make(label, "single", NoRule(), before=[loading, looks]), 2)
    assert min(float(x.min()) for seen in looks.images for x in seen) >= 200
    assert loading.refused == []


def linear(label, **changes):
    """A strategy over a linear model in float64, and its first experience as one minibatch."""
    made = make(label, "single", NoRule(), momentum=0.0, **changes)
    made.strategy.model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).double()
    made.strategy.optimizer = SGD(made.strategy.model.parameters(), lr=LR)
    made.strategy.train_mb_size = 48
    made.minibatch = Batch()
    made.strategy.plugins.insert(1, made.minibatch)
    return made


class Batch(SupervisedPlugin):
    """Turns images into floating-point numbers, and keeps them."""

    def before_training_iteration(self, strategy, **kwargs):
        strategy.mbatch[0] = strategy.mbatch[0].double() / 16
        self.x, self.y = strategy.mb_x, strategy.mb_y


def test_la_maml_with_one_inner_update_by_hand():
    made = linear("lamaml", n_inner_updates=1, second_order=False, learn_lr=False, alpha_init=0.3, grad_clip_norm=100.0)
    w = [p.detach().clone() for p in made.strategy.model.parameters()]
    train(made, 1)
    x = made.minibatch.x.flatten(1)

    def gradient(weights):
        at = [p.clone().requires_grad_() for p in weights]
        loss = nn.functional.cross_entropy(nn.functional.linear(x, *at), made.minibatch.y)
        return torch.autograd.grad(loss, at)

    ahead = [p - 0.3 * g for p, g in zip(w, gradient(w), strict=True)]
    expected = [p - 0.3 * g for p, g in zip(w, gradient(ahead), strict=True)]
    for p, value in zip(made.strategy.model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), value, rtol=1e-6, atol=1e-9)  # the rates are float32


def test_la_maml_may_leave_the_step_to_the_base_optimizer():
    """C-MAML without a step ahead is the base optimizer alone, its gradient clipped."""
    settings_of = {"n_inner_updates": 1, "learn_lr": False, "sync_update": True, "grad_clip_norm": 100.0}
    made = linear("lamaml", alpha_init=1e-12, **settings_of)
    plain = linear("naive")
    for each in (made, plain):
        each.strategy.model[1].load_state_dict({"weight": torch.zeros(10, 64), "bias": torch.zeros(10)})
        train(each, 1)
    for p, value in zip(made.strategy.model.parameters(), plain.strategy.model.parameters(), strict=True):
        torch.testing.assert_close(p, value, rtol=1e-9, atol=1e-10)


def test_mer_that_goes_all_the_way_is_sgd_on_single_images():
    made = linear("mer", n_inner_steps=1, beta=1.0, gamma=1.0)
    w = [p.detach().clone().requires_grad_() for p in made.strategy.model.parameters()]
    train(made, 1)
    optimizer = SGD(w, lr=LR)
    for x, y in zip(made.minibatch.x, made.minibatch.y, strict=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(nn.functional.linear(x.flatten(0)[None], *w), y[None]).backward()
        optimizer.step()
    for p, value in zip(made.strategy.model.parameters(), w, strict=True):
        torch.testing.assert_close(p, value, rtol=1e-12, atol=1e-14)


def test_mer_goes_back_by_beta_and_gamma():
    """From w to v within, to w + beta (v - w) after the one inner step, to w + gamma beta (v - w) in the end."""
    whole, part = (
        linear("mer", n_inner_steps=1, beta=1.0, gamma=1.0),
        linear("mer", n_inner_steps=1, beta=0.5, gamma=0.3),
    )
    part.strategy.model.load_state_dict(whole.strategy.model.state_dict())
    w = [p.detach().clone() for p in whole.strategy.model.parameters()]
    for made in (whole, part):
        train(made, 1)
    pairs = zip(w, whole.strategy.model.parameters(), part.strategy.model.parameters(), strict=True)
    for before, v, p in pairs:
        torch.testing.assert_close(p, before + 0.15 * (v - before), rtol=1e-12, atol=1e-14)


def test_slda_by_hand():
    """Means of the features of each class, and the mean of t / (t + 1) (z - mean so far)^2 over images t = 0, 1, ..."""
    looks = Looks()
    made = make("slda", "single", NoRule(), before=[looks])
    at_first = {name: value.clone() for name, value in made.strategy.model.state_dict().items()}
    train(made, 2)
    assert all(torch.equal(value, at_first[name]) for name, value in made.strategy.model.state_dict().items())
    with torch.no_grad():
        images = torch.cat([x for seen in looks.images for x in seen])
        z = made.strategy.model(images).double().numpy()
    y = torch.cat(looks.labels).numpy()
    assert len(z) == len(y) == 96
    means = np.stack([z[y == label].mean(axis=0) for label in np.unique(y)])
    covariance = np.zeros((16, 16))
    for t in range(96):
        seen = z[:t][y[:t] == y[t]]
        away = z[t] - (seen.mean(axis=0) if len(seen) else 0)
        covariance = (t * covariance + t / (t + 1) * np.outer(away, away)) / (t + 1)
    np.testing.assert_allclose(made.strategy.muK[np.unique(y)].numpy(), means, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.strategy.Sigma.numpy(), covariance, rtol=1e-3, atol=1e-5)
    made.strategy.is_training = False
    scores = made.strategy.predict(torch.from_numpy(z[:5]).float()).double().numpy()
    w = np.linalg.pinv((1 - 1e-4) * covariance + 1e-4 * np.eye(16)) @ means.T
    expected = z[:5] @ w - 0.5 * (means.T * w).sum(axis=0)
    np.testing.assert_allclose(scores[:, np.unique(y)], expected, rtol=1e-2, atol=0.05)


@pytest.mark.parametrize(
    ("label", "changes"),
    [
        ("lamaml", {"alpha_init": 1e30, "grad_clip_norm": 1e30}),
        ("mer", {"beta": 1.0, "gamma": 1.0, "lr": 1e30}),
        ("slda", {}),
        ("ncm", {}),
        ("ranpac", {}),
    ],
)
def test_divergence_is_seen(label, changes):
    lr = changes.pop("lr", LR)
    made = make(label, "single", NoRule(), after=[DivergenceGuard()], **changes)
    if label in ("slda", *CLOSED_FORM):
        next(made.strategy.model.parameters()).data[0] = torch.nan
    else:
        made.strategy.optimizer.param_groups[0]["lr"] = lr
    with pytest.raises(DivergedError, match=r"the loss became (nan|inf) in experience 0, iteration \d"):
        train(made, 1)


@pytest.mark.parametrize("label", LABELS)
def test_a_rule_is_refused_in_python_too(label):
    made = make(label, "single", NoRule())
    made.strategy.plugins.insert(0, SharpnessAwarePlugin(SAM()))
    with pytest.raises(TypeError, match="which overrides training_epoch"):
        train(made, 1)


def test_domains_are_among_the_cases():
    assert {label for label, head in EVERY if head == DOMAIN} == set(LABELS)
