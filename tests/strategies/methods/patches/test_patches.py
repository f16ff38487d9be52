"""Faults of Avalanche: that they are there, and that the patches set them right."""

import importlib.util
import inspect
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.losses import ICaRLLossPlugin
from avalanche.training.plugins import (
    AGEMPlugin,
    BiCPlugin,
    EWCPlugin,
    GDumbPlugin,
    GEMPlugin,
    GSS_greedyPlugin,
    LwFPlugin,
    MASPlugin,
    MIRPlugin,
    RWalkPlugin,
    SynapticIntelligencePlugin,
)
from avalanche.training.supervised import DER, MER, StreamingLDA
from avalanche.training.supervised.icarl import _ICaRLPlugin  # Avalanche has no public name for it
from avalanche.training.supervised.lamaml_v2 import LaMAML
from helpers.observer_plugin import ObserverPlugin
from helpers.small_models import NEEDS_TIMM
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, make, train
from qpsolvers import SolverNotFound
from torch import nn
from torch.utils.data import DataLoader

from lifelong_lb.optim import SAM, NoRule
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import AccuracyRecorder, OwnLoop, SharpnessAwarePlugin, StrategyGradients
from lifelong_lb.strategies.methods import patches
from lifelong_lb.strategies.methods.mir import Retrieval
from lifelong_lb.strategies.methods.patches import gem, version
from lifelong_lb.strategies.methods.replay import FrozenAML, endless
from lifelong_lb.strategies.rule.further_passes import further_passes

pytestmark = AVALANCHES_OWN_WARNINGS


def plugin_of(made, kind):
    return next(plugin for plugin in made.strategy.plugins if isinstance(plugin, kind))


def replaced(made, kind, plugin):
    """Puts Avalanche's own plugin where the patched one is."""
    plugins = made.strategy.plugins
    plugins[plugins.index(plugin_of(made, kind))] = plugin
    return made


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in second)


def test_synaptic_intelligence_had_no_penalty_on_the_cpu():
    naive = train(make("naive", "single", NoRule()))
    avalanche = replaced(make("si", "single", NoRule()), SynapticIntelligencePlugin, SynapticIntelligencePlugin(100.0))
    assert same(train(avalanche), naive)
    assert not same(train(make("si", "single", NoRule())), naive)


class OnlyCopies(patches.SynapticIntelligence):
    """Without the bound on importances."""

    after_training_exp = SynapticIntelligencePlugin.after_training_exp


@pytest.mark.parametrize("bounded", [False, True])
def test_synaptic_intelligence_had_negative_importances(bounded):
    made = make("si", "single", SAM(rho=0.5))
    if not bounded:
        replaced(made, SynapticIntelligencePlugin, OnlyCopies(100.0, 1e-7))
    train(made, 1)
    importances = torch.cat([entry.data for entry in plugin_of(made, SynapticIntelligencePlugin).ewc_data[1].values()])
    assert bool((importances >= 0).all()) is bounded
    assert 0 < importances.max() <= 0.001


class PathTape(ObserverPlugin):
    """The path integral of synaptic intelligence, taken by hand: g(w) times the step, summed over an experience."""

    def __init__(self):
        super().__init__()
        self.total = {}

    def before_training_exp(self, strategy, **kwargs):
        self.total = {name: torch.zeros(p.numel()) for name, p in strategy.model.named_parameters()}

    def before_update(self, strategy, **kwargs):
        parameters = list(strategy.model.named_parameters())
        self.start = {name: p.detach().clone() for name, p in parameters}
        self.grads = {name: p.grad.clone() for name, p in parameters if p.grad is not None}

    def after_training_iteration(self, strategy, **kwargs):
        for name, p in strategy.model.named_parameters():
            if name in self.grads:
                self.total[name] += (self.grads[name] * (p.detach() - self.start[name])).flatten()


