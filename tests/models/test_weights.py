"""Weights from local files: formats, what is checked, what is refused, and runs that record them."""

import os
import socket
from dataclasses import replace

import pytest
import torch
from helpers.small_models import NEEDS_TIMM, SHAPE, SMALL, images, small_model
from helpers.tiny_study import TINY
from safetensors.torch import save_file

from lifelong_lb.config import UserError, expand, parse_study, read_study
from lifelong_lb.data.weights import find_weights
from lifelong_lb.models import build_model
from lifelong_lb.models.weights import digest_of_file, read_weights
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies import run_study
from lifelong_lb.studies.checks import check_models
from lifelong_lb.studies.planning.validate import plan_of
from lifelong_lb.studies.tuning.held_out import held_out_study

pytestmark = NEEDS_TIMM


def whole_model():
    """The small ViT with a classifier of 7 classes."""
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(5)
        settings = {**SMALL["timm"]["settings"], "img_size": 16, "num_classes": 7}
        return timm.create_model("vit_tiny_patch16_224", **settings).eval()


def saved(folder, form="safetensors"):
    state = whole_model().state_dict()
    path = folder / f"vit.{'safetensors' if form == 'safetensors' else 'pth'}"
    if form == "safetensors":
        save_file(state, path)
    elif form == "checkpoint":
        torch.save({"epoch": 3, "model": {f"module.{key}": value for key, value in state.items()}}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("form", ["safetensors", "state_dict", "checkpoint"])
def test_the_features_are_those_of_the_saved_model(tmp_path, monkeypatch, form):
    path = saved(tmp_path, form)
    monkeypatch.setattr(socket, "socket", None)
    model = build_model(small_model("timm", head="single", weights=str(path)), SHAPE).eval()
    x = torch.nn.functional.interpolate(images() / 127.5 - 1, (16, 16), mode="bilinear", antialias=True)
    whole = whole_model()
    expected = whole.forward_head(whole.forward_features(x), pre_logits=True)  # mean and std of ViT-Tiny are 0.5
    assert torch.allclose(model.features(images()), expected, atol=1e-6)
    assert model.backbone.left_out == ("head.bias", "head.weight")


def test_stored_weights_need_no_file():
    entry = small_model("timm", head="single", weights="missing.safetensors")
    assert build_model(entry, SHAPE, load_pretrained=False).backbone.left_out == ()


MISFITS = {
    "missing": (lambda s: s.pop("norm.bias"), "1 of 30 tensors are missing, e.g. 'norm.bias'"),
    "renamed": (
        lambda s: s.update({"norm_.bias": s.pop("norm.bias")}),
        "e.g. 'norm.bias'; the most similar key of the file is 'norm_.bias'",
    ),
    "unexpected": (
        lambda s: s.update({"extra.weight": torch.zeros(1)}),
        "1 of 31 tensors are not part of the model, e.g. 'extra.weight'",
    ),
    "shape": (
        lambda s: s.update({"norm.bias": torch.zeros(5)}),
        "1 of 30 tensors have another shape, e.g. 'norm.bias' is 5, the model needs 24",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_weights_that_do_not_fit(tmp_path, case):
    change, message = MISFITS[case]
    state = whole_model().state_dict()
    change(state)
    save_file(state, tmp_path / "vit.safetensors")
    with pytest.raises(UserError) as error:
        build_model(small_model("timm", head="single", weights=str(tmp_path / "vit.safetensors")), SHAPE)
    text = str(error.value)
    assert text.startswith(f"weights {tmp_path / 'vit.safetensors'}: do not fit the timm model vit_tiny_patch16_224: ")
    assert message in text


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


def test_a_file_cannot_execute_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(UserError, match=r"holds more than tensors, which could execute code .* save .* as safetensors"):
        read_weights(tmp_path / "hostile.pth")
    assert not (tmp_path / "made-by-a-pickle").exists()


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "number.pth", "fifo.pth"])
def test_files_that_hold_no_weights(tmp_path, name):
    path = tmp_path / name
    if name == "fifo.pth":
        os.mkfifo(path)
    elif name == "number.pth":
        torch.save(3, path)
    else:
        path.write_bytes(
            saved(tmp_path, "safetensors" if name.endswith("safetensors") else "state_dict").read_bytes()[:500]
        )
    with pytest.raises(
        UserError, match=rf"weights .*{name}: (cannot be read|must hold the tensors of a model|holds more)"
    ):
        read_weights(path)


def test_a_file_is_searched_beside_the_study_then_in_the_data_folders(tmp_path):
    beside, data = tmp_path / "study", tmp_path / "data"
    for folder in (beside, data):
        folder.mkdir()
        (folder / "vit.pth").touch()
    assert find_weights("vit.pth", beside, [data]) == beside / "vit.pth"
    assert find_weights("vit.pth", None, [data]) == data / "vit.pth"
    with pytest.raises(
        UserError, match=r"weights 'vit\.pht' was not found\. Did you mean 'vit\.pth'\? Tried:"
    ) as error:
        find_weights("vit.pht", beside, [data])
    assert str(beside / "vit.pht") in str(error.value)


def test_the_study_file_gives_the_folder_and_run_ids_do_not_depend_on_it(tmp_path):
    text = "streams: [split-digits]\nmodel: {name: timm, weights: vit.safetensors}\n"
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    (run,) = expand(read_study(tmp_path / "study.yaml"))
    assert run.config.model.study_folder == tmp_path
    text = "streams: [{name: split-digits, model: {name: timm, weights: vit.safetensors}}]\n"
    (tmp_path / "other.yaml").write_text(text, encoding="utf-8")
    assert expand(read_study(tmp_path / "other.yaml"))[0].config.model.study_folder == tmp_path
    searched = "tuning: {held_out: {seeds: [9]}, search: {sgd: {lr: [0.1, 0.2]}}}\n"
    (tmp_path / "tuned.yaml").write_text(f"extends: other.yaml\n{searched}", encoding="utf-8")
    assert held_out_study(read_study(tmp_path / "tuned.yaml")).folder == tmp_path
    (other,) = expand(parse_study({"streams": "split-digits", "model": {"name": "timm", "weights": "vit.safetensors"}}))
    assert other.config.model.study_folder is None
    assert run.config.run_id == other.config.run_id


@pytest.mark.parametrize(
    ("streams", "place"),
    [
        ("split-digits", "study.yaml:3: model"),
        ("{name: split-digits, model: {weights: vit.pht}}", "study.yaml:1: streams[0].model"),
        ("{name: split-digits, model: {head: multi}}", "study.yaml:3: model"),
    ],
)
def test_validate_and_run_refuse_weights_that_are_not_there_with_their_line(tmp_path, streams, place):
    file = tmp_path / "study.yaml"
    text = f"streams: [{streams}]\nmodel:\n  {{name: timm, weights: vit.{'pth' if place[11] == '1' else 'pht'}}}\n"
    file.write_text(text, encoding="utf-8")
    study, data = read_study(file), tmp_path / "data"
    data.mkdir()
    (data / "vit.pth").touch()
    messages = []
    for check in (lambda: plan_of(study, data), lambda: check_models(study, expand(study), [data])):
        with pytest.raises(UserError) as error:
            check()
        messages.append(str(error.value))
    sentence = "weights 'vit.pht' was not found. Did you mean 'vit.pth'? Tried:\n"
    assert messages[0].startswith(f"{tmp_path}/{place}: {sentence}  {tmp_path / 'vit.pht'}\n  {data / 'vit.pht'}\n")
    assert messages[1] == messages[0]
    (data / "vit.pht").write_bytes(b"not weights")
    assert plan_of(study, data).total == 1
    with pytest.raises(UserError) as error:
        check_models(study, expand(study), [data])
    assert str(error.value).startswith(f"{tmp_path}/{place}: weights {data / 'vit.pht'}: holds more than tensors")


def test_the_place_of_a_model_is_not_compared_and_is_kept_for_a_search(tmp_path):
    text = "streams: [split-digits]\nmodel: {name: timm, weights: vit.pth}\n"
    searched = "tuning: {held_out: {seeds: [9]}, search: {sgd: {lr: [0.1, 0.2]}}}\n"
    (tmp_path / "study.yaml").write_text(text + searched, encoding="utf-8")
    study = read_study(tmp_path / "study.yaml")
    assert held_out_study(study).place_of_model(0) == f"{tmp_path}/study.yaml:2: model"
    plain = {"streams": "split-digits", "model": "mlp"}
    assert parse_study(plain, "a") == parse_study(plain, "b")
    assert parse_study(plain, "a").place_of_model(0) == "a: model"


def test_pretrained_is_one_setting_with_two_names():
    first, second = (
        expand(parse_study({"streams": "split-digits", "model": {"name": "timm", **given}}))[0].config
        for given in ({"pretrained": True}, {"weights": "pretrained"})
    )
    assert first.run_id == second.run_id
    with pytest.raises(UserError, match=r"model: needs weights or pretrained: true, not both; got weights: 'a\.pth'"):
        parse_study({"streams": "split-digits", "model": {"name": "timm", "pretrained": True, "weights": "a.pth"}})


def test_grey_images_are_shown_as_colour_ones(tmp_path):
    entry = small_model("timm", head="single", weights=str(saved(tmp_path)))
    grey = images(4, (1, 32, 32))
    one, three = (
        build_model(entry, replace(SHAPE, image=(channels, 32, 32))).eval().features(grey.expand(-1, channels, -1, -1))
        for channels in (1, 3)
    )
    assert torch.allclose(one, three, atol=1e-6)


@pytest.mark.slow
def test_a_run_records_the_hash_of_its_weights(tmp_path):
    saved(tmp_path)
    model = {"name": "timm", **SMALL["timm"], "weights": str(tmp_path / "vit.safetensors")}
    study = {**TINY, "model": model, "rules": "none", "seeds": 1, "strategies": "naive", "train": {"batch_size": 100}}
    with pytest.raises(UserError, match=r"model: weights .* was not found"):
        run_study({**study, "model": {**model, "weights": "nowhere.pth"}}, tmp_path / "a", executor="in-process")
    assert not (tmp_path / "a").exists()
    results = run_study(study, tmp_path / "b", workers=1)
    (record,) = (ResultFolder(tmp_path / "b").read_run(run) for run in results.runs["run"])
    assert record.status == "done", record.message
    assert record.data["weights_sha256"] == digest_of_file(tmp_path / "vit.safetensors")
    assert record.environment["model"]["weights_sha256"] == record.data["weights_sha256"]
    log = (tmp_path / "b" / "runs" / record.run / "log.txt").read_text(encoding="utf-8")
    assert "weights: 2 tensors of the classifier were left out (head.bias, head.weight)" in log
    assert record.data["weights_sha256"] in (tmp_path / "b" / "report.html").read_text(encoding="utf-8")
