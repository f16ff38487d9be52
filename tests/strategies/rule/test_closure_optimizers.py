"""Optimizers that take passes of their own, inside Avalanche: the plain PyTorch loop, bit for bit."""

import copy
from functools import partial

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from avalanche.models.dynamic_modules import avalanche_model_adaptation
from avalanche.training.supervised import EWC
from helpers.covering import covering
from helpers.small_strategies import MinibatchTape, make_strategy, parts_of, train
from pytorch_optimizer import BSAM, SAM, WSAM, FriendlySAM, LookSAM
from torch import nn
from torch.optim import LBFGS, SGD, Adagrad

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.optim import SAM as SAMRule
from lifelong_lb.optim import ClosureOptimizer, NoRule, RebuiltOptimizer
from lifelong_lb.seeding import INITIALISATION, NOISE, seed_all
from lifelong_lb.strategies import SeparateSeeds, SharpnessAwarePlugin, build_optimizer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning"),  # L-BFGS does
]

SGD_BASE = {"base_optimizer": SGD, "lr": 0.1, "momentum": 0.9}
EVALUATES_FIRST = ("lbfgs", "lbfgs-line-search", "wsam")
"""Those that evaluate at w themselves; the others expect a gradient to be there."""


def lbfgs(model, params):
    return LBFGS(params, lr=0.5, max_iter=3, history_size=4)


def lbfgs_line_search(model, params):
    return LBFGS(params, max_iter=2, history_size=4, line_search_fn="strong_wolfe")


OPTIMIZERS = {
    "lbfgs": lbfgs,
    "lbfgs-line-search": lbfgs_line_search,
    "sam": lambda model, params: SAM(params, rho=0.1, **SGD_BASE),
    "sam-adagrad": lambda model, params: SAM(params, Adagrad, rho=0.1, lr=0.05),
    "looksam": lambda model, params: LookSAM(params, rho=0.1, k=3, **SGD_BASE),
    "friendly-sam": lambda model, params: FriendlySAM(params, rho=0.1, **SGD_BASE),
    "wsam": lambda model, params: WSAM(model, params, rho=0.1, **SGD_BASE),
    "bsam": lambda model, params: BSAM(params, num_data=1000, lr=0.1),
}


class PlainLoop:
    """PyTorch without Avalanche's training, over minibatches that a strategy has seen."""

    def __init__(self, name, model, criterion=None):
        self.build, self.model, self.calls = OPTIMIZERS[name], model, 0
        self.evaluates_first = name in EVALUATES_FIRST
        self.named = dict(model.named_parameters())
        self.optimizer = self.build(model, list(self.named.values()))

    def enter(self, experience, index):
        """Heads grow; a replaced parameter keeps the position of the old one, new ones come last."""
        seed_all(0, INITIALISATION, index + 1)
        avalanche_model_adaptation(self.model, experience)
        present = dict(self.model.named_parameters())
        order = [*self.named, *(name for name in present if name not in self.named)]
        if any(self.named.get(name) is not present[name] for name in order):
            self.optimizer = self.build(self.model, [present[name] for name in order])
        self.named = {name: present[name] for name in order}
        seed_all(0, NOISE, index, 0)

    def step(self, x, y, task):
        def closure():
            self.calls += 1
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(avalanche_forward(self.model, x, task), y)
            loss.backward()
            return loss

        if not self.evaluates_first:
            closure()
        self.optimizer.step(closure)


HEADS = [("class-incremental", "single"), ("class-incremental", "growing"), ("task-incremental", "multi")]