@pytest.mark.parametrize("head", ["single", "growing", "multi", "masked"])
@pytest.mark.parametrize("rule", [NoRule, lambda: SAM(rho=0.5)])
def test_synaptic_intelligence_integrates_the_gradient_at_w(head, rule):
    tape = PathTape()
    made = make("si", head, rule(), before=[tape])
    train(made)
    trajectory = plugin_of(made, SynapticIntelligencePlugin).syn_data["trajectory"]
    assert trajectory.keys() == tape.total.keys()
    for name, total in tape.total.items():
        assert torch.allclose(trajectory[name].data, total, rtol=1e-5, atol=1e-8), name
    assert sum(float(total.abs().sum()) for total in tape.total.values()) > 0.01


def teacher_statistics(plugin):
    return plugin.lwf.prev_model.backbone[1].running_mean.clone()


@pytest.mark.parametrize("patched", [False, True])
def test_the_teacher_of_lwf_was_in_train_mode(patched):
    made = make("lwf", "single", NoRule(), batch_norm=True)
    if not patched:
        replaced(made, LwFPlugin, LwFPlugin(1.0, 2.0))
    train(made, 1)
    plugin = plugin_of(made, LwFPlugin)
    teacher, before = plugin.lwf.prev_model, teacher_statistics(plugin)
    plugin.after_training_exp = lambda strategy, **kwargs: None  # keep the teacher
    made.strategy.train(made.stream.train[1])
    assert plugin.lwf.prev_model is teacher
    assert torch.equal(before, teacher_statistics(plugin)) is patched


class ModeTape(ObserverPlugin):
    def __init__(self):
        super().__init__()
        self.modes = set()

    def before_update(self, strategy, **kwargs):
        self.modes.add(strategy.model.training)


@pytest.mark.parametrize("patched", [False, True])
def test_rwalk_trained_in_eval_mode(patched):
    tape = ModeTape()
    made = make("rwalk", "single", NoRule(), after=[tape])
    if not patched:
        replaced(made, RWalkPlugin, RWalkPlugin())
    train(made, 1)
    assert tape.modes == {patched}


@pytest.mark.parametrize("patched", [False, True])
def test_rwalk_could_not_bear_a_short_experience(patched):
    made = make("rwalk", "single", NoRule(), delta_t=1000)
    if not patched:
        replaced(made, RWalkPlugin, RWalkPlugin(delta_t=1000))
    train(made, 1)
    penalties = plugin_of(made, RWalkPlugin).exp_penalties.values()
    assert all(bool(torch.isfinite(penalty.data).all()) for penalty in penalties) is patched
    assert not patched or max(float(penalty.data.max()) for penalty in penalties) == 1


def test_rwalk_refuses_several_heads():
    made = make("naive", "multi", NoRule(), after=[patches.RiemannianWalk(0.1, 0.9, 10)])
    with pytest.raises(TypeError, match="RWalk needs a model with one head for all experiences"):
        train(made, 1)


@pytest.mark.parametrize("patched", [False, True])
def test_looking_ahead_changed_gdumb(patched):
    def trained(look):
        recorder = AccuracyRecorder()
        made = make("gdumb", "growing", NoRule(), after=[recorder])
        if not patched:
            replaced(made, GDumbPlugin, GDumbPlugin(20))
        train(made, 1)
        if look:
            recorder.evaluate(made.strategy, made.stream.test, unseen=True)
        seed_all(0, INITIALISATION, 2)
        made.strategy.train(made.stream.train[1])
        return dict(made.strategy.model.named_parameters())

    looked, plain = trained(look=True), trained(look=False)
    assert all(looked[name].shape == p.shape and torch.equal(looked[name], p) for name, p in plain.items()) is patched


