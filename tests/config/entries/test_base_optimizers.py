"""Entries of base optimizers, their parameter groups, and what they cannot be combined with."""

import jsonschema
import pytest

from lifelong_lb.config import OPTIMIZER_ENTRIES, RULE_ENTRIES, UserError, axis_labels, expand, parse_study
from lifelong_lb.config.describe import listing
from lifelong_lb.config.schema import study_schema
from lifelong_lb.optim import RULES
from lifelong_lb.store import StudyFile

VALIDATOR = jsonschema.Draft202012Validator(study_schema())


def study_of(*optimizers, **changes):
    return parse_study({"streams": "split-digits", "optimizers": list(optimizers), **changes})


def grouped(*groups, name="sgd", **settings):
    return {"name": name, "groups": list(groups), **settings}


RANGES = {
    "momentum": ({"name": "rmsprop", "momentum": 1}, r"momentum: must be a number in \[0, 1\); got 1"),
    "decay": ({"name": "adagrad", "lr_decay": -1}, "lr_decay: must be a finite number >= 0; got -1"),
    "beta": ({"name": "lion", "beta2": 1}, r"beta2: must be a number in \[0, 1\); got 1"),
    "steps": ({"name": "muon", "ns_steps": 100}, "ns_steps: must be a whole number from 1 to 99; got 100"),
    "scale": ({"name": "muon", "adjust_lr": "none"}, "adjust_lr: must be 'original' or 'match_rms_adamw'; got 'none'"),
    "average": ({"name": "schedule-free", "beta1": 0}, r"beta1: must be a number in \(0, 1\); got 0"),
    "moments": (
        {"name": "schedule-free", "base": "sgd", "beta2": 0.9},
        "beta2 has no effect with base: sgd; got beta2",
    ),
}
GROUPS = {
    "no list": ({"name": "sgd", "groups": {"match": "*"}}, r"groups: must be a list of mappings, e.g. \[\{match: "),
    "no match": (
        grouped({"lr": 1}),
        "groups: must have a pattern of parameter names under match, e.g. .* got {'lr': 1}",
    ),
    "twice": (grouped({"match": "a"}, {"match": "a", "lr": 1}), "groups: must have different patterns, .* 'a' twice"),
    "unknown": (
        grouped({"match": "a"}, {"match": "b", "weightdecay": 0}),
        r"groups\[1\]: unknown setting 'weightdecay'; did you mean 'weight_decay'\? \(known: lr, momentum, ",
    ),
    "of the entry": (grouped({"match": "a", "state": "reset"}), r"groups\[0\]: unknown setting 'state' \(known: lr,"),
    "range": (grouped({"match": "a", "lr": 0}), r"groups\[0\].lr: must be a finite number > 0; got 0"),
    "together": (grouped({"match": "a", "nesterov": True}), r"groups\[0\]: nesterov: true needs a momentum above 0"),
    "for all": (
        grouped({"match": "a", "initial_accumulator_value": 1}, name="adagrad"),
        "unknown setting 'initial_accumulator_value'",
    ),
    "base": (grouped({"match": "a", "base": "sgd"}, name="schedule-free"), "unknown setting 'base'"),
    "one direction": (grouped({"match": "a", "lr": 1}, name="lbfgs"), "lbfgs steps along one direction of all param"),
    "keyword": (
        grouped({"match": "a", "eps": 1}, name="external", target="torch.optim.Adamax", settings={"lr": 0.1}),
        r"groups\[0\]: unknown setting 'eps' \(known: lr\)",
    ),
    "uphill": (
        grouped(
            {"match": "a", "maximize": True}, name="external", target="torch.optim.SGD", settings={"maximize": False}
        ),
        "must not have maximize: true because the rule sam ascends",
    ),
}


@pytest.mark.parametrize("case", [*RANGES, *GROUPS])
def test_each_mistake_gets_one_sentence(case):
    entry, message = (RANGES | GROUPS)[case]
    with pytest.raises(UserError, match=message) as error:
        study_of(entry, rules="sam" if case == "uphill" else "none")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("case", sorted(GROUPS.keys() - {"twice", "together", "uphill", "keyword"}))
def test_editors_underline_the_same_groups(case):
    entry, _ = GROUPS[case]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"streams": "split-digits", "optimizers": [entry]})


