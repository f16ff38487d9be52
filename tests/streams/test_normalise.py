"""The key ``normalise`` of streams."""

import pytest
import torch

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.config.entries.models import MLP
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.models import build_model
from lifelong_lb.streams import build_stream
from lifelong_lb.studies.run.execute import load_stream
from lifelong_lb.studies.run.state import RunState


def entry(**settings):
    return parse_study({"streams": {"name": "split-digits", **settings}}).streams[0]


def digits(**settings):
    return build_stream(entry(**settings), load_images(find_dataset("digits")), 0)


@pytest.mark.parametrize(
    ("settings", "mean", "std"),
    [
        ({}, (0.3052,), (0.3760,)),
        ({"normalise": "dataset"}, (0.3052,), (0.3760,)),
        ({"normalise": "none"}, (0.0,), (1.0,)),
        ({"normalise": [[0.5], [0.25]]}, (0.5,), (0.25,)),
    ],
)
@pytest.mark.parametrize("name", ["split-digits", "permuted-digits"])
def test_models_receive_normalised_pixels(name, settings, mean, std):
    stream = digits(name=name, **settings)
    assert (stream.shape.mean, stream.shape.std) == (mean, std)
    x = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    model = build_model(MLP(head="multi"), stream.shape)
    torch.testing.assert_close(model.normalise(x), (x / 255 - mean[0]) / std[0])


def test_the_default_keeps_the_ids_of_runs():
    ids = [
        expand(parse_study({"streams": {"name": "split-digits", **s}}))[0].config.run_id
        for s in ({}, {"normalise": "dataset"}, {"normalise": "none"})
    ]
    assert ids[0] == ids[1] == "e34662df7c09"
    assert ids[2] != ids[0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("imagenet", "normalise: must be 'dataset' or 'none'; got 'imagenet'"),
        ([[0.5]], r"normalise\[1\]: needs a value; got none"),
        ([[0.5], [0]], r"normalise\[1\]\[0\]: must be a number in \(0, 1\]; got 0"),
        ([[125.0], [60]], r"normalise\[0\]\[0\]: must be a number in \[0, 1\]; got 125"),
        ([[0.5, 0.5], [0.2]], "normalise must have as many means as deviations; got 2 and 1"),
        ([[], []], r"normalise\[0\]: must not be empty"),
    ],
)
def test_bad_values_are_named(value, message):
    with pytest.raises(UserError, match=message):
        entry(normalise=value)


def test_one_number_per_channel_is_needed():
    message = "normalise must have 1 means and deviations, one per channel of digits; got 3"
    with pytest.raises(UserError, match=message):
        digits(normalise=[[0.5, 0.5, 0.5], [0.2, 0.2, 0.2]])


@pytest.mark.parametrize("weights", [{"pretrained": True}, {"weights": "vit.safetensors"}], ids=["named", "file"])
def test_a_pretrained_model_has_statistics_of_its_own(weights):
    study = {"streams": {"name": "split-digits", "normalise": "none"}, "model": {"name": "timm", **weights}}
    with pytest.raises(UserError, match=r"streams\[0\]\.normalise: must be left out for a pretrained model"):
        parse_study(study)


@pytest.mark.parametrize(("normalise", "mean", "std"), [("none", 0.0, 1.0), ([[0.5], [0.25]], 0.5, 0.25)])
def test_stored_features_are_of_normalised_images(normalise, mean, std, tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path))
    study = {"streams": {"name": "split-digits", "normalise": normalise}, "model": {"name": "linear", "tune": "head"}}
    progress = RunState()
    stream = load_stream(expand(parse_study(study))[0].config, progress, ())
    assert progress.data["features"]
    x = torch.stack([x for x, *_ in stream.train[0].dataset]).flatten(1)
    images = digits(normalise=normalise).train[0].dataset
    pixels = torch.stack([image for image, *_ in images]).flatten(1) / 255
    torch.testing.assert_close(x, (pixels - mean) / std)