@pytest.mark.parametrize("patched", [False, True])
def test_mas_took_a_loss_of_zero_for_none(patched):
    made = make("mas", "single", NoRule())
    if not patched:
        replaced(made, MASPlugin, MASPlugin(0.01, 0.5))
    train(made, 1)
    strategy, plugin = made.strategy, plugin_of(made, MASPlugin)
    with torch.no_grad():
        for p in strategy.model.parameters():
            p += 0.1
    expected = sum(0.01 * float(plugin.importance[name].data.sum()) * 0.01 for name in plugin.params)
    strategy.loss = torch.zeros(1)
    if not patched:
        with pytest.raises(ValueError, match="Loss is not available"):
            plugin.before_backward(strategy)
        return
    plugin.before_backward(strategy)
    assert strategy.loss.item() == pytest.approx(expected, rel=1e-4)
    strategy.loss = torch.ones(1)
    plugin.before_backward(strategy)
    assert strategy.loss.item() == pytest.approx(1 + expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_gems_quadratic_program(seed, margin):
    """The conditions of Karush, Kuhn and Tucker, which tell the one solution of a convex program."""
    rng = np.random.default_rng(seed)
    G, g = rng.normal(size=(1 + seed % 5, 12)), rng.normal(size=12)
    v = gem.dual_solution(G, g, margin)
    slope = (G @ G.T + 1e-3 * np.eye(len(G))) @ v + G @ g
    assert (v >= margin - 1e-9).all()
    assert (slope >= -1e-9).all()
    assert slope @ (v - margin) == pytest.approx(0, abs=1e-9)
    assert (G @ (g + v @ G) >= -1e-3 * v.max() - 1e-9).all()  # but for the ridge, no loss on a memory may rise


def test_icarls_teacher_and_the_classes_still_to_come():
    made = make("icarl", "single", NoRule(), batch_norm=True)
    train(made, 2)
    loss, exemplars = plugin_of(made, patches.ICaRLLoss), plugin_of(made, patches.Exemplars)
    teacher = loss.old_model
    assert teacher.training  # so that it answers with its training head
    assert [module.training for module in teacher.modules() if isinstance(module, nn.BatchNorm1d)] == [False]
    assert sorted(loss.old_classes) == sorted(exemplars.class_means) == [0, 1, 2, 3]
    assert sum(map(len, exemplars.y_memory)) == 12
    assert all(float(mean.norm()) == pytest.approx(1) for mean in exemplars.class_means.values())


@pytest.mark.parametrize(
    "patch",
    [
        lambda: patches.SynapticIntelligence(1.0, 1e-7),
        lambda: patches.LearningWithoutForgetting(1.0, 2.0),
        lambda: patches.RiemannianWalk(0.1, 0.9, 10),
        lambda: patches.MemoryAwareSynapses(1.0, 0.5),
        lambda: patches.GDumb(10),
        lambda: patches.GEM(10, 0.5),
        lambda: patches.GSS(10, 5),
        lambda: patches.ICaRLLoss(),
        lambda: patches.Exemplars(10, True),
        lambda: make("lamaml", "single", NoRule()),
        lambda: make("mer", "single", NoRule()),
        lambda: make("slda", "single", NoRule()),
        lambda: patches.AverageGEM(12, 8),
        lambda: FrozenAML(None, temp=0.1, base_temp=0.07, device="cpu"),
        lambda: patches.NearestClassMean(),
        *(partial(make, label, "single", NoRule()) for label in ("mir", "er-ace", "er-aml", "der", "der++")),
    ],
)
def test_patches_know_what_they_are_for(patch, monkeypatch):
    patch()
    monkeypatch.setattr(version, "version", lambda name: "0.7.0")
    with pytest.raises(RuntimeError, match=r"is patched for avalanche-lib 0\.6\.0; got 0\.7\.0"):
        patch()


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (lambda: MIRPlugin(batch_size_mem=4), "lifelong_lb.strategies.MIR retrieves once an iteration"),
        (lambda: BiCPlugin(mem_size=10), "its second stage has its own optimizer"),
        (
            lambda: GSS_greedyPlugin(mem_size=10, input_size=[1]),
            "lifelong_lb.strategies.methods.patches.GSS clears them",
        ),
    ],
)
def test_plugins_that_cannot_take_part_are_refused(plugin, reason):
    with pytest.raises(TypeError, match=reason):
        further_passes([EWCPlugin(1.0), plugin()], SharpnessAwarePlugin(SAM()))


