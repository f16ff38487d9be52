"""Streams cut to their first experiences agree with the whole stream up to the cut."""

import pytest

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.studies.planning.validate import gradients_of, plan_of
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

STREAMS = [
    {"name": "split-digits", "label": "heads"},
    {"name": "split-digits", "scenario": "class-incremental", "label": "one head", "images_per_class": 20},
    {"name": "permuted-digits", "experiences": 4, "images_per_class": 20, "label": "permuted"},
]


def study(first, **changes):
    return {
        "streams": [{**stream, **first} for stream in STREAMS],
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"batch_size": 60},
        "strategies": {"name": "replay", "mem_size": 20},
        "rules": "sam",
        "evaluation": {"experiences": "all"},
        **changes,
    }


def executed(checked):
    """Execute the runs of a study in this process; their progress by run id."""
    progress_by_run = {}
    for run in expand(checked):
        progress = progress_by_run[run.config.run_id] = RunState()
        execute(run.config, progress, roots=(), device="cpu", log=lambda line: None)
    return progress_by_run


def test_the_first_experiences_equal_those_of_the_whole_stream_bit_for_bit():
    whole, cut = (executed(parse_study(study(first))).values() for first in ({}, {"first": 2}))
    assert len(cut) > 0
    for long, short in zip(whole, cut, strict=True):
        assert (long.accuracy.experiences > 2, short.accuracy.experiences) == (True, 2)
        assert short.accuracy == AccuracyMatrix(long.accuracy.values[:2, :2], long.accuracy.initial[:2])


@pytest.mark.parametrize("strategy", ["naive", "joint"])
def test_the_cost_is_predicted_exactly(strategy):
    for changes in ({}, {"train": {"batch_size": 60, "match": "gradients", "budget": 4}}):
        checked = parse_study(study({"first": 2}, strategies=strategy, **changes))
        predicted = {run: rule.least for run, (rule, _) in gradients_of(plan_of(checked)).items()}
        assert {run: done.gradient_evaluations for run, done in executed(checked).items()} == predicted


def test_first_must_be_below_the_number_of_experiences():
    with pytest.raises(UserError, match=r"more than the first 5 experiences; got 5"):
        parse_study({"streams": {"name": "split-digits", "first": 5}})
    with pytest.raises(UserError, match=r"less than the 2 experiences"):
        parse_study(study({"first": 2}, rules={"name": "sam", "from_experience": 2}))
    named = [expand(parse_study({"streams": {"name": "split-digits", **first}}))[0] for first in ({}, {"first": None})]
    assert named[0].config.run_id == named[1].config.run_id