def test_groups_are_kept_as_they_were_given():
    groups = [{"match": "head.*"}, {"match": "*.bias", "weight_decay": 0, "lr": "1e-2"}]
    entry = grouped(*groups, name="adamw")
    VALIDATOR.validate({"streams": "split-digits", "optimizers": [grouped(groups[0], name="adamw")]})
    (read,) = study_of(entry).optimizers
    assert read.groups == ({"match": "head.*"}, {"match": "*.bias", "weight_decay": 0.0, "lr": 0.01})
    plain, head, bias = read.variants()
    assert plain == head == OPTIMIZER_ENTRIES["adamw"]()
    assert (bias.lr, bias.weight_decay, bias.beta1) == (0.01, 0, 0.9)
    assert [read.group_of(name) for name in ("head.bias", "backbone.0.bias", "backbone.0.weight")] == [1, 2, 0]
    file = StudyFile.of(study_of(entry))
    assert StudyFile.from_json(file.to_json(), "study.json") == file


def test_groups_shape_the_numbers_and_no_groups_do_not():
    def run_id(**settings):
        return expand(study_of({"name": "sgd", **settings}))[0].config.run_id

    assert run_id() == run_id(groups=None) == run_id(groups=[])
    assert run_id(groups=[{"match": "a", "lr": 1}]) == run_id(groups=[{"match": "a", "lr": 1.0}])
    assert len({run_id(), *(run_id(groups=[{"match": "a", "lr": lr}]) for lr in (1, 2))}) == 3
    entries = study_of("sgd", grouped({"match": "*.bias", "lr": 0.5})).optimizers
    assert axis_labels(entries) == ["sgd(groups=none)", "sgd(groups=[{match:*.bias lr:0.5}])"]


def test_runs_of_earlier_versions_keep_their_ids():
    """Computed before optimizers had groups."""
    ids = [expand(study_of(name, rules="none"))[0].config.run_id for name in ("sgd", "adam", "adamw", "lbfgs")]
    assert ids == ["e34662df7c09", "8cf8af92dd16", "af860637fa97", "21d094c460ae"]


def test_defaults_of_schedule_free():
    assert [study_of({"name": "schedule-free", "base": base}).optimizers[0].lr for base in ("adamw", "sgd")] == [
        2.5e-3,
        1,
    ]
    assert study_of({"name": "schedule-free", "base": "sgd", "lr": 3}).optimizers[0].lr == 3


@pytest.mark.parametrize("name", RULE_ENTRIES)
@pytest.mark.parametrize("alpha", [None, 1, 0.5, "adaptive"])
def test_rules_that_interpolate_say_so(name, alpha):
    if alpha is not None and "alpha" not in RULE_ENTRIES[name].model_fields:
        alpha = None
    try:
        entry = RULE_ENTRIES[name](**({} if alpha is None else {"alpha": alpha}))
    except ValueError:
        return  # not an alpha of this rule
    rule = RULES[name](**entry.hyper_parameters())
    assert (entry.interpolates(), entry.keeps_weights()) == (rule.interpolates, rule.keeps_weights)


def test_rules_that_schedule_free_cannot_follow_are_refused():
    for rule in ("lookahead", "lookbehind-sam", {"name": "lookahead-sam", "k": 5}):
        with pytest.raises(
            UserError, match=r"optimizers\[1\]: .* interpolates between weights, .* schedule-free, which"
        ):
            study_of("sgd", "schedule-free", rules=["sam", rule])
    free = [{"name": "lookbehind-sam", "alpha": 1}, "sam", "none"]
    assert len(expand(study_of("schedule-free", rules=free))) == 3
    left = study_of("sgd", "schedule-free", rules=["sam", "lookahead"], exclude=[EXCLUDED])
    assert len(expand(left)) == 3


EXCLUDED = {"rules": "lookahead", "optimizers": "schedule-free"}


@pytest.mark.parametrize(
    ("strategy", "optimizer", "message"),
    [
        ("si", "schedule-free", "si adds up how far the weights move .* schedule-free evaluates other weights"),
        ("mer", "schedule-free", "mer moves weights itself, and cannot be trained with schedule-free"),
        (
            "slda",
            grouped({"match": "*.bias", "lr": 1}),
            "slda never steps its base optimizer, so groups would have no effect",
        ),
    ],
)
def test_strategies_that_an_optimizer_does_not_fit_are_refused(strategy, optimizer, message):
    streams = {"name": "split-digits", "scenario": "class-incremental", "chunk": 10}
    changes = {"streams": streams if strategy == "slda" else "split-digits", "rules": "none"}
    with pytest.raises(UserError, match=message):
        study_of(optimizer, strategies=[strategy], **changes)
    kept = study_of(optimizer, strategies=["naive", strategy], skip_unsupported=True, **changes)
    assert {run.config.strategy.name for run in expand(kept)} == {"naive"}


def test_the_list_names_them_with_their_papers():
    text = listing("optimizers")
    for words in ("muon ", "arXiv 2302.06675", "arXiv 2405.15682", "kellerjordan.github.io/posts/muon", "Dozat 2016"):
        assert words in text
    assert "(each of them)       state=keep, schedule=null, groups=null" in text