@pytest.mark.parametrize(("name", "scenario", "head"), covering((name, *head) for name in OPTIMIZERS for head in HEADS))
def test_same_trajectory_as_a_plain_loop(name, scenario, head):
    """With passes counted; if heads grow, the optimizer is rebuilt then."""
    parts = parts_of("naive", scenario, head)
    ours, plain = parts.model, copy.deepcopy(parts.model)
    tape, plugin = MinibatchTape(), SharpnessAwarePlugin(NoRule())
    optimizer = ClosureOptimizer(partial(OPTIMIZERS[name], ours), ours.parameters(), restart=True)
    train(make_strategy(parts, ours, optimizer, [SeparateSeeds(0), plugin, tape]), parts.stream)
    loop, current = PlainLoop(name, plain), -1
    for index, x, y, task in tape.minibatches:
        if index != current:
            current = index
            loop.enter(parts.stream.train[index], index)
        loop.step(x, y, task)
    assert plugin.gradient_evaluations == loop.calls > len(tape.minibatches) > 20
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("head", ["multi", "masked"])
def test_state_goes_on_where_heads_are_added(head):
    """SAM with momentum from another package is this package's SAM over SGD with momentum, up to rounding."""
    scenario = "task-incremental"
    parts, others = parts_of("naive", scenario, head), parts_of("naive", scenario, head)
    ours = ClosureOptimizer(partial(OPTIMIZERS["sam"], parts.model), parts.model.parameters())
    train(make_strategy(parts, parts.model, ours, [SeparateSeeds(0), SharpnessAwarePlugin(NoRule())]), parts.stream)
    base = SGD(others.model.parameters(), lr=0.1, momentum=0.9)
    plugins = [SeparateSeeds(0), SharpnessAwarePlugin(SAMRule(rho=0.1))]
    train(make_strategy(others, others.model, base, plugins), others.stream)
    for (name, a), b in zip(parts.model.named_parameters(), others.model.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-4), name


@pytest.mark.parametrize("head", ["single", "growing"])
@pytest.mark.parametrize("rule", [NoRule, partial(SAMRule, rho=0.1)])
def test_adagrad_as_a_base_optimizer(rule, head):
    """torch's Adagrad makes its state when it is built; Avalanche throws that away, and grown heads never have it."""
    parts = parts_of("naive", "class-incremental", head)
    ours, plain = parts.model, copy.deepcopy(parts.model)
    tape = MinibatchTape()
    optimizer = RebuiltOptimizer(partial(Adagrad, lr=0.05), ours.parameters())
    train(make_strategy(parts, ours, optimizer, [SeparateSeeds(0), SharpnessAwarePlugin(rule()), tape]), parts.stream)
    sums, current, plain_rule = {}, -1, rule()
    for index, x, y, task in tape.minibatches:
        if index != current:
            current = index
            seed_all(0, INITIALISATION, index + 1)
            avalanche_model_adaptation(plain, parts.stream.train[index])
            bases = {p: sums.get(p) or Adagrad([p], lr=0.05) for p in plain.parameters()}  # one for each tensor
            sums = bases
            both = SGD(plain.parameters(), lr=0.0)

        def closure(x=x, y=y, task=task):
            plain.zero_grad()
            loss = nn.functional.cross_entropy(avalanche_forward(plain, x, task), y)
            loss.backward()
            return loss

        plain_rule.step(both, closure)
        for base in bases.values():
            base.step()
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_metrics_see_the_first_pass():
    parts = parts_of("naive", "class-incremental", "single")

    class Witness(SupervisedPlugin):
        def before_training_iteration(self, strategy, **kwargs):
            with torch.no_grad():
                self.expected = nn.functional.cross_entropy(strategy.model(strategy.mb_x), strategy.mb_y)

        def after_training_iteration(self, strategy, **kwargs):
            assert strategy.loss.item() == self.expected.item()
            assert torch.equal(nn.functional.cross_entropy(strategy.mb_output, strategy.mb_y), self.expected)

    plugin = SharpnessAwarePlugin(NoRule())
    optimizer = ClosureOptimizer(partial(lbfgs, None), parts.model.parameters())
    train(make_strategy(parts, parts.model, optimizer, [plugin, Witness()]), parts.stream)
    assert plugin.gradient_evaluations > 60


