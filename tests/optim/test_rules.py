"""Limits, hand-worked trajectories, cost, and parameters of every kind."""

from inspect import signature

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import (
    ASAM,
    GAM,
    GSAM,
    RULES,
    SAM,
    CFlat,
    CFlatPlus,
    FriendlySAM,
    Lookahead,
    LookbehindASAM,
    LookbehindSAM,
    MultistepSAM,
    NoRule,
)
from lifelong_lb.optim.rules.interpolation import adaptive_alpha


def quadratic(w, curvature):
    """Closure of f(w) = sum of curvature * w^2 / 2, and the optimizer it belongs to."""

    def make(optimizer):
        def closure():
            optimizer.zero_grad()
            loss = (curvature * w**2 / 2).sum()
            loss.backward()
            return loss

        return closure

    return make


def parameter(*values):
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def classifier(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def trained(rule, model, optimizer, steps=10):
    generator = torch.Generator().manual_seed(3)
    for _ in range(steps):
        x = torch.randn(6, 4, generator=generator, dtype=torch.float64)
        y = torch.randint(0, 3, (6,), generator=generator)

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure)
    return [p.detach().clone() for p in model.parameters()]


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_sam_by_hand():
    # f = (w1^2 + 3 w2^2) / 2 at (3, -4/3): g = (3, -4), |g| = 5, e = 0.5 g/5 = (0.3, -0.4),
    # g at w + e = (3.3, 3 * (-4/3 - 0.4)) = (3.3, -5.2), w <- w - 0.1 * that = (2.67, -4/3 + 0.52)
    w = parameter(3.0, -4 / 3)
    optimizer = SGD([w], lr=0.1)
    closure = quadratic(w, torch.tensor([1.0, 3.0], dtype=torch.float64))(optimizer)
    loss = SAM(rho=0.5).step(optimizer, closure)
    assert loss.item() == pytest.approx((9 + 3 * 16 / 9) / 2)
    assert w.tolist() == pytest.approx([2.67, -4 / 3 + 0.52], abs=1e-14)


def test_asam_by_hand():
    # f = w^2 / 2 at (1, 2) with eta = 1: g = (1, 2), T = (2, 3), Tg = (2, 6), |Tg| = sqrt(40),
    # e = r T^2 g / |Tg| = r (4, 18) / sqrt(40); with r = sqrt(40) / 10, e = (0.4, 1.8)
    w = parameter(1.0, 2.0)
    optimizer = SGD([w], lr=0.1)
    ASAM(rho=40**0.5 / 10, eta=1.0).step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.tolist() == pytest.approx([1 - 0.14, 2 - 0.38], abs=1e-14)


def test_lookbehind_by_hand():
    # f = w^2 / 2 from w = 1, rho = 0.5, lr = 0.1, momentum 0.5: p = 1.5, 2, 2.5; v = 1.5, 2.75, 3.875;
    # fast = 0.85, 0.575, 0.1875; back by alpha = 0.8: 1 + 0.8 (0.1875 - 1) = 0.35
    w = parameter(1.0)
    optimizer = SGD([w], lr=0.1, momentum=0.5)
    LookbehindSAM(rho=0.5, k=3, alpha=0.8).step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.item() == pytest.approx(0.35, abs=1e-14)


@pytest.mark.parametrize(("gradient", "expected"), [("last", 1 - 0.1 * 2.5), ("mean", 1 - 0.1 * 2.0)])
def test_multistep_by_hand(gradient, expected):
    # f = w^2 / 2 from w = 1, rho = 0.5: p = 1.5, 2, 2.5, and so are the gradients there
    w = parameter(1.0)
    optimizer = SGD([w], lr=0.1)
    MultistepSAM(rho=0.5, k=3, gradient=gradient).step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("rule", [GSAM(rho=0.1, alpha=0), CFlat(rho=0.1, lamb=0)])
def test_without_their_correction_gsam_and_c_flat_are_sam(rule):
    assert rule.gradient_evaluations == 2
    models = [classifier(), classifier()]
    optimizers = [SGD(m.parameters(), lr=0.1, momentum=0.9) for m in models]
    ours = trained(rule, models[0], optimizers[0])
    assert equal(ours, trained(SAM(rho=0.1), models[1], optimizers[1]))


