"""Optimizers that keep the weights to evaluate apart from those to train, inside a strategy, against a plain loop."""

import copy
from functools import partial
from io import BytesIO

import pytest
import torch
from avalanche.training.plugins import AGEMPlugin, EWCPlugin, LwFPlugin, MASPlugin
from helpers.observer_plugin import ObserverPlugin
from helpers.small_strategies import EXPERIENCES, MinibatchTape, make_strategy, parts_of, train
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS
from pytorch_optimizer import Lookahead as ForeignLookahead
from pytorch_optimizer import ScheduleFreeAdamW, ScheduleFreeSGD, SPlus
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb import run_study
from lifelong_lb.averaging import loop_conflict
from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.models import build_model
from lifelong_lb.optim import RULES, SAM, LookbehindSAM, NoRule, RebuiltOptimizer
from lifelong_lb.optim.modes import modes_of
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import AccuracyRecorder, DuringTraining, OwnLoop, SharpnessAwarePlugin, Stopwatch
from lifelong_lb.studies.run.execute import execute, load_stream
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS


def lookahead(params):
    return ForeignLookahead(SGD(params, lr=0.1), k=4)


BUILDS = {
    "ScheduleFreeSGD": partial(ScheduleFreeSGD, lr=0.5),
    "ScheduleFreeAdamW": partial(ScheduleFreeAdamW, lr=0.01),
    "SPlus": partial(SPlus, lr=0.01),
    "Lookahead": lookahead,
}


def made(name, strategy="naive", rule=None, head="single", **plugins):
    parts = parts_of(strategy, "class-incremental", head)
    optimizer = RebuiltOptimizer(BUILDS[name], parts.model.parameters(), restart=True)
    before, after = plugins.get("before", []), plugins.get("after", [])
    applied = SharpnessAwarePlugin(NoRule() if rule is None else rule)
    return parts, make_strategy(parts, parts.model, optimizer, [*before, applied, *after])


def states(model):
    return {name: value.clone() for name, value in model.state_dict().items() if value is not None}


def same(first, second):
    return all(torch.equal(first[name], value) for name, value in second.items())


def accuracy_of(model, experience):
    samples = [experience.dataset[i] for i in range(len(experience.dataset))]
    with torch.no_grad():
        predicted = copy.deepcopy(model).eval()(torch.stack([s[0] for s in samples])).argmax(dim=1)
    return float((predicted == torch.tensor([s[1] for s in samples])).float().mean())


