"""validate with undecoded images, searches, and external optimizers that are not imported."""

import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.image_files import REAL, needs_real_cifar, write_cifar_parquet
from helpers.tiny_study import write_study

from lifelong_lb.config import UserError, parse_study
from lifelong_lb.data import find_dataset
from lifelong_lb.studies.planning.external_optimizers import missing_module
from lifelong_lb.studies.planning.validate import gradients_of, lines_about, plan_of
from lifelong_lb.studies.tuning.held_out import searched_combinations
from lifelong_lb.studies.tuning.search import CombinationSearch
from lifelong_lb.studies.tuning.tune import searches_of

DIGITS = {
    "streams": {"name": "split-digits", "images_per_class": 12},
    "rules": ["none", {"name": "lookbehind-sam", "label": "ours"}],
    "train": {"batch_size": 6},
}


def test_images_that_are_not_prepared_are_counted_by_their_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    write_cifar_parquet(tmp_path / "data", classes=range(100), train_each=3)
    study = parse_study({"streams": "split-cifar100", "train": {"batch_size": 5}, "rules": ["none", "sam"]})
    before = gradients_of(plan_of(study, tmp_path / "data"))
    assert not (tmp_path / "cache").exists()
    assert [count.least for count, _ in before.values()] == [20 * 3, 20 * 3 * 2]  # 15 images an experience
    assert before == gradients_of(plan_of(study, tmp_path / "data", prepare=True))


@needs_real_cifar
def test_real_images_are_counted_without_decoding_any(monkeypatch, tmp_path):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    study = parse_study({"streams": "split-cifar100", "train": {"batch_size": 10}})
    lines = list(lines_about(plan_of(study, REAL)))
    assert "gradient evaluations of all runs: 5,000" in lines
    assert not (tmp_path / "cache").exists()


def test_labels_of_parts_are_those_of_the_images(tmp_path):
    write_cifar_parquet(tmp_path, classes=range(7), shards=2)
    for source in (find_dataset("cifar100", [tmp_path]), find_dataset("digits")):
        for labels, part in zip(source.part_labels(), source.read(), strict=True):
            assert labels.dtype == np.int64
            assert labels.tolist() == part.y.tolist()


def tuned(search, **changes):
    held_out = {"seeds": [100, 101], "first_experiences": 2, "validation": 0.5}
    return parse_study({**DIGITS, **changes, "tuning": {"trials": 10, "held_out": held_out, "search": search}})


def trials_line(study, data):
    lines = [line for line in lines_about(plan_of(study, data)) if line.startswith("tuning")]
    assert len(lines) == 1
    return lines[0]


def test_searches_are_counted(tmp_path):
    line = trials_line(tuned({"ours": {"k": [1, 4, 2]}}), tmp_path)
    a_run = 2 * 4  # experiences of 2 classes with 12 images each, in minibatches of 6
    most = 10 * 2 * a_run * (4 + 1)
    what = "tuning, in addition: 1 search x 10 trials x 2 seeds, at most 20 runs"
    assert line == f"{what} with at most {most:,} gradient evaluations"
    both = trials_line(tuned({"sgd": {"lr": [0.1, 1]}}, strategies=["naive", "replay"]), tmp_path)
    assert both.startswith("tuning, in addition: 4 searches x 10 trials x 2 seeds, at most 80 runs with ")
    assert int(re.search(r"at most ([\d,]+) gradient", both)[1].replace(",", "")) == 2 * 10 * 2 * a_run * (
        1 + 6
    )  # k is 5


def test_searches_of_images_that_are_not_there(tmp_path):
    assert "with an unknown number of gradient evaluations" in trials_line(
        tuned({"sgd": {"lr": [0.1, 1]}}, streams="split-cifar100"), tmp_path
    )


def test_what_is_counted_is_what_is_searched():
    study = tuned({"ours": {"k": [1, 4]}}, strategies=["naive", "replay"], exclude={"strategies": "replay"})
    found, searches = searched_combinations(study), searches_of(study)
    assert (
        [one.labels for one in found] == [one.labels for one in searches] == [("split-digits", "naive", "ours", "sgd")]
    )
    assert isinstance(searches[0], CombinationSearch)


def external(target):
    return parse_study({**DIGITS, "optimizers": {"name": "external", "target": target, "settings": {"lr": 0.1}}})


def test_external_optimizers_are_listed_as_not_checked(tmp_path):
    lines = list(lines_about(plan_of(external("torch.optim.Adagrd"), tmp_path)))
    what = "not checked: torch.optim.Adagrd (optimizers[0].target); run imports, builds and steps it before anything"
    assert f"{what} else" in lines
    lines = list(lines_about(plan_of(external("torch.optm.Adagrad"), tmp_path)))
    assert any(line.endswith("else; no module torch.optm was found") for line in lines)
    with pytest.raises(UserError, match=r"^optimizers\[0\].target: package torhc is not installed, so torhc.optim"):
        plan_of(external("torhc.optim.Adagrad"), tmp_path)


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("torch.optim.Adagrd", None),
        ("torch.optm.sub.Adagrad", "torch.optm"),
        ("os.path.Adagrad", None),
        ("json.decoder.Outer.Adagrad", None),
    ],
)
def test_modules_are_looked_for_without_importing_any(target, module):
    assert missing_module(target) == module


@pytest.mark.slow
def test_validate_of_all_that_imports_no_torch(tmp_path):
    study = write_study(
        tmp_path / "s.yaml",
        optimizers={"name": "external", "target": "torch.optim.Adagrad"},
        tuning={"held_out": {"seeds": [9]}, "search": {"lookbehind-sam": {"k": [1, 2]}}},
    )
    code = (
        f"import sys\nsys.argv = ['lifelong-lb', 'validate', {str(study)!r}]\nfrom lifelong_lb.cli import main\n"
        "try:\n    main()\nfinally:\n    print({'torch', 'avalanche', 'matplotlib', 'optuna'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("set()")
    assert "tuning, in addition: 2 searches x 20 trials x 1 seed" in done.stdout


def test_models_of_timm_are_not_tried():
    raw = {"streams": "split-digits", "model": {"name": "timm", "model": "vit_tinny"}, "seeds": 2}
    lines = list(lines_about(plan_of(parse_study(raw))))
    (line,) = [line for line in lines if line.startswith("not tried: ")]
    assert line.startswith("not tried: vit_tinny (model of timm), which run builds before anything else")
    plain = {**raw, "model": {"name": "mlp"}}
    assert not [line for line in lines_about(plan_of(parse_study(plain))) if line.startswith("not tried: ")]