@pytest.mark.parametrize("head", ["multi", "masked"])
def test_der_keeps_the_logits_of_each_image_s_own_task(head):
    made = make("der", head, NoRule())
    train(made, 2)
    strategy = made.strategy
    strategy.model.eval()
    newest = [sample for sample in strategy.storage_policy.buffer if sample[2] == 1]
    assert len(newest) > 3
    assert len(newest) < len(strategy.storage_policy.buffer)
    for x, _, task, logits in newest:  # the model has not changed since they were stored
        assert torch.allclose(strategy.model(x[None], torch.tensor([task]))[0], logits, atol=1e-5)


def test_der_failed_with_several_heads():
    made = make("naive", "multi", NoRule())
    common = {"model": made.strategy.model, "optimizer": made.strategy.optimizer, "evaluator": None}
    with pytest.raises(TypeError, match="task_labels"):
        DER(**common, mem_size=20, train_mb_size=16).train(made.stream.train[0])


@pytest.mark.skipif(importlib.util.find_spec("quadprog") is not None, reason="quadprog is installed")
def test_gem_needed_a_solver():
    made = make("gem", "single", NoRule())
    with pytest.raises(SolverNotFound):
        train(replaced(made, GEMPlugin, GEMPlugin(12, 0.5)))


def test_er_aml_drew_from_classes_that_yield_nothing():
    made = make("er-aml", "single", NoRule())
    train(made, 2)
    groups = made.strategy.storage_policy.buffer_groups.values()
    assert len(groups) == 4
    for group in groups:
        assert len(DataLoader(group.buffer, batch_size=16, drop_last=True)) == 0  # cycled through for ever
        assert len(next(endless(group.buffer, min(16, len(group.buffer))))[0]) == len(group.buffer)


def test_mir_left_the_latest_classes_out():
    made = make("mir", "single", NoRule())
    train(made, 1)
    assert plugin_of(made, Retrieval).active
    other = make("naive", "single", NoRule(), after=[MIRPlugin(batch_size_mem=4, mem_size=20)])
    other.strategy.plugins[:] = [p for p in other.strategy.plugins if not isinstance(p, SharpnessAwarePlugin)]
    train(other, 1)
    assert plugin_of(other, MIRPlugin).replay_loader is None


class FirstGradients(SupervisedPlugin):
    """Notes each minibatch, and compares its gradient with that of the bare criterion."""

    def __init__(self):
        super().__init__()
        self.ratios, self.kinds = [], set()

    def before_training_iteration(self, strategy, **kwargs):
        loss = nn.functional.cross_entropy(strategy.model(strategy.mb_x), strategy.mb_y)
        self.expected = torch.autograd.grad(loss, list(strategy.model.parameters()))
        self.kinds.add(strategy.mb_x.dtype)

    def after_update(self, strategy, **kwargs):
        apart = [p.grad - g for p, g in zip(strategy.model.parameters(), self.expected, strict=True)]
        self.ratios.append(float(sum(d.norm() for d in apart) / sum(g.norm() for g in self.expected)))


def gss(tape, patched=True, **settings):
    made = make("gss", "single", NoRule(), after=[tape], **settings)
    if not patched:
        plugins = made.strategy.plugins
        plugins[:] = [plugin for plugin in plugins if not isinstance(plugin, SharpnessAwarePlugin)]
        size = settings.get("mem_size", 40)
        replaced(made, GSS_greedyPlugin, GSS_greedyPlugin(mem_size=size, mem_strength=2, input_size=[1, 8, 8]))
    return made


@pytest.mark.parametrize("patched", [False, True])
def test_gss_left_gradients_behind(patched):
    tape = FirstGradients()
    train(gss(tape, patched), 1)
    assert tape.ratios[0] == pytest.approx(0, abs=1e-6)  # nothing to compare the first minibatch with
    assert max(tape.ratios) < 1e-6 if patched else min(tape.ratios[1:]) > 0.1
    assert len(tape.ratios) > 2


def test_what_gss_compares_is_counted():
    """Minibatches of 16, 48 images: nothing at first, then one set of 16 and single images, then two sets and those."""
    counter = StrategyGradients()
    train(gss(counter), 1)
    assert counter.count == 1 + 1 + 2 + 1


def copies(plugin):
    filled = plugin.ext_mem_list_x[: plugin.ext_mem_list_current_index].flatten(1)
    return len(filled) - len(filled.unique(dim=0))


