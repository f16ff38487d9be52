"""Lightning with the page's recipes trains as loops written by hand."""

from statistics import fmean

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

from lifelong_lb.optim import Passes

lightning = pytest.importorskip("lightning")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
]
SILENT = {"accelerator": "cpu", "logger": False, "max_epochs": 1, "log_every_n_steps": 1}
SILENT |= {f"enable_{part}": False for part in ("checkpointing", "progress_bar", "model_summary")}


def fit(name, *blocks, dtype=torch.float64, passes=None, **settings):
    model, rule = make_model(dtype), make_rule(name, passes)
    names = {"model": model, "rule": rule, "loader": make_loader(dtype)}
    trainers = [lightning.Trainer(**SILENT, **settings) for _ in blocks]
    for number, trainer in zip(blocks, trainers, strict=True):
        last = number == blocks[-1]
        names |= run("Lightning", number, **names | {"trainer": trainer if last else Untrained()})
    return model, trainers[-1]


class Untrained:
    """A trainer that does not train: a block of the page defines a class that the next one extends."""

    def fit(self, *arguments):
        pass


def check_logged(trainer, expected):
    assert trainer.global_step == 4
    assert trainer.callback_metrics["train_loss_step"].item() == pytest.approx(expected.losses[-1])
    assert trainer.callback_metrics["train_loss_epoch"].item() == pytest.approx(fmean(expected.losses))


@pytest.mark.parametrize("name", THREE)
def test_automatic_optimization(name):
    model, trainer = fit(name, 0)
    expected = by_hand(name, make_loader())
    check(model, expected)
    check_logged(trainer, expected)


@pytest.mark.parametrize("name", THREE)
def test_mixed_precision(name):
    def loss_of(model, x, y):
        with torch.autocast("cpu", torch.bfloat16):
            return plain_loss(model, x, y)

    model, _ = fit(name, 0, dtype=torch.float32, precision="bf16-mixed")
    check(model, by_hand(name, make_loader(torch.float32), loss_of=loss_of), tolerance=1e-5)


@pytest.mark.parametrize("name", THREE)
def test_clipping(name):
    expected = by_hand(name, make_loader(), clip_norm=0.1)
    check(fit(name, 0, gradient_clip_val=0.1)[0], expected)
    check(fit(name, 0, passes=Passes(clip_norm=0.1))[0], expected)


@pytest.mark.parametrize("name", THREE)
def test_accumulation(name):
    model, trainer = fit(name, 0, 1)
    expected = by_hand(name, make_loader(), loss_of=accumulated(4))
    check(model, expected)
    check_logged(trainer, expected)


def test_accumulated_batches_are_refused():
    with pytest.raises(ValueError, match="there were gradients before the step") as refused:
        fit("sam", 0, accumulate_grad_batches=2)
    assert "rule.gradient_passes(optimizer, model)" in str(refused.value)


def test_gradient_scalers_are_refused():
    precision = lightning.pytorch.plugins.MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))
    with pytest.raises(ValueError, match=r"GradScaler.step\(\) cannot unscale the gradients of all passes of SAM"):
        fit("sam", 0, dtype=torch.float32, plugins=precision)


def test_manual_steps_need_a_closure():
    class Manual(lightning.LightningModule):
        automatic_optimization = False

        def __init__(self):
            super().__init__()
            self.model = make_model()

        def training_step(self, batch, index):
            self.manual_backward(plain_loss(self.model, *batch))
            self.optimizers().step()

        def configure_optimizers(self):
            return make_rule("sam").wrap(make_optimizer(self.parameters()))

    with pytest.raises(ValueError, match=r"use `for p in rule.gradient_passes\(optimizer, model\)`"):
        lightning.Trainer(**SILENT).fit(Manual(), make_loader())
