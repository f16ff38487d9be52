"""Which of an optimizer's evaluations are passes, and what they see."""

import pickle
from functools import partial

import pytest
import torch
from helpers.small_training import batches, closure_of, equal, make_model, weights
from torch import nn
from torch.optim import LBFGS, Optimizer

from lifelong_lb.optim import ClosureOptimizer, Passes

pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")  # L-BFGS does


class Scripted(Optimizer):
    """Applies the given changes to the parameters, evaluating in between."""

    def __init__(self, params, script):
        super().__init__(params, {})
        self.script, self.losses = script, []

    def step(self, closure):
        for act in self.script:
            act(self, closure)


def evaluate(optimizer, closure):
    optimizer.losses.append(float(closure()))


def move(optimizer, closure):
    with torch.no_grad():
        for p in optimizer.param_groups[0]["params"]:
            p.add_(0.1)


def move_back(optimizer, closure):
    with torch.no_grad():
        for p in optimizer.param_groups[0]["params"]:
            p.sub_(0.1)


def clear(optimizer, closure):
    optimizer.zero_grad()


def halve_gradients(optimizer, closure):
    for p in optimizer.param_groups[0]["params"]:
        p.grad.mul_(0.5)


def draw(optimizer, closure):
    optimizer.losses.append(torch.rand(()).item())


def one_step(script, model=None, passes=None):
    """An ordinary pass and a step; what the optimizer saw, and how many further passes were taken."""
    model = model or make_model()
    optimizer = ClosureOptimizer(partial(Scripted, script=script), model.parameters())
    x, y = batches(1)[0]
    calls = []
    evaluation = closure_of(model, optimizer, x, y)

    def closure():
        calls.append(None)
        return evaluation()

    optimizer.before_first_pass(passes)
    first = evaluation()
    optimizer.after_first_pass(closure, first)
    optimizer.step()
    return optimizer.base.losses, first.item(), len(calls)


@pytest.mark.parametrize(
    ("script", "passes"),
    [
        ([evaluate], 0),
        ([evaluate, evaluate], 1),  # only the first evaluation is there already
        ([move, evaluate], 1),
        ([clear, evaluate], 1),
        ([halve_gradients, evaluate], 1),
        ([evaluate, move, evaluate, clear, evaluate], 2),
        ([move, evaluate, move_back, evaluate], 2),
        ([], 0),
    ],
)
def test_the_first_pass_stands_only_for_an_evaluation_that_finds_it_untouched(script, passes):
    losses, first, taken = one_step(script)
    assert taken == passes
    if script[0:1] == [evaluate]:
        assert losses[0] == first
    if move in script:
        assert losses[-1] != first or move_back in script


def test_passes_share_masks_and_the_optimizer_draws_numbers_of_its_own():
    def with_dropout():
        return nn.Sequential(make_model(), nn.Dropout(0.5))

    script = [evaluate, evaluate, draw, evaluate, draw]
    losses, first, _ = one_step(script, with_dropout())
    assert losses[0] == losses[1] == losses[3] == first
    assert losses[2] != losses[4]
    losses, first, _ = one_step(script, with_dropout(), Passes(dropout="fresh"))
    assert losses[1] != first
    assert losses[3] != losses[1]


@pytest.mark.parametrize(("batch_norm", "seen"), [("first", 1), ("all", 3)])
def test_running_statistics(batch_norm, seen):
    model = make_model()
    one_step([evaluate, evaluate, move, evaluate, move_back], model, Passes(batch_norm=batch_norm))
    assert model[1].num_batches_tracked == seen


def test_a_pass_that_raises_leaves_the_weights():
    def fail(optimizer, closure):
        raise RuntimeError("no memory left")

    model = make_model()
    before = weights(model)
    with pytest.raises(RuntimeError, match="no memory left"):
        one_step([move, evaluate, fail], model)
    assert equal(before, weights(model))


def test_a_step_without_a_pass_to_repeat():
    optimizer = ClosureOptimizer(LBFGS, make_model().parameters())
    with pytest.raises(ValueError, match=r"LBFGS evaluates the loss itself: call step\(closure\), or after_first_pass"):
        optimizer.step()
    one_step([evaluate])


def test_a_loop_that_has_a_closure_uses_it():
    ours, plain = make_model(), make_model()
    wrapped, bare = ClosureOptimizer(LBFGS, ours.parameters()), LBFGS(plain.parameters())
    for x, y in batches(3):
        wrapped.step(closure_of(ours, wrapped, x, y))
        bare.step(closure_of(plain, bare, x, y))
    assert equal(weights(ours), weights(plain))


def test_history_survives_pickling():
    model = make_model()
    optimizer = ClosureOptimizer(partial(LBFGS, max_iter=3), model.parameters(), restart=True)
    data = batches(4)
    for x, y in data[:2]:
        optimizer.step(closure_of(model, optimizer, x, y))
    pair = pickle.loads(pickle.dumps((model, optimizer)))
    for x, y in data[2:]:
        optimizer.step(closure_of(model, optimizer, x, y))
        pair[1].step(closure_of(*pair, x, y))
    assert equal(weights(model), weights(pair[0]))


def test_hand_worked_lbfgs_step():
    """One iteration moves by min(1, 1 / ||g||_1) lr along -g: w = 3, g = 4 gives 3 - 4 / 4."""
    w = nn.Parameter(torch.tensor([3.0]))
    optimizer = ClosureOptimizer(partial(LBFGS, max_iter=1), [w])
    optimizer.before_first_pass()
    w.grad = torch.tensor([4.0])
    optimizer.after_first_pass(lambda: pytest.fail("the gradient is there"), torch.tensor(1.0))
    assert optimizer.step().item() == 1.0
    assert w.item() == 2.0