def test_gsam_by_hand():
    # f = (w1^2 + 3 w2^2) / 2 at (3, -4/3), rho = 0.5: g = (3, -4), g_p = (3.3, -5.2) as for SAM;
    # v = g - (g.g_p / |g_p|^2) g_p = (3, -4) - (30.7 / 37.93) (3.3, -5.2)
    w = parameter(3.0, -4 / 3)
    optimizer = SGD([w], lr=0.1)
    closure = quadratic(w, torch.tensor([1.0, 3.0], dtype=torch.float64))(optimizer)
    GSAM(rho=0.5, alpha=0.5).step(optimizer, closure)
    share = 30.7 / 37.93
    orthogonal = (3 - share * 3.3, -4 + share * 5.2)
    expected = [3 - 0.1 * (3.3 - 0.5 * orthogonal[0]), -4 / 3 - 0.1 * (-5.2 - 0.5 * orthogonal[1])]
    assert w.tolist() == pytest.approx(expected, abs=1e-14)


def test_c_flat_by_hand():
    # f = w^2 / 2 from w = 1, rho = 0.5: g_0 = 1, g_1 = 1.5, u = 1 + 0.5 = 1.5 = g_2, g_3 = 2; 1.5 + 0.2 (2 - 1.5) = 1.6
    w = parameter(1.0)
    optimizer = SGD([w], lr=0.1)
    CFlat(rho=0.5, lamb=0.2).step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.item() == pytest.approx(1 - 0.16, abs=1e-14)


@pytest.mark.parametrize("gradient", ["last", "mean"])
def test_one_ascent_step_is_sam(gradient):
    models = [classifier(), classifier()]
    optimizers = [SGD(m.parameters(), lr=0.1, momentum=0.9) for m in models]
    ours = trained(MultistepSAM(rho=0.1, k=1, gradient=gradient), models[0], optimizers[0])
    assert equal(ours, trained(SAM(rho=0.1), models[1], optimizers[1]))


def test_adaptive_alpha_by_hand():
    east, north, west = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 5.0]), torch.tensor([-1e-30, 0.0])
    assert adaptive_alpha(east, east).item() == 1
    assert adaptive_alpha(east, north).item() == 0.5
    assert adaptive_alpha(east.double(), west.double()).item() == 0
    assert adaptive_alpha(east, torch.zeros(2)).item() == 0.5
    assert adaptive_alpha(1e-30 * east, 1e-35 * east).item() == 1  # float32 squares of these are zero


@pytest.mark.parametrize("alpha", [1.0, "adaptive", "adaptive-global"])
def test_one_lookbehind_step_with_alpha_one_is_sam(alpha):
    models = [classifier(), classifier()]
    optimizers = [SGD(m.parameters(), lr=0.1, momentum=0.9) for m in models]
    ours = trained(LookbehindSAM(rho=0.1, k=1, alpha=alpha), models[0], optimizers[0])
    assert equal(ours, trained(SAM(rho=0.1), models[1], optimizers[1]))


