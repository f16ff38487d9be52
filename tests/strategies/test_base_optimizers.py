"""Base optimizers against plain loops that are written out by hand: the weights after a few steps."""

from functools import partial

import pytest
import torch
from torch.nn import Parameter

from lifelong_lb.config import OPTIMIZER_ENTRIES, UserError
from lifelong_lb.optim import ASAM, GSAM, SAM, LookbehindSAM, NoRule, RebuiltOptimizer
from lifelong_lb.strategies import build_optimizer

STEPS = 6


def rmsprop(w, gradient, *, lr=1e-3, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    mean_square, mean, velocity = (torch.zeros_like(w) for _ in range(3))
    for step in range(STEPS):
        g = gradient(w, step) + weight_decay * w
        mean_square = alpha * mean_square + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        scale = (mean_square - mean**2 if centered else mean_square).sqrt() + eps
        velocity = momentum * velocity + g / scale
        w = w - lr * velocity
    return w


def adagrad(w, gradient, *, lr=0.01, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    total = torch.full_like(w, initial_accumulator_value)
    for step in range(STEPS):
        g = gradient(w, step) + weight_decay * w
        total = total + g**2
        w = w - lr / (1 + step * lr_decay) * g / (total.sqrt() + eps)
    return w


def nadam(w, gradient, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, **others):
    first, second, product = torch.zeros_like(w), torch.zeros_like(w), 1.0
    for step in range(STEPS):
        g = gradient(w, step)
        if others.get("decoupled_weight_decay"):
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step + 1, step + 2))
        product *= mu
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g**2
        ahead = following * first / (1 - product * following) + (1 - mu) * g / (1 - product)
        w = w - lr * ahead / ((second / (1 - beta2 ** (step + 1))).sqrt() + eps)
    return w


