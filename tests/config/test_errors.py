"""Messages quote at most some 80 characters of a value of any size, in no time."""

import time

import pytest

from lifelong_lb import UserError
from lifelong_lb.config import parse_study, unknown_name
from lifelong_lb.config.errors import closest
from lifelong_lb.config.study import apply_override

LONG = "x" * 10_000_000
HUGE = 10**100_000
STREAM = {"streams": "split-digits"}


@pytest.mark.parametrize(
    "study",
    [
        {"streams": LONG},
        {**STREAM, "rules": LONG},
        {**STREAM, "rules": {"name": LONG}},
        {**STREAM, "rules": {LONG: 1}},
        {**STREAM, "rules": {HUGE: 1}},
        {**STREAM, "rules": {"name": "sam", LONG: 1}},
        {**STREAM, "rules": {"name": "sam", "rho": LONG}},
        {**STREAM, "rules": {"name": "sam", "rho": [[LONG] * 50] * 50}},
        {**STREAM, "rules": {"name": "sam", "label": "\x1b" + LONG}},
        {**STREAM, "rules": [{"name": "sam", "label": LONG}, {"name": "asam", "label": LONG}]},
        {**STREAM, "rules": [LONG] * 200},
        {**STREAM, "strategies": [LONG[:1000] + str(i) for i in range(1000)]},
        {**STREAM, LONG: 1},
        {**STREAM, HUGE: 1},
        {**STREAM, "name": "\x1b" + LONG},
        {**STREAM, "seeds": HUGE},
        {**STREAM, "seeds": LONG},
        {**STREAM, "model": LONG},
        {**STREAM, "train": {"epochs": LONG}},
        {**STREAM, "train": LONG},
        {**STREAM, "skip_unsupported": LONG},
        {**STREAM, "imports": [LONG, 3]},
        {**STREAM, "only": {"rules": LONG}},
        {**STREAM, "optimizers": {"name": "external", "target": LONG}},
        {**STREAM, "optimizers": {"name": "external", "target": "a.b", "settings": {LONG + "-": 1}}},
        {**STREAM, "optimizers": {"name": "external", "target": "a.b", "settings": {"a": {1, 2}, "b": LONG}}},
        {"streams": {"name": "split-source", "source": "\0" + LONG}},
        {"streams": {"name": "split-source", "source": LONG}},
        {"streams": {"name": "split-digits", "class_order": list(range(100_000))}},
        {**STREAM, "seeds": [*range(50_000), 0]},
        {**STREAM, "optimizers": {"name": "sgd", "schedule": {"name": "multistep", "milestones": [9] * 100_000}}},
        {**STREAM, "tuning": {"held_out": {"seeds": [1]}, "search": {LONG: {"lr": [1]}}}},
        {**STREAM, "tuning": {"held_out": {"seeds": [0]}, "search": {"sgd": {LONG: [1, 2], "lr": [LONG]}}}},
        {**STREAM, "seeds": 50_000, "tuning": {"held_out": {"seeds": 3}, "search": {"sgd": {"lr": [0.1, 0.2]}}}},
        {**STREAM, "chosen": [dict.fromkeys(["stream", "strategy", "rule", "optimizer"], LONG) | {"settings": {}}] * 2},
    ],
)
def test_a_study_is_refused_in_few_words(study):
    began = time.process_time()
    with pytest.raises(UserError) as error:
        parse_study(study)
    assert time.process_time() - began < 5
    lines = str(error.value).splitlines()
    assert max(map(len, lines)) < 1500
    assert len(lines) < 110
    assert "x" * 81 not in str(error.value)
    assert str(error.value).replace("\n", "").isprintable()


ARGUMENT = LONG[:100_000]


@pytest.mark.parametrize(
    "assignment", [LONG, f"{LONG}=1=2", f"rules.{LONG}=1", f"train={ARGUMENT}: [", f"a.{LONG}.b=1"]
)
def test_an_assignment_is_refused_in_few_words(assignment):
    raw = {**STREAM, "rules": ["none", {"name": "sam", "label": LONG}]}

    def set_and_parse():
        apply_override(raw, assignment)
        parse_study(raw)

    with pytest.raises(UserError) as error:
        set_and_parse()
    assert len(str(error.value)) < 1500


def test_many_known_names_are_counted():
    message = unknown_name("entry", "rule-5", [f"rule{i}" for i in range(100_000)])
    assert message.startswith("unknown entry 'rule-5'; did you mean 'rule5'? (known: rule0, rule1, ")
    assert message.endswith(", rule59, and 99940 more)")
    assert closest(LONG, [LONG, "x"]) is None
    assert len(unknown_name("entry", "a", ["b", LONG])) < 200
