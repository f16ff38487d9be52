"""Accelerate with the page's recipes trains as loops written by hand."""

import pytest
import torch
from helpers.recipes import (
    THREE,
    accumulated,
    by_hand,
    check,
    make_loader,
    make_model,
    make_optimizer,
    make_rule,
    plain_loss,
    run,
)

accelerate = pytest.importorskip("accelerate")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _new_state():
    accelerate.state.AcceleratorState._reset_state(True)
    yield
    accelerate.state.AcceleratorState._reset_state(True)
    accelerate.state.GradientState._reset_state()


def train(name, number=0, *, dtype=torch.float64, loader=None, scaler=None, **settings):
    model = make_model(dtype)
    accelerator = accelerate.Accelerator(cpu=True, **settings)
    accelerator.scaler = scaler
    run(
        "Accelerate",
        number,
        accelerator=accelerator,
        model=model,
        optimizer=make_optimizer(model.named_parameters()),
        rule=make_rule(name),
        loader=loader or make_loader(dtype),
    )
    return model


@pytest.mark.parametrize("name", THREE)
def test_prepared_parts(name):
    check(train(name), by_hand(name, make_loader()))


@pytest.mark.parametrize("name", THREE)
def test_mixed_precision(name):
    def loss_of(model, x, y):
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(x)
        return torch.nn.functional.cross_entropy(outputs.float(), y)

    model = train(name, dtype=torch.float32, mixed_precision="bf16")
    check(model, by_hand(name, make_loader(torch.float32), loss_of=loss_of), tolerance=1e-5)


@pytest.mark.parametrize("name", THREE)
def test_accumulation(name):
    model = train(name, 1, loader=make_loader(batch_size=4, batches=16), gradient_accumulation_steps=4)
    check(model, by_hand(name, make_loader(), loss_of=accumulated(4)))


@pytest.mark.parametrize("name", THREE)
def test_gradient_scalers(name):
    scaler = torch.amp.GradScaler("cpu")  # Accelerate makes one on accelerators only
    check(train(name, 2, scaler=scaler), by_hand(name, make_loader()))
    assert scaler.get_scale() == 2.0**16


def test_steps_without_a_closure_are_refused():
    model, accelerator = make_model(), accelerate.Accelerator(cpu=True)
    optimizer = accelerator.prepare(make_rule("sam").wrap(make_optimizer(model.parameters())))
    accelerator.backward(plain_loss(model, *next(iter(make_loader()))))
    with pytest.raises(ValueError, match="SAM evaluates the loss more than once") as refused:
        optimizer.step()
    assert "rule.gradient_passes(optimizer, model)" in str(refused.value)