def test_rho_zero_is_scaled_sgd():
    models = [classifier(), classifier()]
    ours = trained(LookbehindSAM(rho=0, k=3, alpha=0.5), models[0], SGD(models[0].parameters(), lr=0.1))
    plain = trained(NoRule(), models[1], SGD(models[1].parameters(), lr=0.1 * 3 * 0.5))
    for a, b in zip(ours, plain, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("rule", [SAM(rho=0), ASAM(rho=0), LookbehindSAM(rho=0, k=1, alpha=1.0)])
def test_rho_zero_with_one_step_is_the_base_optimizer(rule):
    models = [classifier(), classifier()]
    ours = trained(rule, models[0], SGD(models[0].parameters(), lr=0.1, momentum=0.9))
    assert equal(ours, trained(NoRule(), models[1], SGD(models[1].parameters(), lr=0.1, momentum=0.9)))


@pytest.mark.parametrize("name", [name for name in RULES if name != "c-flat-plus"])  # there it depends on the data
@pytest.mark.parametrize("settings", [{}, {"k": 1}, {"k": 2, "alpha": 0.8}])
def test_gradient_evaluations_are_the_closure_calls(name, settings):
    settings = {k: v for k, v in settings.items() if k in signature(RULES[name]).parameters}
    rule = RULES[name](**settings)
    w = parameter(1.0, 2.0)
    optimizer = SGD([w], lr=0.1)
    closure = quadratic(w, 1.0)(optimizer)
    calls = 0

    def counted():
        nonlocal calls
        calls += 1
        return closure()

    for _ in range(10):
        rule.step(optimizer, counted)
    one_ascent = dict.fromkeys(("sam", "asam", "lookahead-sam", "lookahead-asam", "gsam", "friendly-sam"), 2)
    k = settings.get("k", 5)
    expected = {"none": 1, "lookahead": 1, **one_ascent, "gam": 4, "c-flat": 4, "looksam": (k + 1) / k}.get(
        name, settings.get("k", 5) + 1
    )
    assert rule.gradient_evaluations == expected
    assert calls == 10 * expected


@pytest.mark.parametrize("name", RULES)
def test_frozen_and_unused_parameters_stay_and_groups_keep_their_rates(name):
    w, frozen, unused, slow = parameter(1.0), parameter(5.0), parameter(7.0), parameter(1.0)
    frozen.requires_grad_(False)
    optimizer = SGD([{"params": [w, frozen, unused], "lr": 0.1}, {"params": [slow], "lr": 0.01}], weight_decay=0.1)

    def closure():
        optimizer.zero_grad()
        loss = ((w * frozen.detach()) ** 2 / 50 + slow**2 / 2).sum()
        loss.backward()
        return loss

    RULES[name]().step(optimizer, closure)
    assert frozen.item() == 5
    assert unused.item() == 7
    assert 0 < 1 - slow.item() < 0.3 * (1 - w.item())


@pytest.mark.parametrize("name", RULES)
def test_tied_parameters_move_once(name):
    torch.manual_seed(0)
    tied, twin = nn.Linear(3, 3, bias=False).double(), nn.Linear(3, 3, bias=False).double()
    twin.weight = tied.weight
    model = nn.Sequential(tied, nn.Tanh(), twin)
    optimizer = SGD(model.parameters(), lr=0.1)
    x = torch.ones(2, 3, dtype=torch.float64)

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    before = closure().item()
    RULES[name](**({"rho": 0.05} if "rho" in signature(RULES[name]).parameters else {})).step(optimizer, closure)
    assert tied.weight is twin.weight
    assert closure().item() < before


@pytest.mark.parametrize("name", RULES)
def test_zero_gradient_leaves_finite_weights(name):
    w = parameter(0.0, 0.0)
    optimizer = SGD([w], lr=0.1)
    RULES[name]().step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("sam", 1),
        ("looksam", 1),
        ("asam", 1),
        ("gsam", 1),
        ("friendly-sam", 1),
        ("gam", 1),
        ("gam", 2),
        ("gam", 3),
        ("c-flat", 1),
        ("c-flat", 2),
        ("c-flat", 3),
        ("multistep-sam", 2),
        *((f"lookbehind-{kind}", i) for kind in ("sam", "asam") for i in (1, 2)),
    ],
)
def test_a_pass_that_raises_leaves_the_weights(name, failing):
    w = parameter(1.0, -2.0)
    optimizer = SGD([w], lr=0.1)
    closure = quadratic(w, 1.0)(optimizer)
    calls = 0

    def broken():
        nonlocal calls
        calls += 1
        if calls > failing:
            raise RuntimeError("out of memory")
        return closure()

    rule = RULES[name](**({"k": 2} if name.startswith("lookbehind") else {}))
    with pytest.raises(RuntimeError, match="out of memory"):
        rule.step(optimizer, broken)
    assert w.tolist() == [1, -2]


def test_asam_scales_by_name_only_where_names_are_known():
    def stepped(named):
        layer = nn.Linear(1, 1).double()
        nn.init.constant_(layer.weight, 2.0)
        nn.init.constant_(layer.bias, 3.0)
        optimizer = SGD(layer.named_parameters() if named else layer.parameters(), lr=1.0)

        def closure():
            optimizer.zero_grad()
            loss = (layer.weight**2 / 2 + layer.bias**2 / 2).sum()
            loss.backward()
            return loss

        ASAM(rho=1.0, eta=0.5).step(optimizer, closure)
        return layer.weight.item(), layer.bias.item()

    # g = (2, 3); T = (2.5, 1) by name, (2.5, 3.5) without; w <- w - (w + e) = -e
    norm = (5**2 + 3**2) ** 0.5
    assert stepped(named=True) == pytest.approx((-12.5 / norm, -3 / norm))
    norm = (5**2 + 10.5**2) ** 0.5
    assert stepped(named=False) == pytest.approx((-12.5 / norm, -36.75 / norm))