@pytest.mark.parametrize("patched", [False, True])
def test_gss_filled_its_memory_with_copies(patched):
    made = gss(FirstGradients(), patched, mem_size=140)
    train(made, 3)
    plugin = plugin_of(made, GSS_greedyPlugin)
    assert plugin.ext_mem_list_current_index == 140
    assert (copies(plugin) < 5) is patched


@pytest.mark.parametrize("patched", [False, True])
def test_gss_replayed_empty_places_and_floating_point_numbers(patched):
    class Black(FirstGradients):
        black = 0

        def before_training_iteration(self, strategy, **kwargs):
            super().before_training_iteration(strategy)
            self.black += int((strategy.mb_x.flatten(1).sum(1) == 0).sum())

    tape = Black()
    train(gss(tape, patched, mem_size=200), 2)
    assert (tape.black == 0) is patched
    assert tape.kinds == {torch.uint8} if patched else torch.float32 in tape.kinds


@pytest.mark.parametrize("patched", [False, True])
def test_gss_could_not_bear_a_small_memory(patched):
    made = gss(FirstGradients(), patched, mem_size=10)
    if not patched:
        with pytest.raises((ValueError, RuntimeError)):
            train(made, 1)
        return
    train(made, 3)
    assert plugin_of(made, patches.GSS).filled == 10


@pytest.mark.parametrize("mem_size", [12, 16])
def test_gss_goes_on_replacing_images_whose_scores_are_alike(mem_size):
    """A first minibatch that fills the memory gives all of its images one score."""
    made = gss(FirstGradients(), mem_size=mem_size)
    train(made, 1)
    early = plugin_of(made, patches.GSS).ext_mem_list_y.clone()
    train(made, 3)
    plugin = plugin_of(made, patches.GSS)
    assert plugin.gradients > 3
    assert not torch.equal(plugin.ext_mem_list_y, early)


@pytest.mark.parametrize(("patched", "joined"), [(False, 48), (True, 32)])
def test_gss_joins_as_many_kept_images(patched, joined):
    """To minibatches of 16, not 32 for any size."""
    sizes = set()

    class Sizes(FirstGradients):
        def before_training_iteration(self, strategy, **kwargs):
            sizes.add((strategy.clock.train_exp_counter, len(strategy.mb_x)))

        def after_update(self, strategy, **kwargs):
            pass

    train(gss(Sizes(), patched, mem_size=64), 2)
    assert {number: max(n for i, n in sizes if i == number) for number in (0, 1)} == {0: 16, 1: joined}


def test_icarl_failed_without_a_benchmark_of_the_older_kind():
    made = make("icarl", "single", NoRule())
    other = replaced(made, patches.Exemplars, _ICaRLPlugin(12))
    made.stream.train[0].__dict__.pop("benchmark", None)
    with pytest.raises(AttributeError, match="'DatasetExperience' object has no attribute 'benchmark'"):
        train(other, 1)


def test_the_teacher_of_icarl_was_in_train_mode():
    made = make("icarl", "single", NoRule(), batch_norm=True)
    loss = ICaRLLossPlugin()
    made.strategy._criterion = loss  # Avalanche has no public name for the loss
    train(replaced(made, ICaRLLossPlugin, loss), 1)
    assert all(module.training for module in loss.old_model.modules())


def lamaml(head, patched, batch, **changes):
    """La-MAML as it is here or in Avalanche, with its weights before training."""
    made = make("lamaml", head, NoRule(), n_inner_updates=5, **changes)
    made.given = {name: value.clone() for name, value in made.strategy.model.state_dict().items()}
    if not patched:
        with pytest.warns(UserWarning, match="Avalanche is transitioning"):
            made.strategy = LaMAML(
                model=made.strategy.model, optimizer=made.strategy.optimizer, evaluator=None, plugins=[]
            )
    made.strategy.train_mb_size = batch
    return made