def shown(optimizer, look):
    """What is seen at the weights to evaluate, those to train being put back bit for bit."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    kept = [p.detach().clone() for p in params]
    train_mode, evaluate = modes_of(optimizer)
    evaluate()
    found = look()
    train_mode()
    with torch.no_grad():
        for p, value in zip(params, kept, strict=True):
            p.copy_(value)
    return found


@pytest.mark.parametrize("every", [None, 3])
@pytest.mark.parametrize("name", BUILDS)
def test_a_plain_loop(name, every):
    """The same weights and accuracies, after experiences and in between, as with eval() and train() called by hand."""
    recorder, tape, watch = AccuracyRecorder(), MinibatchTape(), Stopwatch()
    during = DuringTraining(every or 10**9, recorder, NoRule(), watch)
    parts, strategy = made(name, after=[watch, recorder, tape, during])
    found = []
    for i, experience in enumerate(parts.stream.train[:EXPERIENCES]):
        during.begin(i, parts.stream.test[: i + 1])
        seed_all(0, INITIALISATION, i + 1)
        strategy.train(experience, eval_streams=[])
        row = recorder.evaluate(strategy, parts.stream.test[: i + 1])
        during.end(row)
        found.append((states(strategy.model), row))

    model = parts_of("naive", "class-incremental", "single").model
    optimizer = BUILDS[name](model.parameters())
    rows, iteration = [], 0
    for i in range(EXPERIENCES):
        if i:
            modes_of(optimizer)[0]()
        tested = parts.stream.test[: i + 1]
        minibatches = [(x, y) for index, x, y, _ in tape.minibatches if index == i]
        for number, (x, y) in enumerate(minibatches, start=1):
            optimizer.zero_grad()
            cross_entropy(model.train()(x), y).backward()
            optimizer.step()
            iteration += 1
            if every and number % every == 0 and number < len(minibatches):
                seen = shown(optimizer, lambda tested=tested: [accuracy_of(model, each) for each in tested])
                rows += [(iteration, i, j, accuracy) for j, accuracy in enumerate(seen)]
        trained = states(model)
        modes_of(optimizer)[1]()
        assert not same(trained, states(model))
        row = [accuracy_of(model, each) for each in tested]
        rows += [(iteration, i, j, accuracy) for j, accuracy in enumerate(row)]
        assert same(found[i][0], states(model))
        assert found[i][1] == pytest.approx(row)
    assert [row[:3] for row in during.rows] == [row[:3] for row in rows]
    assert [row[3] for row in during.rows] == pytest.approx([row[3] for row in rows])


@pytest.mark.parametrize("strategy", ["ewc", "mas", "lwf", "icarl", "agem", "er-ace", "mir", "replay", "gdumb"])
def test_what_a_strategy_keeps_is_taken_at_the_weights_to_evaluate(strategy):
    class Look(ObserverPlugin):
        """Reads a private flag, because public methods would change the weights."""

        modes = ()

        def after_training_exp(self, strategy, **kwargs):
            self.modes = [*self.modes, strategy.optimizer._evaluated]

        def before_backward(self, strategy, **kwargs):
            assert not strategy.optimizer._evaluated

    look = Look()
    parts, built = made("ScheduleFreeAdamW", strategy, SAM(rho=0.05), after=[look])
    train(built, parts.stream)
    assert look.modes == [True] * EXPERIENCES
    weights = dict(built.model.named_parameters())
    kept = []
    for plugin in built.plugins:
        if isinstance(plugin, EWCPlugin):
            kept.append({name: data.data for name, data in plugin.saved_params[EXPERIENCES - 1].items()})
        if isinstance(plugin, MASPlugin):
            kept.append({name: data.data for name, data in plugin.params.items()})
        if isinstance(plugin, LwFPlugin):
            kept.append(dict(plugin.lwf.prev_model.named_parameters()))
    assert len(kept) == (strategy in ("ewc", "mas", "lwf"))
    assert all(same(each, weights) for each in kept)


def test_ewcs_importances_are_those_of_the_weights_to_evaluate():
    parts, strategy = made("ScheduleFreeSGD", "ewc")
    train(strategy, parts.stream)
    plugin = next(plugin for plugin in strategy.plugins if isinstance(plugin, EWCPlugin))
    data = parts.stream.train[EXPERIENCES - 1].dataset
    samples = [data[i] for i in range(len(data))]
    model, squares, count = copy.deepcopy(strategy.model).eval(), None, 0
    for start in range(0, len(samples), 32):
        part = samples[start : start + 32]
        loss = cross_entropy(model(torch.stack([s[0] for s in part])), torch.tensor([s[1] for s in part]))
        grads = [grad**2 for grad in torch.autograd.grad(loss, list(model.parameters()))]
        squares = grads if squares is None else [a + b for a, b in zip(squares, grads, strict=True)]
        count += 1
    importances = plugin.importances[EXPERIENCES - 1]
    for (name, _), square in zip(model.named_parameters(), squares, strict=True):
        assert torch.allclose(importances[name].data, square / count, rtol=1e-4, atol=1e-9)


def test_an_epoch_that_fails_leaves_the_weights_to_evaluate():
    class Fails(ObserverPlugin):
        def after_forward(self, strategy, **kwargs):
            if strategy.clock.train_exp_iterations == 4:
                raise RuntimeError("enough")

    parts, strategy = made("ScheduleFreeSGD", rule=SAM(rho=0.05), after=[Fails()])
    with pytest.raises(RuntimeError, match="enough"):
        train(strategy, parts.stream)
    assert strategy.optimizer._evaluated


KEEPING = {
    "lookahead": {},
    "lookahead-sam": {"k": 2},
    "lookbehind-sam": {"k": 2},
    "lookbehind-asam": {"k": 2, "alpha": "adaptive"},
    "lookbehind-sam, switching": {"minibatch_switching": True, "alpha": 1.0},
}


@pytest.mark.parametrize("label", KEEPING)
def test_rules_that_interpolate_are_refused(label):
    rule = RULES[label.partition(",")[0]](**KEEPING[label])
    parts, strategy = made("ScheduleFreeSGD", rule=rule)
    with pytest.raises(
        TypeError, match=f"{type(rule).__name__} interpolates between weights, and cannot be applied to"
    ):
        train(strategy, parts.stream)


def test_lookbehind_without_interpolation_is_not():
    parts, strategy = made("ScheduleFreeSGD", rule=LookbehindSAM(k=2, alpha=1.0))
    train(strategy, parts.stream)


@pytest.mark.parametrize("strategy", ["si", "rwalk"])
def test_strategies_that_follow_the_path_are_refused(strategy):
    parts, built = made("ScheduleFreeSGD", strategy)
    with pytest.raises(TypeError, match="adds up how far the weights move in each iteration, and ScheduleFreeSGD"):
        train(built, parts.stream)


def test_loops_that_move_weights_themselves_are_refused():
    parts = parts_of("mer", "class-incremental", "single")
    optimizer = RebuiltOptimizer(BUILDS["ScheduleFreeSGD"], parts.model.parameters())
    strategy = make_strategy(parts, parts.model, optimizer, [OwnLoop()])
    with pytest.raises(TypeError, match="MER moves weights itself, and cannot be trained with ScheduleFreeSGD"):
        train(strategy, parts.stream)


STUDY = {
    "streams": [{"name": "split-digits", "scenario": "class-incremental", "images_per_class": 12, "experiences": 2}],
    "model": {"name": "mlp", "hidden": [8]},
}


def external(target, **settings):
    return [{"name": "external", "target": target, "settings": settings}]


@pytest.mark.parametrize(
    ("strategy", "rule", "reason"),
    [
        ("naive", "lookahead", "Lookahead interpolates between weights"),
        ("naive", {"name": "lookbehind-sam", "k": 2}, "LookbehindSAM interpolates between weights"),
        ("si", "none", "si adds up how far the weights move"),
        ("mer", "none", loop_conflict("mer", "ScheduleFreeSGD")),
    ],
)
def test_a_study_is_refused_before_anything_runs(strategy, rule, reason, tmp_path):
    optimizers = external("pytorch_optimizer.ScheduleFreeSGD", lr=0.1)
    with pytest.raises(UserError, match=rf"optimizers\[0\] with \S+ and \S+: {reason}"):
        run_study(
            {**STUDY, "optimizers": optimizers, "strategies": [strategy], "rules": [rule]},
            tmp_path,
            executor="in-process",
        )
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("rule", ["none", "lookahead", "sam", "lookahead-sam", {"name": "lookbehind-sam", "k": 2}])
def test_a_study_that_maximises_is_refused_where_a_rule_ascends(rule):
    raw = {**STUDY, "optimizers": external("torch.optim.SGD", lr=0.1, maximize=True), "rules": [rule]}
    if rule in ("none", "lookahead"):
        parse_study(raw)
        return
    name = rule if isinstance(rule, str) else rule["name"]
    with pytest.raises(UserError, match=f"must not have maximize: true because the rule {name} ascends"):
        parse_study(raw)


def test_a_study_whose_optimizer_maximises_and_takes_passes_is_refused():
    (optimizer,) = external("torch.optim.SGD", lr=0.1, maximize=True)
    with pytest.raises(UserError, match="must not have maximize: true because closure: true allows ascent"):
        parse_study({**STUDY, "optimizers": [{**optimizer, "closure": True}], "rules": "none"})


def test_mir_refuses_an_optimizer_that_maximises():
    parts = parts_of("mir", "class-incremental", "single")
    optimizer = SGD(parts.model.parameters(), lr=1e-3, maximize=True)
    strategy = make_strategy(parts, parts.model, optimizer, [SharpnessAwarePlugin(NoRule())])
    with pytest.raises(ValueError, match="MIR tries a step downhill, and SGD has maximize=True in parameter group 0"):
        train(strategy, parts.stream)


def test_agem_may_maximise():
    """Projections agree with the memory whichever way the steps go."""
    parts = parts_of("agem", "class-incremental", "single")
    optimizer = SGD(parts.model.parameters(), lr=1e-3, maximize=True)
    strategy = make_strategy(parts, parts.model, optimizer, [SharpnessAwarePlugin(NoRule())])
    train(strategy, parts.stream)
    assert any(isinstance(plugin, AGEMPlugin) for plugin in strategy.plugins)


def test_models_kept_are_those_that_were_evaluated():
    raw = {
        **STUDY,
        "model": {"name": "mlp", "hidden": [8], "head": "single"},
        "optimizers": external("pytorch_optimizer.ScheduleFreeSGD", lr=0.5),
        "train": {"epochs": 3},
        "evaluation": {"save_models": True, "landscape": {"measures": ["ball"], "images": 16, "radii": [0.1]}},
    }
    progress, kept = RunState(), {}
    config = expand(parse_study(raw))[0].config
    execute(config, progress, roots=(), device="cpu", log=lambda line: None, keep=kept.__setitem__)
    stream = load_stream(config, RunState(), ())
    for trained, evaluated, accuracy in progress.accuracy.entries():
        model = build_model(config.model, stream.shape)
        model.load_state_dict(torch.load(BytesIO(kept[trained]), weights_only=True))
        assert accuracy_of(model, stream.test[evaluated]) == pytest.approx(accuracy)
    assert progress.landscape
