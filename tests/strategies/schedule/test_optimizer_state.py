"""What happens at the boundaries of experiences, against a training loop written out, value for value in float64."""

import copy

import pytest
import torch
from helpers.small_strategies import EXPERIENCES, make_strategy, parts_of, train
from helpers.training_loop import Tape, assert_same, train_by_hand
from torch.optim import LBFGS, SGD, Adagrad, Adam

from lifelong_lb.config import OPTIMIZER_ENTRIES, Train
from lifelong_lb.optim import (
    SAM,
    ClosureOptimizer,
    Diagnostics,
    Lookahead,
    LookbehindSAM,
    LookSAM,
    NoRule,
    RebuiltOptimizer,
)
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import ResetOptimizerState, SeparateSeeds, SharpnessAwarePlugin, boundary_plugins
from lifelong_lb.streams import training_chunks

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


@pytest.fixture(autouse=True)
def _float64():
    """For what heads grow by, too."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(usual)


RULES = {
    "sam": lambda: SAM(rho=0.1),
    "lookbehind-sam": lambda: LookbehindSAM(rho=0.1, k=2),
    "lookbehind-sam-switching": lambda: LookbehindSAM(rho=0.1, k=3, minibatch_switching=True),
    "lookahead": lambda: Lookahead(k=4, alpha=0.6),
    "looksam": lambda: LookSAM(rho=0.1, k=3),
}


def in_float64(strategy, scenario, head):
    parts = parts_of(strategy, scenario, head)
    parts.study = parts.study.model_copy(update={"train": Train(batch_size=64)})
    return parts, copy.deepcopy(parts.model)


def momentum(model):
    return SGD(model.parameters(), lr=0.1, momentum=0.9)


class TestRuleFromAnExperience:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize(("head", "first"), [("single", 2), ("growing", 1)])
    def test_plain_before_the_rule_after(self, head, rule, first):
        parts, other = in_float64({"name": "replay", "mem_size": 40}, "class-incremental", head)
        plugin, tape = SharpnessAwarePlugin(RULES[rule](), from_experience=first), Tape()
        train(make_strategy(parts, parts.model, momentum(parts.model), [SeparateSeeds(0), plugin, tape]), parts.stream)
        none, later = NoRule(), RULES[rule]()
        train_by_hand(other, parts.stream, tape.seen, momentum(other), lambda i: later if i >= first else none)
        assert_same(parts.model, other)
        plain = sum(minibatch.experience < first for minibatch in tape.seen)
        ruled = len(tape.seen) - plain
        assert plain >= 5
        assert ruled >= 5
        if rule == "looksam":  # its passes vary from step to step
            assert plain + ruled < plugin.gradient_evaluations < plain + 2 * ruled
        else:
            assert plugin.gradient_evaluations == plain + later.gradient_evaluations * ruled

    def test_in_an_online_stream_experiences_are_counted_and_not_chunks(self):
        parts, other = in_float64("naive", "class-incremental", "growing")
        entry = parts.study.streams[0].model_copy(update={"chunk": 50, "task_boundaries": True})
        plugin, tape = SharpnessAwarePlugin(SAM(rho=0.1), from_experience=1), Tape()
        strategy = make_strategy(parts, parts.model, momentum(parts.model), [SeparateSeeds(0), plugin, tape])
        for i in range(EXPERIENCES):
            seed_all(0, INITIALISATION, i + 1)
            strategy.train(training_chunks(parts.stream.train, i, entry, seed=0), eval_streams=[])
        assert len({minibatch.arrival for minibatch in tape.seen}) > 2 * EXPERIENCES
        none, sam = NoRule(), SAM(rho=0.1)
        train_by_hand(other, parts.stream, tape.seen, momentum(other), lambda i: sam if i else none)
        assert_same(parts.model, other)

    def test_diagnostics_go_on_through_both(self):
        parts = parts_of("naive", "class-incremental", "single")
        rule = SAM(rho=0.1)
        plugin = SharpnessAwarePlugin(rule, from_experience=1)
        rule.observer = diagnostics = Diagnostics(1)
        train(make_strategy(parts, parts.model, momentum(parts.model), [plugin]), parts.stream)
        passes = [{row["pass"] for row in diagnostics.rows if row["experience"] == i} for i in range(EXPERIENCES)]
        assert passes == [{0}, {0, 1}, {0, 1}]

    @pytest.mark.parametrize("value", [-1, 1.0, True, "1"])
    def test_the_experience_is_a_whole_number(self, value):
        with pytest.raises(ValueError, match="from_experience must be a whole number >= 0; got"):
            SharpnessAwarePlugin(SAM(), from_experience=value)


class TestStateOfTheBaseOptimizer:
    """Avalanche keeps it by default; both choices equal explicit loops."""

    OPTIMIZERS = {
        "momentum": momentum,
        "adam": lambda model: Adam(model.parameters(), lr=0.01),
    }

    @pytest.mark.parametrize("reset", [False, True])
    @pytest.mark.parametrize(
        ("strategy", "scenario", "head", "rule", "optimizer"),
        [
            ("naive", "class-incremental", "single", "sam", "momentum"),
            ("naive", "task-incremental", "multi", "sam", "adam"),
            ({"name": "replay", "mem_size": 40}, "class-incremental", "growing", "sam", "momentum"),
            ({"name": "replay", "mem_size": 40}, "class-incremental", "growing", "sam", "adam"),
            ("naive", "class-incremental", "growing", "lookahead", "momentum"),
            ("naive", "class-incremental", "single", "lookbehind-sam-switching", "adam"),
        ],
    )
    def test_kept_or_reset(self, strategy, scenario, head, rule, optimizer, reset):
        parts, other = in_float64(strategy, scenario, head)
        ours, tape = self.OPTIMIZERS[optimizer](parts.model), Tape()
        entry = OPTIMIZER_ENTRIES["sgd"](state="reset" if reset else "keep")
        plugins = [*boundary_plugins(entry, EXPERIENCES), SharpnessAwarePlugin(RULES[rule]()), tape]
        train(make_strategy(parts, parts.model, ours, [SeparateSeeds(0), *plugins]), parts.stream)
        theirs, by_hand = self.OPTIMIZERS[optimizer](other), RULES[rule]()

        def before(step, minibatch):
            if reset and minibatch.first:
                theirs.state.clear()

        train_by_hand(other, parts.stream, tape.seen, theirs, lambda i: by_hand, before=before)
        assert_same(parts.model, other)

    def test_it_makes_a_difference(self):
        weights = []
        for plugins in ([], [ResetOptimizerState()]):
            parts, _ = in_float64("naive", "class-incremental", "single")
            train(make_strategy(parts, parts.model, momentum(parts.model), plugins), parts.stream)
            weights.append(torch.cat([p.detach().flatten() for p in parts.model.parameters()]))
        assert not torch.allclose(*weights)

    @pytest.mark.parametrize("wrapped", [RebuiltOptimizer, ClosureOptimizer])
    def test_optimizers_that_are_built_anew(self, wrapped):
        """A reset optimizer is a new one: equal to training each experience with a separate optimizer."""
        build = {RebuiltOptimizer: lambda p: Adagrad(p, lr=0.1), ClosureOptimizer: lambda p: LBFGS(p, max_iter=3)}
        parts, other = in_float64("naive", "class-incremental", "single")
        tape = Tape()
        plugins = [SeparateSeeds(0), ResetOptimizerState(), SharpnessAwarePlugin(NoRule()), tape]
        train(
            make_strategy(parts, parts.model, wrapped(build[wrapped], parts.model.parameters()), plugins), parts.stream
        )
        for experience in range(EXPERIENCES):
            optimizer = build[wrapped](list(other.parameters()))
            for m in tape.seen:
                if m.experience == experience:

                    def closure(m=m, optimizer=optimizer):
                        optimizer.zero_grad()
                        loss = torch.nn.functional.cross_entropy(other(m.x), m.y)
                        loss.backward()
                        return loss

                    optimizer.step(closure)
        assert_same(parts.model, other)

    def test_in_an_online_stream_it_is_reset_with_the_experience_and_not_with_each_chunk(self):
        parts, other = in_float64("naive", "class-incremental", "single")
        entry = parts.study.streams[0].model_copy(update={"chunk": 50, "task_boundaries": True})
        tape, theirs, rule = Tape(), momentum(other), SAM(rho=0.1)
        plugins = [SeparateSeeds(0), ResetOptimizerState(), SharpnessAwarePlugin(SAM(rho=0.1)), tape]
        strategy = make_strategy(parts, parts.model, momentum(parts.model), plugins)
        for i in range(EXPERIENCES):
            strategy.train(training_chunks(parts.stream.train, i, entry, seed=0), eval_streams=[])

        def before(step, minibatch):
            if minibatch.first:
                theirs.state.clear()

        train_by_hand(other, parts.stream, tape.seen, theirs, lambda i: rule, before=before)
        assert_same(parts.model, other)
