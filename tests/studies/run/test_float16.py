"""Runs in float16; on the CPU, where studies refuse it, with a scaler that the tests put in its place."""

import pytest
import torch
from helpers.resuming import assert_goes_on, run, study
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES
from helpers.tiny_study import TINY

from lifelong_lb import run_study
from lifelong_lb.config import UserError, parse_study
from lifelong_lb.studies.checks import check_precision
from lifelong_lb.studies.planning.calibrate import measure
from lifelong_lb.studies.run import assemble
from lifelong_lb.studies.run.execute import load_stream
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS
FLOAT16 = {"precision": "float16"}


@pytest.fixture
def on_the_cpu(monkeypatch):
    """A scale that is too large at first, and grows every few steps."""

    def scaler(config, device):
        if config.train.precision != "float16":
            return None
        return torch.amp.GradScaler("cpu", init_scale=2.0**26, growth_interval=7)

    monkeypatch.setattr(assemble, "_scaler", scaler)


@pytest.mark.parametrize(
    ("strategy", "rule"),
    [
        ("naive", "none"),
        ("ewc", {"name": "lookbehind-sam", "k": 2}),
        ("agem", {"name": "lookahead-sam", "k": 4}),
        ("si", "sam"),
    ],
)
def test_resumed_runs_are_the_same_bit_for_bit(on_the_cpu, tmp_path, strategy, rule):
    """Scale, steps until it grows, and the number of skipped steps are in the checkpoint."""
    config = study(strategies=[ENTRIES[strategy]], rules=[rule], train=FLOAT16)
    whole, _ = assert_goes_on(config, tmp_path)
    assert whole.progress.data["skipped_steps"] >= 4
    assert "skipped_steps" not in run(study(strategies=[ENTRIES[strategy]], rules=[rule])).progress.data


def test_everything_that_is_measured(on_the_cpu):
    measured = {"every": 2, "diagnostics_every": 2, "confusion": True, "experiences": "all"}
    config = study(rules=[{"name": "lookbehind-sam", "k": 2}], train=FLOAT16, evaluation=measured)
    progress = run(config).progress
    assert progress.continual
    assert progress.confusion
    assert {row["pass"] for row in progress.diagnostics} == {0, 1, 2}
    assert all(row["gradient_norm"] < 100 for row in progress.diagnostics)  # unscaled


def test_the_cpu_is_refused(tmp_path):
    message = (
        r"train.precision: float16 needs an accelerator .* got the device cpu: use precision: bfloat16, or another"
    )
    with pytest.raises(UserError, match=message):
        run_study({**TINY, "train": FLOAT16}, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match=message):
        run(study(train=FLOAT16))
    of_a_stream = {**TINY, "streams": [{"name": "split-digits", "train": FLOAT16}]}
    with pytest.raises(UserError, match=message):
        check_precision([parse_study(of_a_stream)], ["cpu"], "local")
    check_precision([parse_study(of_a_stream)], ["cpu"], "slurm")  # each run does, on its machine


def test_durations_are_estimated_without_an_accelerator():
    config = study(train=FLOAT16)
    assert measure(config, load_stream(config, RunState(), ()), seconds=0.1).first > 0
