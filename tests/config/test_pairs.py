"""Strategies and streams that do not go together are refused before anything runs, or left out on request."""

import pytest

from lifelong_lb.config import STRATEGY_ENTRIES, UserError, expand, parse_study
from lifelong_lb.store import StudyFile

TASKS = {"name": "split-digits", "label": "tasks"}
CLASSES = {"name": "split-digits", "scenario": "class-incremental", "label": "classes"}


def study(*strategies, streams=CLASSES, **changes):
    return parse_study({"streams": streams, "strategies": list(strategies), "model": "mlp", **changes})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"strategies": ["rwalk"], "streams": TASKS},
            r"strategies\[0\] with streams\[0\]: rwalk works with class-incremental streams; got task-incremental$",
        ),
        (
            {"strategies": ["naive", "rwalk"], "streams": TASKS},
            r"rwalk works with .* \(or set skip_unsupported: true to leave such pairs out\)$",
        ),
        (
            {"strategies": ["der"], "model": {"name": "mlp", "head": "growing"}},
            "der needs one of the heads multi, masked, single; got 'growing'",
        ),
        (
            {"strategies": [{"name": "der++", "mem_size": 5}]},
            r"der\+\+ needs a mem_size of at least its batch_size_mem .*; got 5 and 10",
        ),
        (
            {"strategies": [{"name": "agem", "sample_size": 3}]},
            "it must be at least 4 for 5 experiences; got 3",
        ),
        (
            {"strategies": [{"name": "mir", "mem_size": 5}]},
            r"strategies\[0\]: needs a mem_size of at least batch_size_mem, else nothing .* replayed; got 5 and 10",
        ),
        (
            {"strategies": [{"name": "ewc", "mode": "online"}]},
            r"strategies\[0\]: needs a decay_factor, .* in mode 'online'.*; got mode 'online' and decay_factor None",
        ),
        ({"strategies": [{"name": "ewc", "decay_factor": 0.5}]}, "got mode 'separate' and decay_factor 0.5"),
        ({"strategies": [{"name": "ewc", "penalty": "never"}]}, "must be 'every' or 'first'; got 'never'"),
        (
            {"strategies": ["lamaml"], "rules": ["sam"]},
            r"strategies\[0\]: lamaml cannot be used in a study: its training loop never reaches an optimizer step",
        ),
        ({"strategies": {"name": "bic"}}, "strategies: bic cannot be used in a study: in avalanche-lib 0.6 it fails"),
        ({"strategies": ["naive"], "skip_unsupported": 1}, "skip_unsupported: must be true or false; got 1"),
        (
            {"strategies": ["rwalk", "mer"], "streams": TASKS, "skip_unsupported": True},
            r"none is left that can learn any of the streams \(strategies\[0\] with streams\[0\]: rwalk",
        ),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        parse_study({"streams": CLASSES, **arguments})


def test_pairs_may_be_left_out():
    checked = study("naive", "rwalk", "slda", streams=[TASKS, CLASSES], skip_unsupported=True)
    runs = [(run.config.strategy.name, run.config.stream.scenario) for run in expand(checked)]
    assert runs == [("naive", "task-incremental"), ("naive", "class-incremental"), ("rwalk", "class-incremental")]


def test_a_folder_may_hold_pairs_that_were_never_asked_for():
    file = StudyFile.of(study("naive", streams=TASKS)).widened(study("rwalk"))
    assert len(file.places) == 2
    assert StudyFile.from_json(file.to_json(), "study.json") == file


def test_only_strategies_with_a_choice_have_one():
    choices = {name: entry().passes() for name, entry in STRATEGY_ENTRIES.items() if entry().passes()}
    assert choices == {
        **dict.fromkeys(("ewc", "mas", "lwf", "si", "rwalk"), {"penalty": "every"}),
        **dict.fromkeys(("agem", "gem"), {"project": "descent"}),
    }


def test_an_online_study_and_another_may_meet_in_one_folder():
    """Read again, the entries of one need not go with those of the other."""
    online = study("naive", streams=[{"name": "split-digits", "chunk": 10}])
    other = study("replay", streams=["split-digits"], rules=["lookahead"])
    both = StudyFile.of(online).widened(other)
    assert StudyFile.from_json(both.to_json(), "study.json") == both


def test_skipping_leaves_strategies_out_of_online_streams():
    runs = expand(study("naive", "replay", streams=[{"name": "split-digits", "chunk": 10}], skip_unsupported=True))
    assert {run.config.strategy.name for run in runs} == {"naive"}


def test_icarl_wants_classes_of_its_own_in_each_experience():
    blurry = {"name": "split-digits", "scenario": "class-incremental", "blurry": 0.1}
    with pytest.raises(UserError, match="icarl takes the classes of each experience for new ones, so blurry must be 0"):
        study("icarl", streams=[blurry])
    assert len(expand(study("icarl", "naive", streams=[blurry], skip_unsupported=True))) == 1
