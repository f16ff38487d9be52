"""Runs on stored features: equal to training through the frozen backbone, computed once, and when they are not used."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.small_models import NEEDS_TIMM, SMALL
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES, SCENARIO, has_own_loop
from helpers.tiny_study import TINY

from lifelong_lb import extend
from lifelong_lb.config import STRATEGY_ENTRIES, expand, parse_study
from lifelong_lb.config.entries.own_loop_strategies import OnFeatures
from lifelong_lb.config.plugins.register import EXTENSIONS, KINDS
from lifelong_lb.data.cache import features as stored
from lifelong_lb.data.cache.features import entries
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies import run_study
from lifelong_lb.studies.run import execute as execution
from lifelong_lb.studies.run import features
from lifelong_lb.studies.run.assemble import assemble
from lifelong_lb.studies.run.execute import execute, load_stream
from lifelong_lb.studies.run.features import digest_of_weights, obstacle
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(strategy="naive", head="single", rule="sam", **changes):
    backbone = {"name": "reduced-resnet18", "width": 2}
    given = changes.pop("model", {})
    model = {**({} if "name" in given else backbone), "tune": "head", "head": head, **given}
    study = parse_study({
        "streams": {"name": "split-digits", "scenario": SCENARIO[head], "images_per_class": 10, "first": 2},
        "model": model,
        "strategies": strategy,
        "rules": rule,
        "train": {"batch_size": 16},
        "optimizers": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "evaluation": {"test_images_per_class": 5},
        **changes,
    })
    return expand(study)[0].config


def ran(of, lines=None):
    progress = RunState()
    execute(of, progress, roots=(), device="cpu", log=(lambda line: None) if lines is None else lines.append)
    return progress


def head_of(label):
    heads = STRATEGY_ENTRIES[ENTRIES[label]["name"]].heads
    return next(head for head in ("growing", "multi", "single") if head in heads)


@pytest.mark.parametrize("label", [label for label in ENTRIES if label != "lamaml"])
@pytest.mark.parametrize("hidden", [[], [6]], ids=["linear", "mlp"])
def test_every_strategy_learns_the_same_as_through_the_backbone(monkeypatch, label, hidden):
    if hidden and issubclass(STRATEGY_ENTRIES[ENTRIES[label]["name"]], OnFeatures):
        pytest.skip("it trains no hidden layers")
    of = config(ENTRIES[label], head_of(label), "none" if has_own_loop(label) else "sam", model={"head_hidden": hidden})
    stored = ran(of)
    assert "features" in stored.data
    monkeypatch.setattr(execution, "obstacle", lambda config: "of a test")
    through = ran(of)
    assert "features" not in through.data
    for one, other in zip(stored.accuracy.values, through.accuracy.values, strict=True):
        assert np.allclose(one, other, atol=0.021, equal_nan=True)  # one image of 50 may change its side
    assert stored.gradient_evaluations == through.gradient_evaluations
    assert stored.parameters == through.parameters
    assert stored.trained_parameters == through.trained_parameters


@pytest.mark.parametrize("head", [{}, {"head_hidden": [6]}, {"classifier": "cosine"}], ids=["linear", "mlp", "cosine"])
@pytest.mark.parametrize("rule", ["none", "sam", {"name": "lookbehind-sam", "k": 2}])
def test_the_head_has_the_same_weights_as_through_the_backbone(monkeypatch, head, rule):
    of, found = config(rule=rule, model=head), []
    for reason in (None, "of a test"):
        monkeypatch.setattr(execution, "obstacle", lambda config, reason=reason: reason)
        progress = RunState()
        stream = load_stream(of, progress, ())
        run = assemble(of, stream, progress, device="cpu", log=lambda line: None)
        for i in range(2):
            seed_all(0, INITIALISATION, i + 1)
            run.strategy.train(stream.train[i], eval_streams=[])
        found.append({name: p for name, p in run.strategy.model.named_parameters() if p.requires_grad})
    assert len(found[0]) == (4 if "head_hidden" in head else 2)
    assert found[0].keys() == found[1].keys()
    for name, weight in found[0].items():
        assert torch.allclose(weight, found[1][name], atol=1e-5), name


OBSTACLES = {
    "the backbone is trained": {"model": {"tune": "norm"}},
    "the images are augmented": {"train": {"random_flip": True}},
    "train.precision is float16": {"train": {"precision": "float16"}},
}


@pytest.mark.parametrize("reason", OBSTACLES)
def test_when_features_cannot_be_stored(cache, reason):
    of = config(**OBSTACLES[reason])
    assert obstacle(of) == reason
    if of.train.precision == "float32":
        lines = []
        load_stream(of, RunState(), (), log=lines.append)
        assert entries(cache) == []
        assert lines == ([f"features are not stored, because {reason}"] if of.model.tune == "head" else [])


TRANSFORMED = [{"name": "permuted-digits"}, {"name": "rotated-digits"}, {"name": "inverted"}]


@pytest.fixture
def inverted():
    """A registered stream whose later experiences have inverted images."""

    @extend.stream("inverted", scenario="domain-incremental", dataset="digits")
    def inverted(images, seed: int, experiences: int = 3):
        whole = images.train, images.test
        return [whole, *[tuple(replace(part, x=255 - part.x) for part in whole)] * (experiences - 1)]

    yield
    del EXTENSIONS["stream", "inverted"], KINDS["stream"]["inverted"]


@pytest.mark.parametrize("stream", TRANSFORMED, ids=lambda stream: stream["name"])
@pytest.mark.usefixtures("inverted")
def test_streams_that_transform_images_have_features_per_experience(cache, monkeypatch, stream):
    of = config("replay", streams={**stream, "experiences": 3, "images_per_class": 10, "first": 2})
    stored = ran(of)
    keys = stored.data["features"]
    assert len(set(keys)) == 2
    assert {entry.name for entry in entries(cache)} == set(keys)
    lines = []
    assert ran(of.model_copy(update={"rule": config(rule="none").rule}), lines).data["features"] == keys
    assert not [line for line in lines if line.startswith("computing")]
    monkeypatch.setattr(execution, "obstacle", lambda config: "of a test")
    through = ran(of)
    assert "features" not in through.data
    for one, other in zip(stored.accuracy.values, through.accuracy.values, strict=True):
        assert np.allclose(one, other, atol=0.021, equal_nan=True)  # one image of 50 may change its side
    assert stored.data["arrangement"] == through.data["arrangement"]
    assert stored.parameters == through.parameters


def test_standardised_vectors_have_features_per_experience(tmp_path, monkeypatch):
    draw, y = np.random.default_rng(0), np.arange(80) % 4
    x = draw.normal(size=(80, 6)) + 3 * y[:, None]
    np.savez(tmp_path / "vectors.npz", x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])
    stream = {"name": "vectors", "source": str(tmp_path / "vectors.npz"), "experiences": 2}
    of = config(
        streams={**stream, "scenario": "class-incremental"},
        model={"name": "mlp", "hidden": [8], "tune": "head", "head": "single"},
    )
    found = ran(of)
    assert len(set(found.data["features"])) == 2
    monkeypatch.setattr(execution, "obstacle", lambda config: "of a test")
    through = ran(of)
    for one, other in zip(found.accuracy.values, through.accuracy.values, strict=True):
        assert np.allclose(one, other, atol=0.051, equal_nan=True)  # one vector of 20 may change its side


def test_equal_images_of_experiences_have_their_features_once(cache):
    of = config(streams={"name": "rotated-digits", "experiences": 3, "angles": [0, 90, 0], "images_per_class": 10})
    first, second, third = ran(of).data["features"]
    assert first == third != second
    assert {entry.name for entry in entries(cache)} == {first, second}


def test_the_log_of_a_computation_that_continues(cache, monkeypatch):
    monkeypatch.setattr(stored, "ROWS", 512)
    of, lines, usual = config(), [], features._Frozen._compute
    monkeypatch.setattr(features._Frozen, "_compute", lambda self, x: 1 / 0 if len(x) < 512 else usual(self, x))
    with pytest.raises(ZeroDivisionError):
        ran(of)
    monkeypatch.undo()
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(cache))
    monkeypatch.setattr(stored, "ROWS", 512)
    ran(of, lines)
    assert lines[0] == "computing the features of 1,442 + 50 images, of which the first 1,024 of train are stored"
    assert lines[1].startswith("features computed in ")
    assert lines[2].startswith("training on the stored features ")


def test_the_key_depends_on_weights_and_preprocessing(cache):
    first = ran(config()).data["features"]
    assert ran(config(rule="none")).data["features"] == first
    assert ran(config("replay", "growing")).data["features"] == first
    others = [
        config(seeds=[1]),
        config(model={"width": 3}),
        config(evaluation={"test_images_per_class": 4}),
        config(train={"precision": "bfloat16"}),
    ]
    keys = {ran(other).data["features"] for other in others} | {first}
    assert len(keys) == 5
    assert {entry.name for entry in entries(cache)} == keys


def test_the_hash_of_weights_covers_names_shapes_and_buffers():
    def layer():
        seed_all(0, INITIALISATION)
        return torch.nn.BatchNorm1d(3)

    first, second = layer(), layer()
    assert digest_of_weights(first) == digest_of_weights(second)
    second.running_mean[0] = 1
    assert digest_of_weights(first) != digest_of_weights(second)
    assert digest_of_weights(torch.nn.Sequential(first)) != digest_of_weights(first)


@pytest.mark.slow
@NEEDS_TIMM
def test_all_runs_of_a_study_share_the_features_of_given_weights(tmp_path, cache):
    import timm
    from safetensors.torch import save_file

    settings = {**SMALL["timm"]["settings"], "img_size": 16}
    save_file(timm.create_model("vit_tiny_patch16_224", **settings).state_dict(), tmp_path / "vit.safetensors")
    model = {"name": "timm", **SMALL["timm"], "weights": str(tmp_path / "vit.safetensors"), "tune": "head"}
    results = run_study({**TINY, "model": model}, tmp_path / "out", workers=2)
    records = [ResultFolder(tmp_path / "out").read_run(run) for run in results.runs["run"]]
    assert [record.status for record in records] == ["done"] * 8
    (entry,) = entries(cache)
    assert {record.data["features"] for record in records} == {entry.name}
    logs = [(tmp_path / "out" / "runs" / run / "log.txt").read_text(encoding="utf-8") for run in results.runs["run"]]
    assert sum("computing the features" in log for log in logs) == 1
    assert all("training on the stored features" in log for log in logs)
    assert all("weights: 2 tensors of the classifier were left out" in log for log in logs)
    counts = {(r.environment["model"]["parameters"], r.environment["model"]["trained_parameters"]) for r in records}
    assert counts == {(16_104 + 5 * (24 * 2 + 2), 5 * (24 * 2 + 2))}
