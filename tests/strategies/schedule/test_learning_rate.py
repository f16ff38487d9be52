"""Learning rate schedules: torch's own values, and trajectories of a training loop written out, in float64."""

import copy
from types import SimpleNamespace

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import LRSchedulerPlugin
from helpers.observer_plugin import ObserverPlugin
from helpers.small_strategies import EXPERIENCES, make_strategy, parts_of, train
from helpers.training_loop import Tape, assert_same, train_by_hand
from torch.optim import LBFGS, SGD, Adagrad, lr_scheduler

from lifelong_lb.config import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES, Constant, Cosine, MultiStep, Step
from lifelong_lb.optim import GAM, SAM, CFlat, ClosureOptimizer, Lookahead, LookbehindSAM, NoRule, RebuiltOptimizer
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    SCHEDULES,
    Moment,
    ResetOptimizerState,
    ScheduledLearningRate,
    SeparateSeeds,
    SharpnessAwarePlugin,
    boundary_plugins,
)
from lifelong_lb.strategies.schedule.learning_rate import rate_factor
from lifelong_lb.streams import training_chunks

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")
LR = 0.1


@pytest.fixture(autouse=True)
def _float64():
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(usual)


def test_names_are_the_same():
    assert list(SCHEDULES) == list(SCHEDULE_ENTRIES)
    assert all(kind.model_fields["name"].default == name for name, kind in SCHEDULE_ENTRIES.items())


STEPS = 12
TORCHS = {
    "step": (Step(every=4, factor=0.3), lambda o: lr_scheduler.StepLR(o, 4, gamma=0.3)),
    "multistep": (MultiStep(milestones=(2, 5, 6)), lambda o: lr_scheduler.MultiStepLR(o, [2, 5, 6], gamma=0.1)),
    "cosine": (Cosine(minimum=0.2), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.2 * LR)),
    "warmup": (Constant(warmup=4), lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 5, total_iters=4)),
    "warm step": (
        Step(every=3, factor=0.5, warmup=4),
        lambda o: lr_scheduler.ChainedScheduler([
            lr_scheduler.StepLR(o, 3, 0.5),
            lr_scheduler.LinearLR(o, 1 / 5, 1, 4),
        ]),
    ),
}


@pytest.mark.parametrize("case", TORCHS)
def test_the_values_are_torchs(case):
    entry, scheduler_of = TORCHS[case]
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, rates = scheduler_of(optimizer), []
    for n in range(STEPS):
        assert LR * rate_factor(entry, Moment(0, n, n / STEPS)) == pytest.approx(optimizer.param_groups[0]["lr"], 1e-12)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert len(set(rates)) > 2


def test_a_factor_by_experience():
    entry = MultiStep(milestones=(3,), factor=0.5, experience_factor=0.1)
    rates = [rate_factor(entry, Moment(i, n, 0)) for i in (0, 1, 2) for n in (0, 3)]
    assert rates == pytest.approx([1, 0.5, 0.1, 0.05, 0.01, 0.005])
    entry = Constant(experience_factor=(1, 0.5, 2))
    assert [rate_factor(entry, Moment(i, 7, 0)) for i in (0, 1, 2)] == [1, 0.5, 2]


class Rates(SupervisedPlugin):
    """Notes the rate at each base step: (experience, rates of the base steps of a minibatch)."""

    def __init__(self, optimizer):
        super().__init__()
        self.noted, self._steps = [], []
        optimizer.register_step_pre_hook(lambda o, *_: self._steps.append(o.param_groups[0]["lr"]))

    def after_training_iteration(self, strategy, **kwargs):
        self.noted.append(tuple(self._steps))
        self._steps.clear()


EPOCHS, MINIBATCH = 3, 64