def test_a_penalty_enters_the_passes():
    """The optimizer evaluates again at w, its gradients cleared: with EWC the same loss and the same gradient."""
    parts = parts_of("naive", "class-incremental", "single")
    penalties = []

    class Twice(SGD):
        def step(self, closure):
            first = [p.grad.clone() for p in parts.model.parameters()]
            self.zero_grad()
            loss = closure()
            # Avalanche has no public name for the loss
            penalties.append((loss - strategy._criterion(strategy.mb_output, strategy.mb_y)).item())
            assert all(
                torch.allclose(p.grad, g, rtol=0, atol=1e-6)
                for p, g in zip(parts.model.parameters(), first, strict=True)
            )
            super().step()
            return loss

    plugin = SharpnessAwarePlugin(NoRule())
    strategy = EWC(
        model=parts.model,
        optimizer=ClosureOptimizer(partial(Twice, lr=0.05), parts.model.parameters()),
        criterion=nn.CrossEntropyLoss(),
        ewc_lambda=10.0,
        train_mb_size=32,
        plugins=[plugin],
        evaluator=None,
    )
    train(strategy, parts.stream)
    assert max(penalties) > 1e-3
    assert plugin.gradient_evaluations == 2 * len(penalties)


def test_a_pass_that_raises_leaves_weights_and_loss():
    parts, calls = parts_of("naive", "class-incremental", "single"), 0

    class Failing(nn.CrossEntropyLoss):
        def forward(self, output, target):
            nonlocal calls
            calls += 1
            if calls == 3:
                raise RuntimeError("no memory left")
            return super().forward(output, target)

    model = parts.model
    optimizer = ClosureOptimizer(partial(lbfgs, model), model.parameters())
    strategy = make_strategy(parts, model, optimizer, [SharpnessAwarePlugin(NoRule())])
    strategy._criterion = Failing()  # Avalanche has no public name for the loss
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(RuntimeError, match="no memory left"):
        strategy.train(parts.stream.train[0])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert nn.functional.cross_entropy(strategy.mb_output, strategy.mb_y).item() == strategy.loss.item()


def test_a_rule_over_an_optimizer_with_passes_of_its_own_is_refused():
    parts = parts_of("naive", "class-incremental", "single")
    optimizer = ClosureOptimizer(LBFGS, parts.model.parameters())
    strategy = make_strategy(parts, parts.model, optimizer, [SharpnessAwarePlugin(SAMRule())])
    with pytest.raises(TypeError, match=r"SAM cannot be applied to LBFGS, which takes its own passes; use NoRule"):
        strategy.train(parts.stream.train[0])


def test_without_the_plugin_there_is_one_clear_error():
    parts = parts_of("naive", "class-incremental", "single")
    optimizer = ClosureOptimizer(LBFGS, parts.model.parameters())
    strategy = make_strategy(parts, parts.model, optimizer, [])
    with pytest.raises(ValueError, match=r"inside Avalanche SharpnessAwarePlugin\(NoRule\(\)\) does that"):
        strategy.train(parts.stream.train[0])


def test_external_entries():
    params = [nn.Parameter(torch.zeros(2))]
    base = build_optimizer(External(target="torch.optim.Adagrad", settings={"lr": 0.3}), params)
    assert (type(base), type(base.base), base.restart) == (RebuiltOptimizer, Adagrad, False)
    assert base.param_groups[0]["lr"] == 0.3
    own = build_optimizer(External(target="torch.optim.LBFGS", closure=True), params)
    assert (type(own), type(own.base), own.restart) == (ClosureOptimizer, LBFGS, True)
    with pytest.raises(UserError, match=r"torch\.optim\.Adagrad cannot be built with \(lr=-1\): ValueError"):
        build_optimizer(External(target="torch.optim.Adagrad", settings={"lr": -1}), params)
