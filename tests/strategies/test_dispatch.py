"""Hooks are called in the order of Avalanche's own loop, also if the list of plugins changes meanwhile."""

import copy
import pickle

import pytest
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.templates import SupervisedTemplate
from helpers.small_strategies import make_strategy, parts_of
from torch.optim import SGD

from lifelong_lb.optim import NoRule
from lifelong_lb.strategies import SharpnessAwarePlugin
from lifelong_lb.strategies.dispatch import ITERATION, Dispatch, dispatching
from lifelong_lb.strategies.hooks import is_empty


def trained_with(*plugins):
    """A strategy with a rule plugin, and its stream."""
    parts = parts_of("naive", "class-incremental", "single")
    rule = SharpnessAwarePlugin(NoRule())
    return make_strategy(parts, parts.model, SGD(parts.model.parameters(), lr=0.1), [rule, *plugins]), parts.stream


class Idle(SupervisedPlugin):
    """No hook."""


class Duck:
    """A hook without a base class of Avalanche's."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def before_forward(self, strategy, **kwargs):
        self.calls.append((self.name, kwargs))


class Proxy(SupervisedPlugin):
    """Hooks that the class computes when they are looked up."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def __getattribute__(self, name):
        if name == "before_forward":
            return lambda strategy, **kwargs: self.calls.append(("proxy", kwargs))
        return super().__getattribute__(name)


class Strategy:
    """The methods that call hooks, and a list of plugins."""

    _before_forward = SupervisedTemplate._before_forward

    def __init__(self, plugins):
        self.plugins = plugins


def appending(strategy, calls):
    """A plugin that adds another one and removes itself, while the hook is called."""
    plugin = Idle()

    def change(_, **kwargs):
        calls.append(("changing", kwargs))
        strategy.plugins.remove(plugin)
        strategy.plugins.append(Duck("added", calls))

    plugin.before_forward = change
    return plugin


def history(dispatched):
    calls = []
    strategy = Strategy([])
    call = Dispatch(strategy, "before_forward") if dispatched else strategy._before_forward
    late = Idle()
    strategy.plugins = [late, Duck("a", calls), Idle(), object(), Proxy(calls), Duck("b", calls)]
    call(step=1)
    late.before_forward = lambda _, **kwargs: calls.append(("late", kwargs))
    call(step=2)
    strategy.plugins[0] = Duck("replaced", calls)
    strategy.plugins.insert(1, appending(strategy, calls))
    call(step=3)
    strategy.plugins = [Duck("assigned", calls), *strategy.plugins[::-1]]
    call(step=4)
    return calls


def test_same_calls_as_avalanche():
    calls = history(dispatched=True)
    assert calls == history(dispatched=False)
    assert [name for name, _ in calls[:8]] == ["a", "proxy", "b", "late", "a", "proxy", "b", "replaced"]


def test_empty_hooks_are_those_of_avalanches_base_classes():
    assert is_empty(Idle, "before_forward")
    assert not is_empty(Duck, "before_forward")  # its own
    assert not is_empty(Duck, "after_forward")  # none
    assert not is_empty(Proxy, "before_forward")
    assert not is_empty(EvaluationPlugin, "before_forward")


class Recorder(SupervisedPlugin):
    """Whether hooks are dispatched while an iteration runs; a copy of the strategy made there."""

    def __init__(self):
        super().__init__()
        self.seen, self.copy = [], None

    def before_training_iteration(self, strategy, **kwargs):
        self.seen.append([isinstance(vars(strategy).get(f"_{hook}"), Dispatch) for hook in ITERATION])
        if self.copy is None:
            self.copy = "being made"
            self.copy = copy.deepcopy(strategy)


def test_only_within_an_epoch():
    recorder = Recorder()
    strategy, stream = trained_with(recorder)
    strategy.train(stream.train[0])
    assert recorder.seen
    assert all(map(all, recorder.seen))
    assert not any(isinstance(value, Dispatch) for value in vars(strategy).values())
    copied, recorder.copy = recorder.copy, None
    assert vars(copied)["_before_forward"]._strategy is copied
    copied.train(stream.train[1])  # checks that it uses Avalanche's loop
    assert not any(isinstance(value, Dispatch) for value in vars(copied).values())
    assert pickle.loads(pickle.dumps(Dispatch("a strategy", "before_forward")))._hook == "before_forward"


def test_an_epoch_that_fails_ends_it_too():
    strategy, _ = trained_with()
    with pytest.raises(KeyboardInterrupt), dispatching(strategy):
        raise KeyboardInterrupt
    assert not any(isinstance(value, Dispatch) for value in vars(strategy).values())


def test_methods_of_the_strategy_itself_are_left():
    class Own(SupervisedTemplate):
        def _before_forward(self, **kwargs):
            pass

    strategy, _ = trained_with()
    mine = strategy._after_forward = lambda **kwargs: None
    strategy.__class__ = Own
    with dispatching(strategy):
        assert "_before_forward" not in vars(strategy)
        assert strategy._after_forward is mine
        assert isinstance(strategy._before_update, Dispatch)
    assert strategy._after_forward is mine
