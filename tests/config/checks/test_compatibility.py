"""Strategies and streams that do not fit are refused before anything runs, or left out with skip_unsupported."""

import pytest

from lifelong_lb.config import STRATEGY_ENTRIES, UserError, expand, parse_study, read_study
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
            r"rwalk works with .* \(or set skip_unsupported: true to leave out such pairs\)$",
        ),
        (
            {"strategies": ["der"], "model": {"name": "mlp", "head": "growing"}},
            "der needs one of the heads multi, masked, single; got 'growing'",
        ),
        (
            {"strategies": [{"name": "der++", "mem_size": 5}]},
            r"der\+\+ needs mem_size >= batch_size_mem .*; got 5 and 10",
        ),
        (
            {"strategies": [{"name": "mir", "mem_size": 5}]},
            r"strategies\[0\]: needs mem_size >= batch_size_mem, else nothing .* replayed; got 5 and 10",
        ),
        (
            {"strategies": [{"name": "ewc", "mode": "online"}]},
            r"strategies\[0\]: needs a decay_factor, .* in mode 'online'.*; got mode 'online' and decay_factor None",
        ),
        ({"strategies": [{"name": "ewc", "decay_factor": 0.5}]}, "got mode 'separate' and decay_factor 0.5"),
        ({"strategies": [{"name": "ewc", "penalty": "never"}]}, "must be 'every' or 'first'; got 'never'"),
        (
            {"strategies": ["naive", {"name": "mas", "penalty": "first"}], "rules": ["none", "lookahead"]},
            r"strategies\[1\]\.penalty: applies to a rule's further passes, but no rule of the study takes any "
            r"\(none, lookahead\); remove it, or add a rule such as sam; got 'first'",
        ),
        (
            {"strategies": {"name": "gem", "project": "both"}},
            r"strategies\[0\]\.project: applies to a rule's further passes, .* \(none\); .* got 'both'",
        ),
        (
            {"strategies": ["lamaml"], "rules": ["sam"]},
            r"strategies\[0\] with rules\[0\]: lamaml supports the rule none only, not sam: La-MAML updates "
            r"the weights with a meta-gradient, in its own training loop, so no rule can take part in its "
            r"steps; use rules: none for it, or another strategy$",
        ),
        (
            {"strategies": ["naive", "mer"], "rules": ["none", "lookahead"]},
            r"strategies\[1\] with rules\[1\]: mer supports the rule none only, not lookahead: MER .*; use "
            r"rules: none for it, or another strategy \(or set skip_unsupported: true to leave out such pairs\)$",
        ),
        (
            {"strategies": ["slda"], "rules": ["asam"]},
            "slda supports the rule none only, not asam: SLDA fits a linear discriminant .* without gradients",
        ),
        (
            {"strategies": ["slda"], "rules": [{"name": "none", "batch_norm": "recomputed"}]},
            "slda does not change the model, so batch_norm: recomputed must not change its statistics",
        ),
        (
            {"strategies": ["slda"], "streams": TASKS},
            "slda works with class-incremental or domain-incremental streams; got task-incremental",
        ),
        ({"strategies": ["slda"], "model": {"name": "mlp", "head": "growing"}}, "slda needs one of the heads single;"),
        (
            {"strategies": ["mer"], "optimizers": ["lbfgs"]},
            r"strategies\[0\] with optimizers\[0\]: lbfgs evaluates the loss itself in the optimizer step of the "
            "ordinary training loop, which mer does not have",
        ),
        (
            {"strategies": ["slda"], "optimizers": [{"name": "sgd", "state": "reset"}]},
            "slda never steps its base optimizer, so state: reset would have no effect",
        ),
        (
            {
                "strategies": ["lamaml"],
                "optimizers": [{"name": "sgd", "schedule": {"name": "cosine", "by": "iteration"}}],
            },
            "lamaml never steps its base optimizer unless it has sync_update: true, so a schedule would have no",
        ),
        (
            {"strategies": ["mer"], "train": {"match": "gradients", "budget": 50}},
            "train.match: gradients counts the passes of ordinary training steps, which mer does not take; use match",
        ),
        (
            {"strategies": ["naive", "lamaml"], "evaluation": {"diagnostics_every": 2}},
            r"strategies\[1\]: lamaml has no ordinary training steps whose diagnostics could be recorded; remove",
        ),
        (
            {"strategies": ["slda"], "evaluation": {"landscape": {}}},
            r"strategies\[0\]: slda predicts by a linear discriminant .* which has no loss landscape; remove it or",
        ),
        (
            {"strategies": ["lamaml"], "streams": {**CLASSES, "chunk": 10}},
            r"lamaml would treat each chunk of an online stream as a task \(online strategies: naive, .*, slda, ncm\)",
        ),
        ({"strategies": [{"name": "mer", "gamma": 0}]}, r"strategies\[0\].gamma: must be a number in \(0, 1\]; got 0"),
        ({"strategies": [{"name": "mer", "penalty": "first"}]}, r"strategies\[0\]: unknown key 'penalty'"),
        (
            {"strategies": "ar1"},
            "strategies: ar1 cannot be used in a study: it trains a MobileNet with downloaded weights with its own SGD",
        ),
        ({"strategies": {"name": "bic"}}, "strategies: bic cannot be used in a study: in avalanche-lib 0.6 it fails"),
        (
            {"strategies": "l2p"},
            "strategies: l2p cannot be used in a study: in avalanche-lib 0.6 its vision transformers",
        ),
        ({"strategies": ["naive"], "skip_unsupported": 1}, "skip_unsupported: must be true or false; got 1"),
        (
            {"strategies": ["rwalk", "ar1"], "streams": TASKS, "skip_unsupported": True},
            r"none can learn any of the streams \(strategies\[0\] with streams\[0\]: rwalk",
        ),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        parse_study({"streams": CLASSES, **arguments})


