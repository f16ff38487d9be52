"""What the passes of a step share: running statistics, random numbers, and gradients that are not finite."""

import pytest
import torch
from helpers.global_hooks import global_hooks
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import (
    RULES,
    SAM,
    LookbehindSAM,
    MultistepSAM,
    NonFiniteGradientError,
    NoRule,
    Passes,
    recomputed_statistics,
)

MORE_THAN_ONE_PASS = [name for name in RULES if RULES[name]().gradient_evaluations > 1]


def statistics(model):
    return {name: value.clone() for name, value in model.named_buffers()}


def same_statistics(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def by_hand(inputs, momentum=0.1):
    """Running mean and variance after the layer has seen some inputs, one after the other."""
    mean, variance = torch.zeros_like(inputs[0][0]), torch.ones_like(inputs[0][0])
    for x in inputs:
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        variance = (1 - momentum) * variance + momentum * x.var(0)
    return mean, variance


@pytest.mark.parametrize("name", MORE_THAN_ONE_PASS)
def test_only_the_first_pass_updates_running_statistics(name):
    model = make_model()
    inputs = []
    model[1].register_forward_pre_hook(lambda module, args: inputs.append(args[0].detach().clone()))
    x, y = batches(1)[0]
    optimizer = SGD(model.parameters(), lr=0.1)
    RULES[name]().step(optimizer, closure_of(model, optimizer, x, y))
    assert len(inputs) > 1
    mean, variance = by_hand(inputs[:1])
    assert torch.allclose(model[1].running_mean, mean, rtol=0, atol=1e-15)
    assert torch.allclose(model[1].running_var, variance, rtol=0, atol=1e-15)
    assert model[1].num_batches_tracked == 1
    assert model[1].track_running_stats is True


@pytest.mark.parametrize("name", MORE_THAN_ONE_PASS)
def test_every_pass_updates_them_on_request(name):
    model = make_model()
    inputs = []
    model[1].register_forward_pre_hook(lambda module, args: inputs.append(args[0].detach().clone()))
    x, y = batches(1)[0]
    optimizer = SGD(model.parameters(), lr=0.1)
    RULES[name](passes=Passes(batch_norm="all")).step(optimizer, closure_of(model, optimizer, x, y))
    assert model[1].num_batches_tracked == len(inputs) > 1
    mean, variance = by_hand(inputs)
    assert torch.allclose(model[1].running_mean, mean, rtol=0, atol=1e-15)
    assert torch.allclose(model[1].running_var, variance, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", MORE_THAN_ONE_PASS)
def test_the_policy_leaves_training_as_it_is(name):
    models = {policy: make_model() for policy in ("first", "all", "recomputed")}
    for policy, model in models.items():
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
        train(RULES[name](passes=Passes(batch_norm=policy)), model, optimizer, batches(6))
    assert equal(weights(models["first"]), weights(models["all"]))
    assert equal(weights(models["first"]), weights(models["recomputed"]))
    assert same_statistics(statistics(models["first"]), statistics(models["recomputed"]))
    assert not same_statistics(statistics(models["first"]), statistics(models["all"]))


@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm_keeps_its_statistics_too(affine):
    norm = nn.InstanceNorm1d(3, affine=affine, track_running_stats=True)
    layers = nn.Sequential(nn.Conv1d(2, 3, 1), norm, nn.Flatten(), nn.Linear(12, 3)).double()
    x, y = torch.randn(5, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 3
    with torch.no_grad():
        once = layers[0](x)
    optimizer = SGD(layers.parameters(), lr=0.1)
    LookbehindSAM(rho=1.0, k=3).step(optimizer, closure_of(layers, optimizer, x, y))
    assert torch.allclose(norm.running_mean, 0.1 * once.mean((0, 2)), rtol=0, atol=1e-15)
    assert norm.momentum == 0.1


def test_layers_in_eval_mode_are_left_alone():
    model = make_model()
    model[1].eval()
    before = statistics(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    train(LookbehindSAM(rho=0.5, k=2), model, optimizer, batches(2))
    assert same_statistics(before, statistics(model))
    assert model[1].track_running_stats is True


def test_a_pass_that_raises_leaves_layers_as_they_were():
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    x, y = batches(1)[0]
    inner, calls = closure_of(model, optimizer, x, y), []

    def closure():
        calls.append(1)
        loss = inner()
        if len(calls) == 2:
            raise RuntimeError("no memory left")
        return loss

    with pytest.raises(RuntimeError, match="no memory left"):
        SAM(rho=0.1).step(optimizer, closure)
    assert model[1].track_running_stats is True
    assert global_hooks() == 0


def test_recomputed_statistics_are_the_mean_over_the_passes():
    model, data = make_model(), batches(4)
    train(NoRule(), model, SGD(model.parameters(), lr=0.1), data)
    with recomputed_statistics(model):
        for x, _ in data:
            model(x)
    hidden = [model[0](x).detach() for x, _ in data]
    mean = sum(h.mean(0) for h in hidden) / 4
    variance = sum(h.var(0) for h in hidden) / 4
    assert torch.allclose(model[1].running_mean, mean, rtol=0, atol=1e-14)
    assert torch.allclose(model[1].running_var, variance, rtol=0, atol=1e-14)
    assert model[1].momentum == 0.1


def dropout_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Tanh(), nn.Linear(64, 3)).double()


def masks_of(passes, rule=LookbehindSAM, steps=2, **settings):
    model, masks = dropout_model(), []
    model[1].register_forward_hook(lambda module, args, out: masks.append((out != 0).clone()))
    torch.manual_seed(5)
    train(rule(passes=passes, **settings), model, SGD(model.parameters(), lr=0.01), batches(steps))
    return masks, torch.get_rng_state()


def test_passes_share_dropout_masks():
    masks, state = masks_of(None, k=2)
    assert len(masks) == 6
    assert all(torch.equal(mask, masks[0]) for mask in masks[:3])
    assert all(torch.equal(mask, masks[3]) for mask in masks[3:])
    assert not torch.equal(masks[0], masks[3])
    plain, plain_state = masks_of(None, rule=NoRule)
    assert torch.equal(masks[0], plain[0])
    assert torch.equal(masks[3], plain[1])
    assert torch.equal(state, plain_state)  # a step uses up as many random numbers as without a rule


def test_passes_draw_their_own_masks_on_request():
    masks, _ = masks_of(Passes(dropout="fresh"), k=2)
    assert not any(torch.equal(a, b) for i, a in enumerate(masks) for b in masks[:i])


def test_with_shared_masks_reusing_a_gradient_is_exact():
    """The k + 1 passes of Lookbehind equal the 2k of its definition: each recomputed gradient draws the same masks."""
    from helpers.reference_rules import lookbehind_step

    ours, theirs, data = dropout_model(), dropout_model(), batches(5)
    optimizer, naive_optimizer = SGD(ours.parameters(), lr=0.1), SGD(theirs.parameters(), lr=0.1)
    for i, (x, y) in enumerate(data):
        torch.manual_seed(i)
        LookbehindSAM(rho=0.1, k=3).step(optimizer, closure_of(ours, optimizer, x, y))

        def loss_of(i=i, x=x, y=y):
            torch.manual_seed(i)
            return cross_entropy(theirs(x), y)

        lookbehind_step(list(theirs.parameters()), naive_optimizer, loss_of, rho=0.1, k=3, alpha=0.5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", RULES)
def test_a_gradient_that_is_not_finite_is_an_error_and_changes_no_weight(name):
    """Whichever of a step's passes meets it."""
    passes = int(RULES[name]().gradient_evaluations) if RULES[name]().gradient_evaluations >= 1 else 1
    for failing in range(passes):
        model = make_model()
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
        before, calls = weights(model), []
        inner = closure_of(model, optimizer, *batches(1)[0])

        def closure(failing=failing, calls=calls, inner=inner, model=model):
            loss = inner()
            if len(calls) == failing:
                model[3].bias.grad[1] = float("inf")
            calls.append(1)
            return loss

        with pytest.raises(NonFiniteGradientError, match=r"the gradient is not finite \(norm (inf|nan)\); the weights"):
            RULES[name]().step(optimizer, closure)
        assert equal(before, weights(model))
        assert all(torch.isfinite(v).all() for s in optimizer.state.values() for v in s.values() if v is not None)


def test_looking_for_such_gradients_may_be_left_to_others():
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = model(torch.full((2, 4), float("nan"), dtype=torch.float64)).sum()
        loss.backward()
        return loss

    SAM(rho=0.1, passes=Passes(non_finite="ignore")).step(optimizer, closure)
    assert not torch.isfinite(model[0].weight).all()


@pytest.mark.parametrize("name", RULES)
def test_a_closure_that_returns_no_loss_is_named(name):
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    inner = closure_of(model, optimizer, *batches(1)[0])
    before = weights(model)
    with pytest.raises(ValueError, match="the closure must return the loss; it returned None"):
        RULES[name]().step(optimizer, lambda: inner() and None)
    assert equal(before, weights(model))


@pytest.mark.parametrize("name", RULES)
def test_a_closure_that_leaves_no_gradient_is_named(name):
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    x, y = batches(1)[0]
    with pytest.raises(ValueError, match="must leave gradients: after it, none of the optimizer's 5 trainable param"):
        RULES[name]().step(optimizer, lambda: cross_entropy(model(x), y))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_norm": "none"}, "batch_norm must be 'first', 'all' or 'recomputed'; got 'none'"),
        ({"dropout": True}, "dropout must be 'same' or 'fresh'; got True"),
        ({"non_finite": "skip"}, "non_finite must be 'raise' or 'ignore'; got 'skip'"),
    ],
)
def test_options_that_are_not_known_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Passes(**settings)


def test_multistep_mean_with_ignored_gradients_still_divides():
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    train(MultistepSAM(rho=0.1, k=2, gradient="mean", passes=Passes(non_finite="ignore")), model, optimizer, batches(2))
    other = make_model()
    train(MultistepSAM(rho=0.1, k=2, gradient="mean"), other, SGD(other.parameters(), lr=0.1), batches(2))
    assert equal(weights(model), weights(other))
