"""What ``validate`` counts: streams that users add, and digits, without importing what reads them."""

import subprocess
import sys

import numpy as np
import pytest

from lifelong_lb import extend
from lifelong_lb.config import parse_study
from lifelong_lb.config.plugins.register import EXTENSIONS, KINDS
from lifelong_lb.data import find_dataset
from lifelong_lb.data.arrays import digest
from lifelong_lb.data.image_tensors import ImageTensors
from lifelong_lb.studies.planning.forecast import Count
from lifelong_lb.studies.planning.validate import gradients_of, lines_about, plan_of


@pytest.fixture
def thirds():
    """A stream of a user's own whose experiences share the images out."""
    asked = []

    @extend.stream("thirds", scenario="domain-incremental", dataset="digits")
    def thirds(images, seed: int, experiences: int = 3):
        asked.append(seed)
        part = lambda own, i: ImageTensors(own.x[i::experiences], own.y[i::experiences])  # noqa: E731
        return [(part(images.train, i), part(images.test, i)) for i in range(experiences)]

    yield asked
    del EXTENSIONS["stream", "thirds"], KINDS["stream"]["thirds"]


def test_an_added_stream_is_not_counted_as_if_all_experiences_had_all_images(thirds):
    study = parse_study({"streams": "thirds", "rules": ["none", "sam"], "train": {"batch_size": 10}})
    plan = plan_of(study)
    assert thirds == []
    assert {count for count, _ in gradients_of(plan).values()} == {Count(exact=False)}
    lines = list(lines_about(plan))
    assert "gradient evaluations of all runs: unknown" in lines
    assert any(line.startswith("  without thirds, ") and "--estimate calls" in line for line in lines)


def test_an_added_stream_is_counted_once_its_function_may_be_called(thirds):
    study = parse_study({"streams": "thirds", "rules": ["none", "sam"], "train": {"batch_size": 10}})
    plan = plan_of(study, prepare=True)
    assert thirds == [0]
    minibatches = sum(-(-len(range(i, 1442, 3)) // 10) for i in range(3))
    assert [count for count, _ in gradients_of(plan).values()] == [Count(minibatches), Count(2 * minibatches)]
    assert "gradient evaluations of all runs: " + f"{3 * minibatches:,}" in list(lines_about(plan))


def test_searches_on_an_added_stream_are_not_counted(thirds):
    tuning = {"held_out": {"seeds": [9], "validation": 0.5}, "search": {"sgd": {"lr": [0.1, 1]}}}
    lines = list(lines_about(plan_of(parse_study({"streams": "thirds", "tuning": tuning}))))
    assert any("with an unknown number of gradient evaluations" in line for line in lines)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    train, test = find_dataset("digits").read()
    assert digest(train, test) == "759875ce62e93a13"
    assert sorted(np.concatenate([train.y, test.y]).tolist()) == sorted(bunch.target.tolist())
    assert train.x[0, 0].tolist() == np.rint(bunch.images[0] * (255 / 16)).astype(int).tolist()


def test_digits_are_read_by_scikit_learn_where_it_keeps_them_elsewhere(monkeypatch):
    monkeypatch.setattr("lifelong_lb.data.digits.find_spec", lambda name: None)
    assert digest(*find_dataset("digits").read()) == "759875ce62e93a13"


@pytest.mark.slow
def test_validate_of_digits_imports_neither_scikit_learn_nor_torch(tmp_path):
    (tmp_path / "s.yaml").write_text("streams: split-digits\n")
    code = (
        "import sys\nsys.argv = ['lifelong-lb', 'validate', 's.yaml']\nfrom lifelong_lb.cli import main\n"
        "try:\n    main()\nfinally:\n    print({'torch', 'avalanche', 'sklearn', 'PIL'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip().endswith("set()"), done.stdout
    assert "gradient evaluations of all runs: 145" in done.stdout