def lion(w, gradient, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    momentum = torch.zeros_like(w)
    for step in range(STEPS):
        g = gradient(w, step)
        w = w * (1 - lr * weight_decay) - lr * (beta1 * momentum + (1 - beta1) * g).sign()
        momentum = beta2 * momentum + (1 - beta2) * g
    return w


def schedule_free(w, gradient, *, base="adamw", lr=None, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, **more):
    """The averaged weights x of Defazio et al. 2024; gradients are taken at y, between x and the steps z."""
    rate = lr or (1.0 if base == "sgd" else 2.5e-3)
    x, z, second, total = w.clone(), w.clone(), torch.zeros_like(w), 0.0
    for step in range(STEPS):
        y = (1 - beta1) * z + beta1 * x
        g = gradient(y, step)
        if base == "adamw":
            second = beta2 * second + (1 - beta2) * g**2
            g = g / ((second / (1 - beta2 ** (step + 1))).sqrt() + eps)
        now = rate * min(1.0, (step + 1) / max(1, more.get("warmup_steps", 0)))
        z = z - now * (g + weight_decay * y)
        weight = (step + 1) ** more.get("r", 0.0) * now ** more.get("weight_lr_power", 2.0)
        total += weight
        x = x + weight / total * (z - x)
    return x


def adamw(w, gradient, *, lr=3e-4, beta1=0.9, beta2=0.95, eps=1e-10, weight_decay=0.0):
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(STEPS):
        g = gradient(w, step)
        first, second = beta1 * first + (1 - beta1) * g, beta2 * second + (1 - beta2) * g**2
        unbiased = first / (1 - beta1 ** (step + 1)), second / (1 - beta2 ** (step + 1))
        w = w * (1 - lr * weight_decay) - lr * unbiased[0] / (unbiased[1].sqrt() + eps)
    return w


def orthogonalised(matrix, steps):
    """Newton-Schulz iteration of Jordan et al. 2024, in float64 (theirs is in bfloat16)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm()
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x


def muon(w, gradient, *, lr=0.02, momentum=0.95, nesterov=True, weight_decay=0.0, ns_steps=5, adjust_lr="original"):
    velocity = torch.zeros_like(w)
    rows, columns = len(w), w[0].numel()
    ratio = max(1, rows / columns) ** 0.5 if adjust_lr == "original" else 0.2 * max(rows, columns) ** 0.5
    for step in range(STEPS):
        g = gradient(w, step)
        velocity = momentum * velocity + (1 - momentum) * g
        update = momentum * velocity + (1 - momentum) * g if nesterov else velocity
        w = w * (1 - lr * weight_decay) - lr * ratio * orthogonalised(update.flatten(1), ns_steps).view_as(w)
    return w


def gradient_of(w, step):
    """Of a loss with another curvature in each coordinate and step."""
    scales = torch.linspace(0.5, 2, w.numel(), dtype=w.dtype).view_as(w)
    return (1 + step) * scales * w - torch.cos((step + 1.0) * scales)


def start(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def trained(entry, named):
    """Weights to evaluate after the steps of our optimizer."""
    optimizer = build_optimizer(entry, named)
    for step in range(STEPS):
        for _, p in named:
            p.grad = gradient_of(p.detach(), step)
        optimizer.step()
    if isinstance(optimizer, RebuiltOptimizer):
        optimizer.load_evaluated()
    return optimizer


SETTINGS = [
    (rmsprop, {}),
    (rmsprop, {"lr": 0.02, "alpha": 0.8, "momentum": 0.7, "weight_decay": 0.1, "centered": True, "eps": 1e-3}),
    (adagrad, {}),
    (adagrad, {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    (nadam, {}),
    (nadam, {"lr": 0.1, "beta1": 0.7, "beta2": 0.8, "weight_decay": 0.1, "momentum_decay": 0.1, "eps": 1e-3}),
    (nadam, {"weight_decay": 0.2, "decoupled_weight_decay": True}),
    (lion, {}),
    (lion, {"lr": 0.05, "beta1": 0.6, "beta2": 0.8, "weight_decay": 0.1}),
    (schedule_free, {}),
    (schedule_free, {"lr": 0.1, "beta1": 0.7, "beta2": 0.8, "weight_decay": 0.1, "warmup_steps": 3, "eps": 1e-3}),
    (schedule_free, {"base": "sgd"}),
    (schedule_free, {"base": "sgd", "lr": 0.2, "weight_decay": 0.1, "warmup_steps": 4, "r": 1, "weight_lr_power": 1}),
]


@pytest.mark.parametrize(("by_hand", "settings"), SETTINGS)
def test_weights_of_a_plain_loop(by_hand, settings):
    entry = OPTIMIZER_ENTRIES[by_hand.__name__.replace("_", "-")](**settings)
    w = Parameter(start(5))
    trained(entry, [("w", w)])
    expected = by_hand(start(5), gradient_of, **settings)
    assert not torch.allclose(expected, start(5), atol=1e-5)
    torch.testing.assert_close(w.detach(), expected, rtol=0, atol=1e-9)


SHAPES = {
    "backbone.layers.0.weight": (4, 6),
    "backbone.layers.0.bias": (4,),
    "backbone.conv.weight": (8, 3, 1, 2),
    "backbone.norm.weight": (4,),
    "backbone.patch_embed.weight": (4, 6),
    "backbone.cls_token": (1, 1, 4),
    "head.weight": (3, 4),
}
HIDDEN = ("backbone.layers.0.weight", "backbone.conv.weight")
OF_MUON = {"momentum": 0.8, "nesterov": False, "weight_decay": 0.1, "ns_steps": 4, "adjust_lr": "match_rms_adamw"}


@pytest.mark.parametrize("settings", [{}, OF_MUON])
def test_hidden_matrices_by_muon_and_the_rest_by_adamw(settings):
    """The tolerance is that of bfloat16, in which torch iterates."""
    named = [(name, Parameter(start(*shape))) for name, shape in SHAPES.items()]
    adamw_settings = {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1} if settings else {}
    entry = OPTIMIZER_ENTRIES["muon"](**settings, **{f"adamw_{k}": v for k, v in adamw_settings.items()})
    trained(entry, named)
    for name, p in named:
        by_hand, given, tolerance = (muon, settings, 5e-3) if name in HIDDEN else (adamw, adamw_settings, 1e-12)
        expected = by_hand(start(*SHAPES[name]), gradient_of, **given)
        torch.testing.assert_close(p.detach(), expected, rtol=0, atol=tolerance, msg=lambda m, name=name: f"{name} {m}")
        assert (expected - start(*SHAPES[name])).abs().max() > 2 * tolerance


def test_muon_is_that_of_torch():
    ours, theirs = Parameter(start(4, 6)), Parameter(start(4, 6))
    trained(OPTIMIZER_ENTRIES["muon"](weight_decay=0.1), [("backbone.weight", ours)])
    optimizer = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1)
    for step in range(STEPS):
        theirs.grad = gradient_of(theirs.detach(), step)
        optimizer.step()
    assert torch.equal(ours, theirs)


def test_muon_in_a_channels_last_model():
    plain, other = (Parameter(start(4, 3, 2, 2)) for _ in range(2))
    other.data = other.data.to(memory_format=torch.channels_last)
    for p in (plain, other):
        trained(OPTIMIZER_ENTRIES["muon"](), [("backbone.weight", p)])
    assert other.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, other)
    assert not torch.equal(plain, start(4, 3, 2, 2))


def test_muon_needs_matrices_and_names():
    with pytest.raises(UserError, match="muon needs hidden matrices, which this model does not have; use adamw"):
        build_optimizer(OPTIMIZER_ENTRIES["muon"](), [("head.weight", Parameter(start(2, 2)))])
    with pytest.raises(ValueError, match=r"needs their names: pass model.named_parameters\(\)"):
        build_optimizer(OPTIMIZER_ENTRIES["muon"](), [Parameter(start(2, 2))])


RHO = 0.3


def at_the_ascent(w, step):
    """SAM's gradient, of the point at distance RHO along the gradient."""
    gradient = gradient_of(w, step)
    return gradient_of(w + RHO * gradient / gradient.norm(), step)


@pytest.mark.parametrize(("by_hand", "settings"), SETTINGS)
def test_weights_of_a_plain_loop_with_sam(by_hand, settings):
    w, rule = Parameter(start(5)), SAM(rho=RHO)
    optimizer = build_optimizer(OPTIMIZER_ENTRIES[by_hand.__name__.replace("_", "-")](**settings), [("w", w)])
    for step in range(STEPS):

        def closure(step=step):
            w.grad = gradient_of(w.detach(), step)
            return torch.tensor(0.0)

        rule.step(optimizer, closure)
    if isinstance(optimizer, RebuiltOptimizer):
        optimizer.load_evaluated()
    torch.testing.assert_close(w.detach(), by_hand(start(5), at_the_ascent, **settings), rtol=0, atol=1e-9)


RULES = {"none": NoRule, "asam": ASAM, "gsam": GSAM, "lookbehind-sam": partial(LookbehindSAM, k=2)}
RATES = {"rmsprop": 0.02, "adagrad": 0.1, "nadam": 0.02, "muon": 0.02, "lion": 0.02, "schedule-free": 0.02}
PAIRS = [(name, rule) for name in RATES for rule in RULES if (name, rule) != ("schedule-free", "lookbehind-sam")]


@pytest.mark.parametrize(("name", "rule"), PAIRS)
def test_they_learn_under_rules(name, rule):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"backbone": torch.nn.Linear(6, 6), "head": torch.nn.Linear(6, 2)})
    x, y = torch.randn(40, 6), torch.arange(40) % 2
    x[:, 0] += 4 * y
    entry = OPTIMIZER_ENTRIES[name](lr=RATES[name], **({"adamw_lr": 0.02} if name == "muon" else {}))
    optimizer, rule = build_optimizer(entry, model.named_parameters()), RULES[rule]()

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model["head"](model["backbone"](x).relu()), y)
        loss.backward()
        return loss

    losses = [rule.step(optimizer, closure).item() for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