def test_an_optimizer_that_changes_gradients_in_place_does_not_spoil_the_ascent():
    class Clipping(SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad.clamp_(-0.1, 0.1)
            return super().step(closure)

    w = parameter(1.0)
    optimizer = Clipping([w], lr=1.0)
    LookbehindSAM(rho=0.5, k=3, alpha=1.0).step(optimizer, quadratic(w, 1.0)(optimizer))
    assert w.item() == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SAM(rho=-0.1), r"rho must be a finite number >= 0; got -0\.1"),
        (lambda: SAM(rho=float("nan")), "rho must be a finite number >= 0; got nan"),
        (lambda: SAM(rho=True), "rho must be a finite number >= 0; got True"),
        (lambda: ASAM(eta=0), "eta must be a finite number > 0; got 0"),
        (lambda: LookbehindSAM(k=0), "k must be a whole number >= 1; got 0"),
        (lambda: LookbehindSAM(k=2.0), r"k must be a whole number >= 1; got 2\.0"),
        (lambda: LookbehindSAM(alpha=0), r"alpha must be a number in \(0, 1\], 'adaptive' or 'adaptive-global'; got 0"),
        (lambda: LookbehindASAM(alpha=1.5), r"alpha must be a number in \(0, 1\], 'adaptive' or .* got 1\.5"),
        (lambda: GSAM(alpha=-1), "alpha must be a finite number >= 0; got -1"),
        (lambda: CFlat(lamb=float("inf")), "lamb must be a finite number >= 0; got inf"),
        (lambda: FriendlySAM(rho=-1), "rho must be a finite number >= 0; got -1"),
        (lambda: FriendlySAM(sigma=float("nan")), "sigma must be a finite number >= 0; got nan"),
        (lambda: FriendlySAM(decay=1), r"decay must be a number in \[0, 1\); got 1"),
        (lambda: FriendlySAM(decay=-0.1), r"decay must be a number in \[0, 1\); got -0\.1"),
        (lambda: FriendlySAM(average="old"), "average must be 'updated' or 'previous'; got 'old'"),
        (lambda: GAM(rho=-1), "rho must be a finite number >= 0; got -1"),
        (lambda: GAM(rho_prime=True), "rho_prime must be a finite number >= 0; got True"),
        (lambda: GAM(alpha=1.1), r"alpha must be a number in \[0, 1\]; got 1\.1"),
        (lambda: GAM(beta=-0.1), r"beta must be a number in \[0, 1\]; got -0\.1"),
        (lambda: GAM(gamma="0.1"), "gamma must be a finite number >= 0; got '0.1'"),
        (lambda: CFlatPlus(lamb=-1), "lamb must be a finite number >= 0; got -1"),
        (lambda: CFlatPlus(level=-1), "level must be a finite number >= 0; got -1"),
        (lambda: CFlatPlus(steepness=float("inf")), "steepness must be a finite number >= 0; got inf"),
        (lambda: CFlatPlus(midpoint=-1), "midpoint must be a finite number >= 0; got -1"),
        (lambda: CFlatPlus(rate=True), r"rate must be a number in \[0, 1\]; got True"),
        (lambda: Lookahead(alpha=1.5), r"alpha must be a number in \(0, 1\]; got 1\.5"),
        (lambda: Lookahead(alpha="adaptive"), r"alpha must be a number in \(0, 1\]; got 'adaptive'"),
        (lambda: MultistepSAM(gradient="first"), "gradient must be 'last' or 'mean'; got 'first'"),
        (lambda: LookbehindASAM(alpha="adaptve"), "alpha must be a number .* got 'adaptve'"),
    ],
)
def test_hyper_parameters_outside_their_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_hyper_parameters_are_keywords():
    with pytest.raises(TypeError):
        SAM(0.05)


OTHER_VALUES = {"k": 3, "minibatch_switching": True, "gradient": "mean", "average": "previous"}


@pytest.mark.parametrize("name", RULES)
def test_hyper_parameters_are_attributes(name):
    """Of the values that the rule was built with, other than its defaults."""
    settings = {
        key: OTHER_VALUES.get(key, 0.75) for key, value in signature(RULES[name]).parameters.items() if key != "passes"
    }
    assert settings or name == "none"
    rule = RULES[name](**settings)
    assert {key: getattr(rule, key) for key in settings} == settings


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        (name, attribute)
        for name, factory in RULES.items()
        for attribute in ("rho", "rho_prime", "eta")
        if attribute in signature(factory).parameters
    ],
)
def test_a_radius_may_be_set_between_steps(name, attribute):
    changed, built = classifier(), classifier()
    rule, expected = RULES[name](), RULES[name](**{attribute: 0.3})
    setattr(rule, attribute, 0.3)
    trained(rule, changed, SGD(changed.parameters(), lr=0.1))
    trained(expected, built, SGD(built.parameters(), lr=0.1))
    for p, q in zip(changed.parameters(), built.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("name", ["sam", "lookbehind-asam", "gsam", "c-flat"])
def test_a_radius_below_zero_is_refused_when_it_is_set(name):
    with pytest.raises(ValueError, match=r"rho must be a finite number >= 0; got -1"):
        RULES[name]().rho = -1
