"""Steps within the training loops that people have, against the same steps written by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import SGD

from lifelong_lb.optim import SAM, Lookahead, LookbehindSAM, NoRule, Passes

RHO, LR = 0.3, 0.5


def ascend(params, gradient):
    g = gradient()
    norm = torch.sqrt(sum(t.square().sum() for t in g))
    with torch.no_grad():
        for p, t in zip(params, g, strict=True):
            p.add_(t, alpha=RHO / float(norm))


def put(params, values):
    with torch.no_grad():
        for p, value in zip(params, values, strict=True):
            p.copy_(value)


def copies(params):
    return [p.detach().clone() for p in params]


def sam_by_hand(params, gradient, clipped=lambda g: g):
    w = copies(params)
    ascend(params, gradient)
    g = clipped(gradient())
    put(params, [a - LR * b for a, b in zip(w, g, strict=True)])


def lookbehind_by_hand(params, gradient, clipped=lambda g: g):
    w = copies(params)
    fast = copies(params)
    for _ in range(2):
        ascend(params, gradient)
        fast = [a - LR * b for a, b in zip(fast, clipped(gradient()), strict=True)]
    put(params, [a + 0.5 * (b - a) for a, b in zip(w, fast, strict=True)])


BOTH = pytest.mark.parametrize(
    ("make", "by_hand"),
    [
        pytest.param(lambda **k: SAM(rho=RHO, **k), sam_by_hand, id="sam"),
        pytest.param(lambda **k: LookbehindSAM(rho=RHO, k=2, alpha=0.5, **k), lookbehind_by_hand, id="lookbehind"),
    ],
)


DYNAMO_WARNS = pytest.mark.filterwarnings("ignore::UserWarning")  # of what it cannot trace


def mlp(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)


def data(steps, dtype=torch.float64, size=6):
    draw = torch.Generator().manual_seed(1)
    return [
        (torch.randn(size, 4, generator=draw).to(dtype), torch.randint(0, 3, (size,), generator=draw))
        for _ in range(steps)
    ]


def gradient_of(model, *minibatches):
    """Function that computes the summed gradient of minibatches at the current weights."""

    def gradient():
        loss = sum(cross_entropy(model(x), y) for x, y in minibatches)
        return torch.autograd.grad(loss, list(model.parameters()))

    return gradient


def apart(model, twin):
    return max(float((p - q).detach().abs().max()) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def pair(dtype=torch.float64):
    model, twin = mlp(dtype), mlp(dtype)
    return model, twin, SGD(model.parameters(), lr=LR)


@BOTH
@pytest.mark.parametrize("zeroed", [True, False])
def test_a_closure_that_does_not_zero_gradients(make, by_hand, zeroed):
    model, twin, optimizer = pair()
    wrapped = make().wrap(optimizer)
    for x, y in data(3):

        def closure(x=x, y=y):
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        wrapped.step(closure)
        if zeroed:
            optimizer.zero_grad()
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14


@BOTH
def test_gradients_from_before_the_step_are_not_added_and_not_dropped(make, by_hand):
    model, twin, optimizer = pair()
    (x, y), other = data(2)

    def closure():
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    def zeroing_closure():
        optimizer.zero_grad()
        return closure()

    rule = make()
    cross_entropy(model(other[0]), other[1]).backward()
    with pytest.raises(ValueError, match=r"gradients before the step, and the closure did not remove them: for a step"):
        rule.step(optimizer, closure)
    with pytest.raises(ValueError, match=r"gradients before the step, and the closure did not .* rule.gradient_passes"):
        rule.wrap(optimizer).step(lambda: None)  # the step of Lightning's manual optimization
    assert apart(model, twin) == 0
    optimizer.zero_grad()
    cross_entropy(model(other[0]), other[1]).backward()

    def passes():
        for p in rule.gradient_passes(optimizer):
            with p:
                p.backward(cross_entropy(model(x), y))

    with pytest.raises(ValueError, match="gradients before the step, and pass 0 would add to them"):
        passes()
    rule.step(optimizer, zeroing_closure)
    by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14


@pytest.mark.parametrize("rule", [NoRule(), Lookahead(k=1, alpha=1.0)])
def test_one_pass_adds_to_earlier_gradients_as_the_base_optimizer_does(rule):
    model, twin, optimizer = pair()
    first, (x, y) = data(2)
    cross_entropy(model(first[0]), first[1]).backward()

    def closure():
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    rule.step(optimizer, closure)
    g = gradient_of(twin, first, (x, y))()
    put(list(twin.parameters()), [p - LR * t for p, t in zip(twin.parameters(), g, strict=True)])
    assert apart(model, twin) < 1e-14


def test_a_step_is_skipped_if_a_closure_has_no_loss():
    model, twin, optimizer = pair()
    assert SAM().wrap(optimizer).step(lambda: None) is None
    assert apart(model, twin) == 0


@BOTH
def test_micro_batches(make, by_hand):
    model, twin, optimizer = pair()
    rule, seen = make(), []
    for two in (data(4)[:2], data(4)[2:]):
        for p in rule.gradient_passes(optimizer, model):
            seen.append((p.index, p.first))
            with p:
                for x, y in two:
                    p.backward(cross_entropy(model(x), y))
        by_hand(list(twin.parameters()), gradient_of(twin, *two))
    assert apart(model, twin) < 1e-14
    assert seen[: len(seen) // 2] == [(i, i == 0) for i in range(len(seen) // 2)]
    assert len(seen) == 2 * rule.gradient_evaluations


@BOTH
@pytest.mark.parametrize("loop", ["passes", "closure"])
def test_a_gradient_scaler(make, by_hand, loop):
    model, twin, optimizer = pair()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=3)
    rule = make()
    wrapped = rule.wrap(optimizer, model, scaler=scaler)
    for x, y in data(3):

        def closure(x=x, y=y):
            loss = cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            return loss

        if loop == "closure":
            wrapped.step(closure)
        else:
            for p in rule.gradient_passes(optimizer, model, scaler=scaler):
                with p:
                    p.backward(cross_entropy(model(x), y))
        scaler.update()
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14
    assert scaler.get_scale() == 2.0**13


@BOTH
@pytest.mark.parametrize("failing", [0, 1])
def test_a_scaled_gradient_that_overflows_skips_the_step(make, by_hand, failing):
    model, twin, optimizer = pair()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    x, y = data(1)[0]
    passes = make().gradient_passes(optimizer, model, scaler=scaler)
    for p in passes:
        with p:
            p.backward(cross_entropy(model(x), y) * (float("inf") if p.index == failing else 1))
    assert passes.skipped
    assert p.index == failing
    scaler.update()
    assert scaler.get_scale() == 2.0**11
    assert apart(model, twin) == 0


def test_a_scaler_that_was_not_updated_is_refused():
    model, _, optimizer = pair()
    scaler, x, y = torch.amp.GradScaler("cpu"), *data(1)[0]
    rule = SAM()

    def step():
        for p in rule.gradient_passes(optimizer, model, scaler=scaler):
            with p:
                p.backward(cross_entropy(model(x), y))

    step()
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step\(\)"):
        step()


@BOTH
def test_a_step_called_by_a_gradient_scaler_is_refused(make, by_hand):
    model, twin, optimizer = pair()
    scaler, x, y = torch.amp.GradScaler("cpu"), *data(1)[0]
    wrapped = make().wrap(optimizer)

    def closure():
        wrapped.zero_grad()
        loss = cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        return loss

    closure()
    with pytest.raises(ValueError, match=r"GradScaler.step\(\) cannot unscale .* rule.wrap\(optimizer, model, scaler="):
        scaler.step(wrapped, closure)
    assert apart(model, twin) == 0


@BOTH
@pytest.mark.parametrize("loop", ["passes", "closure"])
def test_autocast_around_the_step(make, by_hand, loop):
    model, twin, optimizer = pair(torch.float32)
    rule = make()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for x, y in data(3, torch.float32):

            def closure(x=x, y=y):
                loss = cross_entropy(model(x), y)
                loss.backward()
                return loss

            if loop == "closure":
                rule.step(optimizer, closure)
            else:
                for p in rule.gradient_passes(optimizer):
                    with p:
                        p.backward(cross_entropy(model(x), y))
        after = model(x)
    for x, y in data(3, torch.float32):

        def gradient(x=x, y=y):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = cross_entropy(twin(x), y)
            return torch.autograd.grad(loss, list(twin.parameters()))

        by_hand(list(twin.parameters()), gradient)
    assert apart(model, twin) < 1e-6
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(after, model(x))


@BOTH
def test_cached_parametrizations_around_the_step(make, by_hand):
    def normed():
        model = mlp()
        nn.utils.parametrizations.weight_norm(model[0])
        return model

    model, twin = normed(), normed()
    optimizer, rule = SGD(model.parameters(), lr=LR), make()
    for x, y in data(3):

        def closure(x=x, y=y):
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        with nn.utils.parametrize.cached():
            rule.step(optimizer, closure)
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14


@BOTH
@DYNAMO_WARNS
@pytest.mark.slow
@pytest.mark.parametrize("loop", ["passes", "closure"])
def test_a_compiled_function_around_the_step(make, by_hand, loop):
    torch.compiler.reset()
    model, twin, optimizer = pair()
    rule = make()

    def train_step(x, y):
        if loop == "passes":
            for p in rule.gradient_passes(optimizer):
                with p:
                    p.backward(cross_entropy(model(x), y))
            return

        def closure():
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure)

    compiled = torch.compile(train_step, backend="eager")
    for x, y in data(3):
        compiled(x, y)
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14


@BOTH
@DYNAMO_WARNS
@pytest.mark.parametrize("given", [True, False])
def test_a_compiled_model_updates_its_statistics_once(make, by_hand, given):
    torch.compiler.reset()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).double()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled, optimizer = torch.compile(model, backend=backend), SGD(model.parameters(), lr=LR)
    rule = make()
    for x, y in data(2):

        def closure(x=x, y=y):
            loss = cross_entropy(compiled(x), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure, compiled if given else None)
    assert model[1].num_batches_tracked == 2
    assert graphs


@BOTH
def test_an_alias_of_a_parameter(make, by_hand):
    model, twin, optimizer = pair()
    weight, rule = model[0].weight.detach(), make()
    x, y = data(1)[0]

    def gradient():
        loss = cross_entropy(twin(x), y) + twin[0].weight.square().sum()
        return torch.autograd.grad(loss, list(twin.parameters()))

    def closure():
        loss = cross_entropy(model(x), y)
        loss.backward()
        model[0].weight.grad += 2 * weight
        return loss

    for _ in range(3):
        rule.step(optimizer, closure)
        by_hand(list(twin.parameters()), gradient)
    assert apart(model, twin) < 1e-14


@BOTH
def test_clipping_of_every_base_step(make, by_hand):
    model, twin, optimizer = pair()
    rule = make(passes=Passes(clip_norm=0.1))

    def clipped(g):
        norm = torch.sqrt(sum(t.square().sum() for t in g))
        return [t * min(1.0, 0.1 / float(norm)) for t in g]

    for x, y in data(3):
        for p in rule.gradient_passes(optimizer, model):
            with p:
                p.backward(cross_entropy(model(x), y))
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)), clipped)
    assert apart(model, twin) < 1e-6  # torch adds 1e-6 to the norm


@pytest.mark.parametrize("clip_norm", [0, -1.0, float("inf"), float("nan"), "1"])
def test_clipping_needs_a_positive_norm(clip_norm):
    with pytest.raises(ValueError, match="clip_norm must be a finite number > 0"):
        Passes(clip_norm=clip_norm)


@BOTH
def test_another_optimizer_gets_the_gradients_of_the_first_pass(make, by_hand):
    model, twin = mlp(), mlp()
    optimizer, other = SGD(model[0].parameters(), lr=LR), SGD(model[2].parameters(), lr=LR)
    x, y = data(1)[0]

    def closure():
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    make().step(optimizer, closure, model)
    other.step()

    g = gradient_of(twin, (x, y))()[2:]
    by_hand(list(twin[0].parameters()), lambda: gradient_of(twin, (x, y))()[:2])
    put(list(twin[2].parameters()), [p - LR * t for p, t in zip(twin[2].parameters(), g, strict=True)])
    assert apart(model, twin) < 1e-14


@BOTH
@pytest.mark.parametrize("end", ["break", "exception"])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("index", [0, 1])
def test_leaving_the_loop_restores_the_weights(make, by_hand, end, inside, index):
    model, twin, optimizer = pair()
    (x, y), rule = data(1)[0], make()

    def loop():
        for p in rule.gradient_passes(optimizer, model):
            if p.index == index and not inside:
                if end == "break":
                    break
                raise KeyError(index)
            with p:
                p.backward(cross_entropy(model(x), y))
                if p.index == index:
                    if end == "break":
                        break
                    raise KeyError(index)

    passes = pytest.raises(KeyError) if end == "exception" else torch.enable_grad()
    with passes:
        loop()
    assert apart(model, twin) == 0
    rule.step(optimizer, lambda: _backward(cross_entropy(model(x), y)))
    by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(model, twin) < 1e-14


def _backward(loss):
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda p, loss: None, "pass 0 was not taken: evaluate the loss within `with p:`"),
        (lambda p, loss: p.backward(loss()), r"backward\(\) of pass 0 must be called within `with p:`"),
        (lambda p, loss: _enter(p), "the first pass must leave gradients: after it, none of the optimizer's 4"),
        (lambda p, loss: _enter(p, 2), "pass 0 was entered before"),
    ],
)
def test_a_loop_that_takes_no_pass(body, message):
    model, twin, optimizer = pair()
    x, y = data(1)[0]

    def loop():
        for p in SAM().gradient_passes(optimizer):
            body(p, lambda: cross_entropy(model(x), y))

    with pytest.raises(ValueError, match=message):
        loop()
    assert apart(model, twin) == 0


def _enter(p, times=1):
    for _ in range(times):
        with p:
            pass


@pytest.mark.parametrize("alpha", ["adaptive", "adaptive-global"])
@pytest.mark.parametrize("switching", [True, False])
@pytest.mark.parametrize("kind", ["empty", "complex", "all empty"])
def test_adaptive_factors_of_any_parameter(alpha, switching, kind):
    extra = nn.Parameter(torch.zeros(0) if "empty" in kind else torch.tensor([1 + 2j, 0.5]))
    w = nn.Parameter(torch.zeros(0) if kind == "all empty" else torch.tensor([3.0, 4.0]))
    optimizer = SGD([w, extra], lr=0.1)
    rule = LookbehindSAM(rho=0.1, k=2, alpha=alpha, minibatch_switching=switching)
    for _ in range(2):
        rule.step(optimizer, lambda: _backward(w.square().sum() + extra.abs().square().sum()))
    assert torch.isfinite(torch.view_as_real(extra) if kind == "complex" else w).all()
    if kind != "all empty":
        assert 0 < w[0] < 3.0
    if kind == "complex":
        assert 0 < extra[0].abs() < abs(1 + 2j)


@pytest.mark.parametrize("switching", [True, False])
def test_a_factor_that_cannot_be_computed_leaves_the_weights(switching, monkeypatch):
    model, twin, optimizer = pair()
    x, y = data(1)[0]
    rule = LookbehindSAM(rho=RHO, k=2, alpha="adaptive", minibatch_switching=switching)

    def fail(*_):
        raise RuntimeError("no memory left")

    def steps():
        for _ in range(2 if switching else 1):
            rule.step(optimizer, lambda: _backward(cross_entropy(model(x), y)))

    with monkeypatch.context() as patch:
        patch.setattr("lifelong_lb.optim.rules.interpolation.adaptive_alpha", fail)
        with pytest.raises(RuntimeError, match="no memory left"):
            steps()
    assert apart(model, twin) == 0
    steps()
    assert apart(model, twin) > 0


def test_the_old_form_of_a_rule_is_refused():
    with pytest.raises(TypeError, match=r"Old.further_passes must be a generator: write `yield` where the gradient"):

        class Old(SAM):
            def further_passes(self, minibatch):
                return super().further_passes(minibatch)


def test_rules_do_not_wrap_each_other():
    model, _, optimizer = pair()
    wrapped = SAM().wrap(optimizer)
    with pytest.raises(ValueError, match="LookbehindSAM needs the base optimizer; got SAM over SGD"):
        LookbehindSAM().step(wrapped, lambda: _backward(mse_loss(model(data(1)[0][0]), torch.zeros(6, 3))))


@BOTH
def test_a_copied_model_steps_alike(make, by_hand):
    model, twin, optimizer = pair()
    x, y = data(1)[0]
    make().step(optimizer, lambda: _backward(cross_entropy(model(x), y)))
    again, other = copy.deepcopy((model, optimizer))
    make().step(other, lambda: _backward(cross_entropy(again(x), y)))
    for _ in range(2):
        by_hand(list(twin.parameters()), gradient_of(twin, (x, y)))
    assert apart(again, twin) < 1e-14