def run(entry, rule, *, strategy="naive", scenario="class-incremental", head="single", optimizer_of=None, chunk=None):
    """Train with a schedule; the tape, the rates, the model and one like it that is still to be trained."""
    parts = parts_of(strategy, scenario, head)
    model, other = parts.model, copy.deepcopy(parts.model)
    optimizer = SGD(model.parameters(), lr=LR, momentum=0.9) if optimizer_of is None else optimizer_of(model)
    tape, rates = Tape(), Rates(optimizer)
    schedule = boundary_plugins(OPTIMIZER_ENTRIES["sgd"](schedule=entry), EXPERIENCES)
    plugins = [SeparateSeeds(0), *schedule, SharpnessAwarePlugin(rule), tape, rates]
    trained = make_strategy(parts, model, optimizer, plugins)
    trained.train_epochs, trained.train_mb_size = EPOCHS, MINIBATCH
    stream = parts.study.streams[0].model_copy(update={"chunk": chunk, "task_boundaries": chunk is not None})
    for i in range(EXPERIENCES):
        seed_all(0, INITIALISATION, i + 1)
        trained.train(training_chunks(parts.stream.train, i, stream, seed=0), eval_streams=[])
    return tape.seen, rates.noted, model, other, parts.stream


def counted(seen, by, over):
    """How many epochs or iterations lie behind each minibatch, in its experience or the stream, and of how many."""
    spans = {}
    for n, m in enumerate(seen):
        unit = (m.arrival, m.epoch) if by == "epoch" else n
        spans.setdefault(m.experience if over == "experience" else None, {}).setdefault(unit, []).append(n)
    places = {n: (i, len(units)) for units in spans.values() for i, ns in enumerate(units.values()) for n in ns}
    return [places[n] for n in range(len(seen))]


SCHEDULED = {
    "step": Step(every=2, factor=0.5),
    "step by iteration": Step(every=7, factor=0.8, by="iteration", over="stream"),
    "multistep": MultiStep(milestones=(1, 2), factor=0.5, experience_factor=0.5),
    "multistep over the stream": MultiStep(milestones=(2, 7), factor=0.5, over="stream"),
    "cosine": Cosine(minimum=0.1, warmup=1),
    "cosine by iteration": Cosine(by="iteration", warmup=5),
    "a factor an experience": Constant(experience_factor=(0.5, 1, 0.25)),
    "cosine over the stream": Cosine(over="stream", experience_factor=0.8),
    "warm-up": Constant(warmup=10, by="iteration"),
}


def expected(entry, m, behind, there_are):
    """A rate, from its definition."""
    rate = LR * entry.factor_of(m.experience) * min(1, (behind + 1) / (entry.warmup + 1))
    if isinstance(entry, Step):
        rate *= entry.factor ** (behind // entry.every)
    if isinstance(entry, MultiStep):
        rate *= entry.factor ** sum(milestone <= behind for milestone in entry.milestones)
    if isinstance(entry, Cosine):
        angle = torch.tensor(torch.pi * behind / there_are)
        rate *= entry.minimum + (1 - entry.minimum) * (1 + float(torch.cos(angle))) / 2
    return rate


RULES = {
    "none": NoRule,
    "sam": lambda: SAM(rho=0.1),
    "lookbehind-sam": lambda: LookbehindSAM(rho=0.1, k=2),
    "lookbehind-sam-switching": lambda: LookbehindSAM(rho=0.1, k=3, minibatch_switching=True),
    "lookahead": lambda: Lookahead(k=4, alpha=0.6),
}


def test_later_experiences_may_have_milestones_of_their_own():
    entry = MultiStep(milestones=((2, 5), (1,)), factor=0.5)
    rates = [[rate_factor(entry, Moment(experience, count, share=0)) for count in range(6)] for experience in range(3)]
    assert rates == [[1, 1, 0.5, 0.5, 0.5, 0.25], [1, *[0.5] * 5], [1, *[0.5] * 5]]


@pytest.mark.parametrize(
    ("schedule", "rule", "head"),
    [
        *((schedule, "lookbehind-sam", "single") for schedule in SCHEDULED),
        *(("cosine by iteration", rule, "growing") for rule in RULES),
        ("multistep", "lookahead", "growing"),
    ],
)
def test_trajectories(schedule, rule, head):
    """The loop written out sets its rate by hand; the k base steps of a rule over one minibatch have one rate."""
    entry = SCHEDULED[schedule]
    seen, rates, model, other, stream = run(entry, RULES[rule](), head=head)
    theirs, by_hand = SGD(other.parameters(), lr=LR, momentum=0.9), RULES[rule]()
    places, set_by_hand = counted(seen, entry.by, entry.over), []

    def before(step, minibatch):
        theirs.param_groups[0]["lr"] = expected(entry, minibatch, *places[step])
        set_by_hand.append(theirs.param_groups[0]["lr"])

    train_by_hand(other, stream, seen, theirs, lambda i: by_hand, before=before)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=0, atol=1e-12)
    assert [set(each) for each in rates] == [{each[0]} for each in rates]
    assert {len(each) for each in rates} == {2 if rule == "lookbehind-sam" else 1}
    assert [each[0] for each in rates] == pytest.approx(set_by_hand, rel=1e-12)
    assert len(set(set_by_hand)) > 1