@pytest.mark.parametrize("patched", [False, True])
def test_la_maml_had_empty_parts(patched):
    """Of 16 images, 4 to a part, nothing is left for the fifth one: the last loss counted again, as it was."""
    made, losses = lamaml("masked", patched, 16), []
    outer = made.strategy._outer_update  # private: where Avalanche uses the losses

    def noting(**kwargs):
        losses.append([loss.item() for loss in made.strategy.meta_losses])
        outer(**kwargs)

    made.strategy._outer_update = noting
    train(made, 1)
    assert {len(of_minibatch) for of_minibatch in losses} == {4 if patched else 5}
    assert all((of_minibatch[-1] == of_minibatch[-2]) != patched for of_minibatch in losses)


def test_la_maml_failed_for_it_with_several_heads():
    with pytest.raises(IndexError, match="list index out of range"):
        train(lamaml("multi", False, 16), 1)
    assert all(torch.isfinite(value).all() for value in train(lamaml("multi", True, 16), 2).values())


@pytest.mark.parametrize("patched", [False, True])
@pytest.mark.parametrize(("batch", "dropped"), [(20, 8), (64, 48)])
def test_la_maml_dropped_images(patched, batch, dropped):
    made, seen = lamaml("multi", patched, batch), Iterations()
    made.strategy.plugins.insert(0, seen)
    train(made, 1)
    assert seen.images == 48 - (0 if patched else dropped)


class Iterations(SupervisedPlugin):
    """Counts the images of minibatches."""

    def __init__(self):
        super().__init__()
        self.images = 0

    def before_training_iteration(self, strategy, **kwargs):
        self.images += len(strategy.mb_y)


@pytest.mark.parametrize("head", ["single", "growing"])
def test_la_maml_handed_task_labels_to_every_model(head):
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        train(lamaml(head, False, 10), 1)
    train(lamaml(head, True, 10), 2)


@pytest.mark.parametrize("patched", [False, True])
def test_la_maml_overwrote_the_initial_weights(patched):
    made = lamaml("single", patched, 10)
    now = made.strategy.model.state_dict()
    assert [name for name in now if not torch.equal(now[name], made.given[name])] == (
        [] if patched else [name for name in now if "layers" in name or "head" in name]
    )


def test_learning_rates_of_la_maml_grow_with_the_head():
    """Those of weights that are there already stay as they were learnt."""
    made = lamaml("growing", True, 10)
    train(made, 1)
    rates = made.strategy.alpha_params
    learnt = {name: value.detach().clone() for name, value in rates.items()}
    assert not torch.equal(learnt["head_classifier_bias"], torch.full_like(learnt["head_classifier_bias"], 0.1))
    made.strategy.experience, made.strategy.is_training = made.stream.train[1], True
    made.strategy.check_model_and_optimizer()
    for name, p in made.strategy.model.named_parameters():
        grown, old = rates[name.replace(".", "_")], learnt[name.replace(".", "_")]
        assert grown.shape == p.shape
        assert torch.equal(grown[tuple(map(slice, old.shape))], old)
    assert torch.equal(rates["head_classifier_bias"][len(learnt["head_classifier_bias"]) :], torch.full((2,), 0.1))


@pytest.mark.parametrize("kind", [MER, patches.MER])
def test_mer_warned_of_plugins_that_use_its_own_hooks(kind, recwarn):
    parts = make("mer", "single", NoRule()).strategy
    common = {"model": parts.model, "optimizer": parts.optimizer, "evaluator": None, "plugins": [OwnLoop()]}
    kind(**common, mem_size=9, batch_size_mem=3)
    warned = [str(warning.message) for warning in recwarn if "incompatible callbacks" in str(warning.message)]
    assert bool(warned) == (kind is MER)


@pytest.mark.parametrize("kind", [StreamingLDA, patches.StreamingLDA])
def test_slda_answered_with_classes_it_had_not_seen(kind):
    """Two classes lie on one side of the origin, an image on the other: a mean of zero is nearer to it."""
    names = {"slda_model": nn.Flatten(), "input_size": 2, "num_classes": 3}
    if kind is patches.StreamingLDA:
        names = {"features": nn.Flatten(), "feature_size": 2, "classes": 3, "shrinkage": 1e-4}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        strategy = kind(criterion=nn.CrossEntropyLoss(), evaluator=None, plugins=[GDumbPlugin()], **names)
    assert any("incompatible callbacks" in str(each.message) for each in caught) == (kind is StreamingLDA)
    for x, y in zip(torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), [0, 1] * 20, strict=True):
        strategy.fit((x + torch.tensor([5.0, 2.0 * y]))[None], torch.tensor([y]))
    answer = strategy.predict(torch.tensor([[-1.0, 0.0]])).argmax()
    assert (answer == 2) == (kind is StreamingLDA)