def test_pairs_may_be_left_out():
    checked = study("naive", "rwalk", "ar1", streams=[TASKS, CLASSES], skip_unsupported=True)
    runs = [(run.config.strategy.name, run.config.stream.scenario) for run in expand(checked)]
    assert runs == [("naive", "task-incremental"), ("naive", "class-incremental"), ("rwalk", "class-incremental")]


def test_rules_and_optimizers_may_be_left_out_too():
    optimizers = ["sgd", {"name": "sgd", "label": "reset", "state": "reset"}]
    checked = study(
        "naive", "lamaml", "mer", "slda", rules=["none", "sam"], optimizers=optimizers, skip_unsupported=True
    )
    runs = [(run.config.strategy.name, run.config.rule.name, run.config.optimizer.state) for run in expand(checked)]
    states = ("keep", "reset")
    assert runs == [
        *(("naive", rule, state) for rule in ("none", "sam") for state in states),
        ("lamaml", "none", "keep"),
        *(("mer", "none", state) for state in states),
        ("slda", "none", "keep"),
    ]


@pytest.mark.parametrize("what", ["rules", "optimizers"])
def test_nothing_may_be_left(what):
    entries = {"rules": ["sam"], "optimizers": [{"name": "sgd", "state": "reset"}]}[what]
    with pytest.raises(UserError, match=rf"none can learn .*strategies\[0\] with {what}\[0\]: slda"):
        study("slda", **{what: entries}, skip_unsupported=True)