def test_torchs_scheduler_gives_the_same_trajectory():
    """Over the whole stream, where nothing restarts: MultiStepLR stepped by hand after each epoch, value for value."""
    entry = MultiStep(milestones=(2, 5), factor=0.5, over="stream")
    seen, _, model, other, stream = run(entry, SAM(rho=0.1))
    theirs, sam = SGD(other.parameters(), lr=LR, momentum=0.9), SAM(rho=0.1)
    scheduler = lr_scheduler.MultiStepLR(theirs, [2, 5], gamma=0.5)

    def before(step, minibatch):
        if step and seen[step - 1].last:
            scheduler.step()

    train_by_hand(other, stream, seen, theirs, lambda i: sam, before=before)
    assert_same(model, other)


@pytest.mark.parametrize(
    ("scheduler_of", "first", "second"),
    [
        (lambda o: lr_scheduler.LinearLR(o, start_factor=0.5, total_iters=2), [0.5, 0.75, 1], [1, 1.5, 2]),
        (
            lambda o: lr_scheduler.SequentialLR(
                o,
                [lr_scheduler.LinearLR(o, 0.5, total_iters=1), lr_scheduler.StepLR(o, 1, gamma=0.5)],
                milestones=[1],
            ),
            [0.5, 1, 0.5],
            [1, 1, 0.5],
        ),
    ],
)
def test_why_avalanches_plugin_is_not_used(scheduler_of, first, second):
    """It sets the rate back to the initial one and the counter to zero, which is no restart of a warm-up."""
    parts = parts_of("naive", "class-incremental", "single")
    optimizer = SGD(parts.model.parameters(), lr=1.0)
    rates = []

    class Look(ObserverPlugin):
        def before_training_epoch(self, strategy, **kwargs):
            rates.append(strategy.optimizer.param_groups[0]["lr"])

    strategy = make_strategy(parts, parts.model, optimizer, [LRSchedulerPlugin(scheduler_of(optimizer)), Look()])
    strategy.train_epochs, strategy.train_mb_size = EPOCHS, 1000
    strategy.train(parts.stream.train[:2], eval_streams=[])
    assert rates == pytest.approx([*first, *second])


@pytest.mark.parametrize("strategy", ["cumulative", {"name": "replay", "mem_size": 300}, "ewc", "gdumb"])
def test_a_cosine_ends_with_the_experience_whatever_a_strategy_adds_to_it(strategy):
    seen, rates, *_ = run(Cosine(by="iteration"), NoRule(), strategy=strategy)
    for i in range(EXPERIENCES):
        own = [each[0] for each, m in zip(rates, seen, strict=True) if m.experience == i]
        cosine = 1 + torch.cos(torch.pi * torch.arange(len(own)) / len(own))
        assert own == pytest.approx((LR * cosine / 2).tolist(), rel=1e-9)


