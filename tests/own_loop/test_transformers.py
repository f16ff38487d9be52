"""The Trainer of Hugging Face with the page's recipe trains as loops written by hand."""

import os
from statistics import fmean

import pytest
import torch
from helpers.recipes import THREE, accumulated, by_hand, check, make_loader, make_model, make_optimizer, make_rule, run
from torch import nn
from torch.nn.functional import cross_entropy

from lifelong_lb.optim import Passes

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytestmark = pytest.mark.slow


class Model(nn.Module):
    """A model that computes its loss, as those of the library do."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.net = make_model(dtype)

    def forward(self, x, labels):
        logits = self.net(x)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(os.environ, "HF_HUB_DISABLE_TELEMETRY", "1")


def arguments(folder, **settings):
    return transformers.TrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        num_train_epochs=1,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        train_sampling_strategy="sequential",
        lr_scheduler_type="constant",
        **settings,
    )


def dataset(dtype=torch.float64):
    return [{"x": x, "labels": y} for x, y in make_loader(dtype).dataset]


def train(folder, name, *, passes=None, dtype=torch.float64, **settings):
    model = Model(dtype)
    names = run(
        "Hugging Face Trainer",
        model=model,
        arguments=arguments(folder, **settings),
        dataset=dataset(dtype),
        optimizer=make_optimizer(model.named_parameters()),
        rule=make_rule(name, passes),
    )
    return model.net, names["trainer"]


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize(("parts", "clip_norm"), [(1, None), (4, None), (4, 0.1)])
def test_training_steps(tmp_path, name, parts, clip_norm):
    model, trainer = train(
        tmp_path,
        name,
        passes=None if clip_norm is None else Passes(clip_norm=clip_norm),
        per_device_train_batch_size=16 // parts,
        gradient_accumulation_steps=parts,
    )
    expected = by_hand(name, make_loader(), loss_of=accumulated(parts), clip_norm=clip_norm)
    check(model, expected)
    assert trainer.state.global_step == 4
    assert trainer.state.log_history[-1]["train_loss"] == pytest.approx(fmean(expected.losses), abs=1e-4)


@pytest.mark.parametrize("name", THREE)
def test_mixed_precision(tmp_path, name):
    def loss_of(model, x, y):
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model(x), y)

    model, _ = train(tmp_path, name, dtype=torch.float32, bf16=True, per_device_train_batch_size=16)
    check(model, by_hand(name, make_loader(torch.float32), loss_of=loss_of), tolerance=1e-5)


@pytest.mark.parametrize("name", THREE)
def test_losses_of_a_subclass(tmp_path, monkeypatch, name):
    def smoothed(outputs, labels):
        return cross_entropy(outputs, labels, label_smoothing=0.2)

    class Smoothed(transformers.Trainer):
        def compute_loss(self, model, inputs, *arguments, **settings):
            return smoothed(model(**inputs)["logits"], inputs["labels"])

    monkeypatch.setattr("transformers.Trainer", Smoothed)
    model, _ = train(tmp_path, name, per_device_train_batch_size=16)
    check(model, by_hand(name, make_loader(), loss_of=lambda model, x, y: smoothed(model(x), y)))


def test_the_step_of_the_trainer_is_refused(tmp_path):
    model = Model()
    wrapped = make_rule("sam").wrap(make_optimizer(model.parameters()))
    trainer = transformers.Trainer(model, arguments(tmp_path), train_dataset=dataset(), optimizers=(wrapped, None))
    with pytest.raises(ValueError, match="SAM evaluates the loss more than once"):
        trainer.train()
