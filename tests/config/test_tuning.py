"""Mistakes in the section tuning are reported with line and full path, before anything is searched."""

import pytest

from lifelong_lb.config import UserError, parse_study, read_study
from lifelong_lb.extend import metric

FILE = """\
streams: split-digits
rules:
  - {name: sam, label: s.am}
  - lookbehind-sam
tuning:
  metric: average_accuracy
  held_out:
    seeds: [100, 101]
  search:
    s.am:
      rho: {low: 0.1,
            high: 1}
    lookbehind-sam:
      alpha: [0.2, adaptive]
"""
RHO = "rho: {low: 0.1,\n            high: 1}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (RHO, "rho: [0.1]", ":11: tuning.search.s.am.rho: needs at least two choices; got [0.1]"),
        ("high: 1", "hihg: 1", ":12: tuning.search.s.am.rho: unknown key 'hihg'; did you mean 'high'? (known: low,"),
        ("low: 0.1", "low: 5", ":11: tuning.search.s.am.rho: needs low < high; got 5 and 1"),
        ("low: 0.1", "log: true, low: 0", ":11: tuning.search.s.am.rho: needs low > 0 if log is true; got 0"),
        ("low: 0.1", "low: small", ":11: tuning.search.s.am.rho.low: must be a number; got 'small'"),
        (RHO, "rho: big", ":11: tuning.search.s.am.rho: must be a list of choices, or a mapping with low and high; "),
        (RHO, "rho: [0.1, 0.1]", ":11: tuning.search.s.am.rho: needs different choices; got"),
        (RHO, "rho: [0.1, [2]]", ":11: tuning.search.s.am.rho[1]: must be a number, a string, true or false; got [2]"),
        (RHO, "roh: [0.1, 2]", ":11: tuning.search.s.am.roh: unknown hyper-parameter of sam 'roh'; did you mean 'rho'"),
        (RHO, "rho: [0.1, -2]", ":11: tuning.search.s.am.rho: invalid value -2: must be a finite number >= 0"),
        (
            "    s.am:\n      rho",
            "    sam:\n      rho",
            ":10: tuning.search.sam: unknown entry 'sam'; did you mean 's.a",
        ),
        (
            "alpha: [0.2, adaptive]",
            "{}",
            ":13: tuning.search.lookbehind-sam: needs hyper-parameters to search, e.g.",
        ),
        ("average_accuracy", "accuracy", ":6: tuning.metric: unknown metric 'accuracy'; did you mean '"),
        ("101]", "100]", ":8: tuning.held_out.seeds: must differ from each other; got [100, 100]"),
        ("101]", "4294967296]", ":8: tuning.held_out.seeds[1]: must be a whole number from 0 to 4294967295"),
        ("101]", "0]", ":8: tuning.held_out.seeds: must not be among the study's seeds"),
    ],
)
def test_the_line_of_a_mistake(tmp_path, old, new, message):
    assert FILE.count(old) == 1
    path = tmp_path / "my.yaml"
    path.write_text(FILE.replace(old, new))
    with pytest.raises(UserError) as error:
        read_study(path)
    assert f"{path}{message}" in str(error.value)


def test_it_is_right_without_the_mistake(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(FILE)
    assert set(read_study(path).tuning.search) == {"s.am", "lookbehind-sam"}


def test_all_mistakes_are_reported_together():
    tuning = {"trails": 3, "held_out": {"seeds": []}, "search": {"sam": {"rho": "big"}}}
    with pytest.raises(UserError) as error:
        parse_study({"streams": "split-digits", "rules": "sam", "tuning": tuning})
    assert "tuning.held_out.seeds: must not be empty" in str(error.value)
    assert "tuning.search.sam.rho: must be a list of choices" in str(error.value)
    assert "tuning: unknown key 'trails'; did you mean 'trials'?" in str(error.value)


def test_a_metric_of_ones_own_can_be_tuned_for(monkeypatch):
    monkeypatch.setattr("lifelong_lb.config.tuning.ADDED", added := {})
    monkeypatch.setattr("lifelong_lb.evaluation.extending.ADDED", added)
    monkeypatch.setattr("lifelong_lb.evaluation.extending.ADDED_METRICS", {})
    tuning = {"metric": "worst_of_mine", "held_out": {"seeds": [9]}, "search": {"sgd": {"lr": [0.1, 1]}}}
    study = {"streams": "split-digits", "tuning": tuning}
    with pytest.raises(UserError, match="unknown metric 'worst_of_mine'"):
        parse_study(study)
    metric("worst_of_mine", formula="min", source="x", higher_is_better=True, least_experiences=3)(min)
    assert parse_study(study).tuning.metric == "worst_of_mine"
    with pytest.raises(UserError, match="tuning.metric: worst_of_mine needs at least 3 experiences; got 2 in"):
        parse_study({**study, "tuning": {**tuning, "held_out": {"seeds": [9], "first_experiences": 2}}})


SEARCH = {
    "metric": "average_accuracy",
    "space": {"sam": {"rho": [0.1, 0.2]}},
    "trials": 2,
    "not_done": 0,
    "best": 0.5,
    "median": 0.4,
    "worst": 0.3,
    "gradient_evaluations": 9,
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, "chosen[0].search: unknown key 'trails'; did you mean 'trials'? (known: metric, space, "),
        ({"trials": 0}, "chosen[0].search.trials: must be a whole number >= 1; got 0"),
        ({2.5: 1}, "chosen[0].search: keys must be strings; got "),
        ({"space": {"sam": {"rho": {"low": 3, "high": 1}}}}, "chosen[0].search.space.sam.rho: needs low < high; got 3"),
        ({"space": {"sam": {"rho": {"low": 3}}}}, "chosen[0].search.space.sam.rho.high: needs a value; got none"),
    ],
)
def test_a_mistake_within_a_section_is_named_by_its_full_path(changes, message):
    labels = {"streams": "split-digits", "strategies": "naive", "rules": "sam", "optimizers": "sgd"}
    axes = {axis: {"name": name, "label": name} for axis, name in labels.items()}
    one = dict(zip(("stream", "strategy", "rule", "optimizer"), labels.values(), strict=True))
    chosen = {**one, "settings": {"sam": {"rho": 0.1}}, "search": SEARCH}
    parse_study({**axes, "chosen": [chosen]})
    with pytest.raises(UserError) as error:
        parse_study({**axes, "chosen": [{**chosen, "search": {**SEARCH, **changes}}]})
    assert f"study: {message}" in str(error.value)