@pytest.mark.parametrize("over", ["experience", "stream"])
def test_in_an_online_stream_chunks_do_not_begin_anything(over):
    seen, rates, *_ = run(Step(every=5, factor=0.5, by="iteration", over=over), SAM(rho=0.1), chunk=50)
    assert len({m.arrival for m in seen}) > 2 * EXPERIENCES
    behind = [place for place, _ in counted(seen, "iteration", over)]
    assert [each[0] for each in rates] == pytest.approx([LR * 0.5 ** (n // 5) for n in behind], rel=1e-12)


def test_a_cosine_over_an_online_experience():
    seen, rates, *_ = run(Cosine(by="iteration"), SAM(rho=0.1), chunk=MINIBATCH)
    for i in range(EXPERIENCES):
        own = [each[0] for each, m in zip(rates, seen, strict=True) if m.experience == i]
        cosine = 1 + torch.cos(torch.pi * torch.arange(len(own)) / len(own))
        assert own == pytest.approx((LR * cosine / 2).tolist(), rel=1e-9)


OTHERS = {
    "rebuilt": lambda m: RebuiltOptimizer(lambda p: Adagrad(p, lr=LR), m.parameters()),
    "closure": lambda m: ClosureOptimizer(lambda p: LBFGS(p, lr=LR, max_iter=2), m.parameters(), restart=True),
}


@pytest.mark.parametrize("optimizer", OTHERS)
@pytest.mark.parametrize("reset", [False, True])
def test_optimizers_that_are_built_anew_keep_their_initial_rate(optimizer, reset):
    """Where heads grow, and where their state is reset."""
    parts = parts_of("naive", "class-incremental", "growing")
    ours = OTHERS[optimizer](parts.model)
    seen = []

    class Look(ObserverPlugin):
        def before_update(self, strategy, **kwargs):
            seen.append((strategy.clock.train_exp_counter, strategy.optimizer.base.param_groups[0]["lr"]))

    schedule = ScheduledLearningRate(lambda moment: 0.5**moment.experience)
    plugins = [schedule, *([ResetOptimizerState()] if reset else []), SharpnessAwarePlugin(NoRule()), Look()]
    train(make_strategy(parts, parts.model, ours, plugins), parts.stream)
    assert set(seen) == {(0, LR), (1, LR / 2), (2, LR / 4)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"by": "step"}, "by must be 'epoch' or 'iteration'; got 'step'"),
        ({"over": "task"}, "over must be 'experience' or 'stream'; got 'task'"),
        ({"over": "stream"}, "over='stream' needs experiences, their number; got None"),
    ],
)
def test_words_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        ScheduledLearningRate(lambda moment: 1.0, **settings)


@pytest.mark.parametrize(
    ("rule", "radii"),
    [(SAM(rho=0.1), {"rho": 0.1}), (CFlat(rho=0.2), {"rho": 0.2}), (GAM(), {"rho": 0.2, "rho_prime": 0.02})],
)
def test_all_radii_of_a_rule_follow(rule, radii):
    weight = torch.nn.Parameter(torch.ones(1))
    strategy = SimpleNamespace(
        optimizer=SGD([weight], lr=LR), experience=None, clock=SimpleNamespace(train_exp_counter=0)
    )
    factors = iter([1.0, 0.5, 0.25])
    plugin = ScheduledLearningRate(lambda moment: next(factors), spent_share=lambda: 0.0, follower=rule)
    for factor in (1.0, 0.5, 0.25):
        plugin.before_training_iteration(strategy)
        assert strategy.optimizer.param_groups[0]["lr"] == LR * factor
        assert {name: getattr(rule, name) for name in radii} == {name: rho * factor for name, rho in radii.items()}


class Wrapped(NoRule):
    """A rule of one's own without an attribute for its radius."""

    def __init__(self, rho=0.1):
        super().__init__()
        self.inner = SAM(rho=rho)


def test_a_rule_without_its_radius_as_an_attribute_does_not_follow_silently():
    with pytest.raises(AttributeError, match="'Wrapped' object has no attribute 'rho'"):
        ScheduledLearningRate(lambda moment: 1.0, follower=Wrapped())