def test_a_pair_is_reported_with_its_line(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("streams: split-digits\nstrategies:\n  - naive\n  - name: mer\nrules: [none, sam]\n")
    with pytest.raises(UserError, match=r"study\.yaml:4: strategies\[1\] with rules\[1\]: mer supports the rule none"):
        read_study(path)


def test_la_maml_steps_the_base_optimizer_where_updates_are_synchronous():
    optimizers = [{"name": "sgd", "state": "reset", "schedule": {"name": "cosine", "by": "iteration"}}]
    assert len(expand(study({"name": "lamaml", "sync_update": True}, optimizers=optimizers))) == 1


def test_a_folder_of_one_rule_may_be_widened_by_others():
    """Read again, lamaml and sam stand in one study without ever having been asked for together."""
    file = StudyFile.of(study("lamaml")).widened(study("naive", rules=["sam"]))
    assert {(place.entries["strategies"], place.entries["rules"]) for place in file.places} == {(0, 0), (1, 1)}
    assert StudyFile.from_json(file.to_json(), "study.json") == file


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


@pytest.mark.parametrize("strategy", ["icarl", "wa"])
def test_some_strategies_want_classes_of_their_own_in_each_experience(strategy):
    blurry = {"name": "split-digits", "scenario": "class-incremental", "blurry": 0.1}
    message = f"{strategy} treats the classes of each experience as new, so blurry must be 0"
    with pytest.raises(UserError, match=message):
        study(strategy, streams=[blurry])
    assert len(expand(study(strategy, "naive", streams=[blurry], skip_unsupported=True))) == 1


@pytest.mark.parametrize("strategy", ["slda", "ncm", "ranpac"])
def test_classifiers_on_features_have_no_hidden_layers(strategy):
    model = {"name": "mlp", "tune": "head", "head_hidden": [8]}
    with pytest.raises(UserError, match=rf"{strategy} uses the features .* head_hidden must be empty; got \[8\]"):
        study(strategy, model=model)
    assert len(expand(study(strategy, "naive", model=model, skip_unsupported=True))) == 1


LOOKAHEADS = ["lookahead", "lookahead-sam", "lookahead-asam"]
SWITCHING = [{"name": name, "minibatch_switching": True} for name in ("lookbehind-sam", "lookbehind-asam")]


@pytest.mark.parametrize("strategy", ["si", "rwalk"])
@pytest.mark.parametrize("rule", [*LOOKAHEADS, *SWITCHING])
def test_who_follows_the_path_of_the_weights_wants_them_in_one_place(strategy, rule):
    with pytest.raises(
        UserError,
        match=rf"strategies\[1\] with rules\[1\]: {strategy} accumulates the path of the weights over iterations, .* "
        r"is a different one \(or set skip_unsupported: true to leave out such pairs\)$",
    ):
        study("naive", strategy, rules=["none", rule])
    left = [
        (run.config.strategy.name, run.config.rule.name)
        for run in expand(study("naive", strategy, rules=["none", rule], skip_unsupported=True))
    ]
    assert left == [("naive", "none"), ("naive", left[1][1]), (strategy, "none")]
    assert len(expand(study(strategy, rules=["looksam", "lookbehind-sam", "none"]))) == 3


@pytest.mark.parametrize("strategy", ["mir", "er-ace", "er-aml", "der", "der++"])
@pytest.mark.parametrize("rule", ["none", "sam"])
def test_statistics_are_recomputed_over_all_that_is_trained_on(strategy, rule):
    recomputed = {"name": rule, "batch_norm": "recomputed"}
    with pytest.raises(
        UserError,
        match=r"strategies\[0\] with rules\[0\]: .* draws replayed images separately .*; use first or all$",
    ):
        study(strategy, rules=recomputed)
    assert len(expand(study(strategy, "replay", rules=recomputed, skip_unsupported=True))) == 1


def test_a_pair_alone_leaves_nothing():
    with pytest.raises(
        UserError, match=r"none can learn .* \(strategies\[0\] with rules\[0\]: si accumulates the path"
    ):
        study("si", rules="lookahead", skip_unsupported=True)


@pytest.mark.parametrize(
    ("strategy", "others"),
    [
        ({"name": "ewc", "penalty": "first"}, {"rules": ["none", "sam"]}),
        ({"name": "ewc", "penalty": "first"}, {"optimizers": "lbfgs"}),
        ({"name": "ewc", "penalty": "every"}, {}),
        ({"name": "agem", "project": "both"}, {"rules": ["lookahead"]}),
        ({"name": "agem", "project": "descent"}, {}),
    ],
)
def test_what_acts_in_one_run_of_a_study_may_be_said_in_all(strategy, others):
    assert study(strategy, **others).strategies[0].passes() == {k: v for k, v in strategy.items() if k != "name"}


def test_a_folder_may_be_read_whose_rules_never_took_further_passes():
    file = StudyFile.of(study({"name": "ewc", "penalty": "first"}, rules=["sam"]))
    alone = file.study.model_copy(update={"rules": study("ewc").rules})
    stored = StudyFile.of(alone).to_json()
    assert StudyFile.from_json(stored, "study.json").study.strategies[0].penalty == "first"