@pytest.mark.parametrize("patched", [False, True])
def test_slda_inverted_the_covariance_for_predictions_that_nobody_reads(patched, monkeypatch):
    inverted, pinverse = [], torch.pinverse
    monkeypatch.setattr(torch, "pinverse", lambda x: inverted.append(None) or pinverse(x))
    made = make("slda", "single", NoRule())
    if not patched:
        monkeypatch.setattr(patches.StreamingLDA, "predict", StreamingLDA.predict)
    train(made, 2)
    assert len(inverted) == (0 if patched else 6)
    recorder = AccuracyRecorder()
    made.strategy.plugins.append(recorder)
    assert min(recorder.evaluate(made.strategy, made.stream.test[:2])) > 0.5
    assert len(inverted) == (1 if patched else 7)  # kept until there are more images


@pytest.mark.parametrize("patched", [False, True])
def test_icarl_looked_at_sizes_in_train_mode(patched):
    """BatchNorm's statistics moved before the first pass, which dropout drew other masks for."""
    made = make("icarl", "single", NoRule(), batch_norm=True, dropout=0.5)
    plugin, changed = plugin_of(made, patches.Exemplars), []
    look = plugin.before_forward if patched else partial(_ICaRLPlugin.before_forward, plugin)

    def watched(strategy, **kwargs):
        modes = [layer.training for layer in strategy.model.modules()]
        statistics = [buffer.clone() for buffer in strategy.model.buffers()]
        random = torch.get_rng_state()
        look(strategy)
        assert [layer.training for layer in strategy.model.modules()] == modes
        same_random = torch.equal(torch.get_rng_state(), random)
        changed.append(not same_random or not all(map(torch.equal, strategy.model.buffers(), statistics)))

    plugin.before_forward = watched
    train(made, 1)
    assert changed == [not patched, False, False]
    assert plugin.output_size == 10
    assert plugin.embedding_size == 16


def in_channels_last(made):
    """With a convolution whose weights do not lie in memory in the order of their indices."""
    model = made.strategy.model
    model.backbone = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.Conv2d(2, 2, 3, padding=1, stride=4),
        nn.Flatten(),
        nn.Linear(8, 16),
    ).to(memory_format=torch.channels_last)
    made.strategy.optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return made


@pytest.mark.parametrize("patched", [False, True])
def test_agem_needed_gradients_in_the_order_of_their_indices(patched):
    made = in_channels_last(make("agem", "single", NoRule()))
    if patched:
        train(made, 2)
        return
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        train(replaced(made, AGEMPlugin, AGEMPlugin(12, 8)), 2)


@pytest.mark.parametrize("patched", [False, True])
def test_so_did_gss(patched):
    made = in_channels_last(gss(ObserverPlugin(), patched))
    if patched:
        train(made, 1)
        return
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        train(made, 1)


def test_bic_fails_with_current_versions_of_torch():
    """Its second stage builds a scheduler with an argument that torch has taken away."""
    assert "gamma=0.1, verbose=False" in inspect.getsource(BiCPlugin)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'verbose'"):
        torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[50], gamma=0.1, verbose=False)


@NEEDS_TIMM
@pytest.mark.filterwarnings("ignore:Importing from timm:FutureWarning")
def test_learning_to_prompt_fails_with_timm_1():
    """It reads timm's configuration of a model as a dict."""
    from avalanche.training.supervised.l2p import LearningToPrompt

    with pytest.raises(TypeError, match="'PretrainedCfg' object is not subscriptable"):
        LearningToPrompt(model_name="vit_tiny_patch16_224", pretrained=False)
