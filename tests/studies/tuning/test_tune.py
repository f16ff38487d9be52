"""Settings are chosen on held-out data before the study is run and reported."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from lifelong_lb import load_results, run_study, tune_study
from lifelong_lb.config import UserError, expand, parse_study, read_study
from lifelong_lb.config.tuning import Chosen, at_the_edge
from lifelong_lb.evaluation import METRICS
from lifelong_lb.studies.tuning.held_out import held_out_study
from lifelong_lb.studies.tuning.search import CombinationSearch, Trial
from lifelong_lb.studies.tuning.tune import searches_of

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

TUNING = {
    "trials": 2,
    "held_out": {"seeds": [100, 101], "first_experiences": 2, "validation": 0.2},
    "search": {"sam": {"rho": {"low": 0.01, "high": 0.5, "log": True}}, "sgd": {"lr": [0.01, 0.1, 1.0]}},
}
STUDY = {
    "streams": {"name": "split-digits", "images_per_class": 6},
    "strategies": ["naive", {"name": "replay", "mem_size": 10}],
    "rules": ["none", "sam"],
    "model": {"name": "mlp", "hidden": [4]},
    "train": {"batch_size": 60},
    "tuning": TUNING,
}


def study(**changes):
    return {**STUDY, **changes}


def tuning(**changes):
    return study(tuning={**TUNING, **changes})


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned")
    return SimpleNamespace(out=out, results=tune_study(STUDY, out, executor="in-process"))


def configurations(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/config.json"))]


def test_phase_one_sees_neither_the_test_part_nor_a_reported_seed(tuned):
    tried, reported = configurations(tuned.out / "tuning"), configurations(tuned.out / "report")
    assert {(config["strategy"]["name"], config["rule"]["name"]) for config in tried} == {
        (strategy, rule) for strategy in ("naive", "replay") for rule in ("none", "sam")
    }
    assert {config["stream"]["evaluate"] for config in tried} == {"validation"}
    assert {config["stream"]["first"] for config in tried} == {2}
    assert {config["seed"] for config in tried} == {100, 101}
    assert {config["stream"]["evaluate"] for config in reported} == {"test"}
    assert {config["stream"]["first"] for config in reported} == {None}
    assert {config["seed"] for config in reported} == {0}


def test_what_is_chosen_is_the_best_trial_and_what_is_run(tuned):
    chosen = read_study(tuned.out / "chosen.yaml")
    trials = pd.read_csv(tuned.out / "tuning" / "trials.csv")
    runs, _ = load_results(tuned.out / "tuning")
    values = runs.set_index("run")["average_accuracy"]
    for _, trial in trials.iterrows():  # by hand
        assert trial["average_accuracy"] == pytest.approx(values[trial["runs"].split()].mean())
    assert len(chosen.chosen) == 4
    for one in chosen.chosen:
        own = trials[(trials["strategy"] == one.strategy) & (trials["rule"] == one.rule)]
        best = own.loc[own["average_accuracy"].idxmax()]
        assert one.summary() == best["settings"].replace("=", " = ").replace("; ", ", ")
        assert one.search.best == pytest.approx(best["average_accuracy"])
        assert one.search.gradient_evaluations == own["gradient_evaluations"].sum()
        config = next(
            run.config
            for run in expand(chosen)
            if (run.config.strategy.name, run.config.rule.name) == (one.strategy, one.rule)
        )
        assert config.run_id in set(tuned.results.runs["run"])
        assert config.optimizer.lr == one.settings["sgd"]["lr"]
        assert one.rule == "none" or config.rule.rho == one.settings["sam"]["rho"]
    assert list(dict.fromkeys(tuned.results.runs["rule"])) == ["none", "sam"]  # one rule each, for any rho


def test_nothing_is_computed_twice_and_the_choice_stays(tuned):
    before = (tuned.out / "chosen.yaml").read_text()
    stamps = {path: path.stat().st_mtime_ns for path in tuned.out.glob("*/runs/*/result.json")}
    tune_study(STUDY, tuned.out, executor="in-process")
    assert (tuned.out / "chosen.yaml").read_text() == before
    assert {path: path.stat().st_mtime_ns for path in tuned.out.glob("*/runs/*/result.json")} == stamps


def test_the_chosen_file_says_how_and_runs_by_itself(tuned):
    text = (tuned.out / "chosen.yaml").read_text()
    assert "# split-digits / naive / sam / sgd: sam.rho = " in text
    assert "the best of 2 trials" in text
    again = expand(parse_study(yaml.safe_load(text)))
    assert {run.config.run_id for run in again} == set(tuned.results.runs["run"])


def test_the_report_lists_what_was_chosen_and_from_what(tuned):
    chosen = read_study(tuned.out / "chosen.yaml").chosen
    page, summary = ((tuned.out / "report" / name).read_text() for name in ("report.html", "summary.md"))
    assert len(chosen) == 4
    total = sum(one.search.gradient_evaluations for one in chosen)
    assert f"all searches together took {total:,} gradient evaluations" in summary
    for one in chosen:
        assert f'<td class="label">{one.summary()}</td>' in page
        assert f"| {one.search.trials} | {100 * one.search.best:.1f} | {100 * one.search.median:.1f} |" in summary
    assert "rho chosen for each combination" in page
    assert "sam.rho: 0.01 to 0.5, log; sgd.lr: 0.01, 0.1, 1.0" in page


@pytest.mark.parametrize(
    ("space", "value", "at_end"),
    [
        ({"low": 0.01, "high": 1.0, "log": True}, 0.012, True),
        ({"low": 0.01, "high": 1.0, "log": True}, 0.02, False),
        ({"low": 0.01, "high": 1.0}, 0.02, True),
        ({"low": 0.01, "high": 1.0}, 0.97, True),
        ([0.1, 0.2, 0.3], 0.3, True),
        ([0.1, 0.2, 0.3], 0.2, False),
        ([0.2, 0.3, "adaptive"], "adaptive", False),
        ([False, True], True, False),
    ],
)
def test_values_at_an_end_of_their_range_are_listed(space, value, at_end):
    found = {
        **{"metric": "average_accuracy", "trials": 1, "not_done": 0, "gradient_evaluations": 3},
        **{"best": 0.5, "median": 0.5, "worst": 0.5, "space": {"r": {"x": space}}},
    }
    at = {"stream": "s", "strategy": "t", "rule": "r", "optimizer": "o"}
    one = Chosen(**at, settings={"r": {"x": value}}, search=found)
    assert list(at_the_edge(one)) == (["r.x"] if at_end else [])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (tuning(held_out={"seeds": [0, 100]}), "must not be among the study's seeds.*got 0"),
        (tuning(held_out={"seeds": [100], "validation": 0}), r"held_out.validation: must be a number in \(0, 1\)"),
        (tuning(search={"sma": {"rho": [1, 2]}}), "unknown entry 'sma'; did you mean 'sam'"),
        (tuning(search={"sam": {"rho": {"low": -1, "high": 1}}}), r"sam.rho: invalid value -1.0"),
        (tuning(search={"sam": {"rho": {"low": 1, "high": 0.1}}}), "needs low < high"),
        (tuning(search={"replay": {"mem_size": {"low": 1, "high": 6}}}), "whole: true"),
        (tuning(metric="accuracy"), "unknown metric 'accuracy'"),
        (tuning(metric="forgetting", held_out={"seeds": [9], "first_experiences": 1}), "needs at least 2 experiences"),
        (study(tuning=None), "needs a section tuning"),
    ],
)
def test_what_is_refused(raw, said):
    with pytest.raises(UserError, match=said):
        searches_of(parse_study(raw))


def test_run_says_that_nothing_is_chosen_yet(tmp_path):
    with pytest.raises(UserError, match="lifelong-lb tune"):
        run_study(STUDY, tmp_path, executor="in-process")
    assert not list(tmp_path.iterdir())


def test_other_class_orders():
    fixed = {"name": "split-digits", "class_order": list(range(10))}
    held = {"seeds": [7], "class_order": "other"}
    same, other = (
        held_out_study(parse_study({**tuning(held_out={**held, "class_order": o}), "streams": fixed})).streams[0]
        for o in ("same", "other")
    )
    assert (same.class_order, other.class_order) == (tuple(range(10)), None)


def search(metric="average_accuracy"):
    raw = study(strategies="naive", rules="sam", tuning={**TUNING, "metric": metric, "search": {"sam": SAM}})
    return searches_of(parse_study(raw))[0]


SAM = {"rho": {"low": 0.01, "high": 1.0, "log": True}}


def searched(values, metric="average_accuracy") -> CombinationSearch:
    one = search(metric)
    for number, value in enumerate(values):
        one.tell(Trial(number, one.ask()[0], (), value, 5))
    return one


def test_trials_that_were_not_done_count_as_the_worst():
    nan = float("nan")
    for metric, best in (("average_accuracy", 2), ("forgetting", 1)):
        assert METRICS[metric].higher_is_better == (metric == "average_accuracy")
        one = searched([nan, 0.2, 0.8, 0.5, nan], metric)
        assert one.best().number == best
        found = one.chosen().search
        assert (found.trials, found.not_done, found.median, found.gradient_evaluations) == (5, 2, 0.5, 25)
        assert {found.best, found.worst} == {0.2, 0.8}
    none = searched([nan, nan]).chosen()
    assert (none.settings, none.search.best, none.search.not_done) == ({}, None, 2)


def test_points_follow_from_the_values_alone():
    first, second = (searched([0.1 * i for i in range(14)]) for _ in range(2))
    assert [trial.point for trial in first.trials] == [trial.point for trial in second.trials]
    other = searched([0.1 * (13 - i) for i in range(14)])
    assert [trial.point for trial in other.trials[:10]] == [trial.point for trial in first.trials[:10]]
    assert [trial.point for trial in other.trials] != [trial.point for trial in first.trials]
