"""Study files that would grow large, deep or many are refused or answered within a few seconds."""

import os
import sys
from pathlib import Path

import pytest

from lifelong_lb.config import UserError, expand, left_out, parse_study, read_study, unsupported
from lifelong_lb.config.checks.labels import axis_labels, seeds_in_words
from lifelong_lb.config.entries.rules import SAM
from lifelong_lb.config.reading.yaml_file import parse_yaml
from lifelong_lb.config.runs import RunConfig, combinations, run_id_of, runs_of
from lifelong_lb.studies.planning.validate import lines_about, plan_of

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "reliability"))
import hostile_studies

BASE = "streams: split-digits\n"


def of(axis, name, key, count):
    return {axis: [{"name": name, key: i} for i in range(1, count + 1)]}


MERGES = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MERGES, "7: << copies more than 200,000 keys"),
        ("x: " + "[" * 100_000, "1: nested deeper than 40 levels"),
        ("x: " + "{a: " * 41, "1: nested deeper than 40 levels"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000)),
            "levels through aliases",
        ),
        ("x: " + "9" * 100_000, "1: not YAML: a number has 100,000 characters; at most 64 are allowed"),
        ("x: 0x" + "f" * 100_000, "1: not YAML: a number has 100,002 characters"),
        ("x: " + ":".join(["1"] * 20_000), "1: not YAML: a number has 39,999 characters"),
        ("x: " + ":".join(["1"] * 20_000) + ".5", "1: not YAML: a number has 40,001 characters"),
        ("x: [" + "1, " * 130_000 + "]", "1: more than 120,000 keys and values"),
        ("x: !!set {a, b}", "1: not YAML: could not determine a constructor for the tag"),
        ("x: !!python/object/apply:os.system [ls]", "1: not YAML: could not determine a constructor for the tag"),
        ("&a [1, 2]: x", "1: not YAML: while constructing a mapping that begins on line 1, found unhashable key"),
    ],
)
def test_bombs_are_refused_before_they_are_expanded(text, message):
    with pytest.raises(UserError) as error:
        parse_yaml(text, "my.yaml")
    assert message in str(error.value)
    assert len(str(error.value)) < 500
    with pytest.raises(UserError) as error:
        parse_yaml(text, "--set x", lines=False)
    assert len(str(error.value)) < 500


def test_merges_mean_what_they_meant():
    text = "a: &a {k: 1, l: 2}\nb: &b {<<: *a, k: 3}\nc: {<<: [*b, *a], m: 4}\nd: &d {<<: *d, k: 1}\n"
    found = parse_yaml(text, "my.yaml")
    assert found["c"] == {"k": 3, "l": 2, "m": 4}
    assert found["d"] == {"k": 1}
    assert found["c"].locations["m"] == "my.yaml:3"


def test_large_documents_are_read_like_small_ones():
    text = "rules:\n" + "".join(f"  - {{name: sam, rho: {i}e-5, label: 'é {i}'}}\n" for i in range(1000))
    found = parse_yaml(text, "my.yaml")
    assert len(text) > 20_000
    assert found["rules"][999] == {"name": "sam", "rho": "999e-5", "label": "é 999"}
    assert found["rules"].locations[999] == "my.yaml:1001"
    with pytest.raises(UserError, match=r"^my.yaml:1002: duplicate key 'rules' \(first defined on line 1\)$"):
        parse_yaml(text + "rules: sam\n", "my.yaml")


def test_plain_values_have_the_same_limits():
    deep = {}
    for _ in range(400):
        deep = {"a": deep}
    with pytest.raises(UserError, match="nested deeper than 40 levels"):
        parse_study({"streams": "split-digits", "model": {"name": "timm", "settings": deep}})
    circle = []
    circle.append(circle)
    with pytest.raises(UserError, match="an alias makes a mapping or list contain itself"):
        parse_study({"streams": "split-digits", "rules": circle})


def test_each_file_is_read_once(tmp_path):
    (tmp_path / "b0.yaml").write_text(BASE + "seeds: 3\n")
    for i in range(1, 60):
        (tmp_path / f"b{i}.yaml").write_text(f"extends: [b{i - 1}.yaml, b{i - 1}.yaml]\n")
    assert read_study(tmp_path / "b59.yaml").seeds == (0, 1, 2)
    for i in range(60, 120):
        (tmp_path / f"b{i}.yaml").write_text(f"extends: b{i - 1}.yaml\n")
    with pytest.raises(UserError, match="extends more than 99 study files"):
        read_study(tmp_path / "b119.yaml")


@pytest.mark.parametrize("kind", ["fifo", "zero", "large", "folder"])
@pytest.mark.parametrize("by", ["itself", "extends"])
def test_only_regular_files_are_read(tmp_path, kind, by):
    path = tmp_path / "base.yaml"
    {
        "fifo": lambda: os.mkfifo(path),
        "zero": lambda: path.symlink_to("/dev/zero"),
        "large": lambda: path.write_bytes(b"#" * 5_000_000),
        "folder": path.mkdir,
    }[kind]()
    (tmp_path / "s.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(UserError, match=r"base.yaml: cannot be read as a study file \("):
        read_study(tmp_path / "s.yaml" if by == "extends" else path)


@pytest.mark.parametrize(
    ("raw", "runs"),
    [
        ({"rules": "sam", "seeds": 1_000_000}, 1_000_000),
        ({**of("rules", "sam", "rho", 1000), "seeds": 1000}, 1_000_000),
        ({**of("rules", "sam", "rho", 100), **of("strategies", "replay", "mem_size", 100), "seeds": 100}, 1_000_000),
        ({**of("rules", "sam", "rho", 100), **of("strategies", "lamaml", "n_inner_updates", 99),
          "optimizers": ["sgd", "adam"], "skip_unsupported": True, "rules": ["none", "sam"]}, 99 * 2),
    ],
)  # fmt: skip
def test_a_million_runs_are_counted_without_making_them(tmp_path, raw, runs):
    plan = plan_of(parse_study({"streams": "split-digits", **raw}), tmp_path)
    assert plan.total == runs
    assert len(plan.runs) <= 20_000
    lines = list(lines_about(plan))
    assert max(map(len, lines)) < 3000
    assert len(lines) < 50


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"rules": ["none", "sam"], "seeds": 500_001},
            "seeds: the study has 1,000,002 runs (2 combinations x 500,001 seeds); at most 1,000,000 are allowed",
        ),
        (
            {**of("rules", "sam", "rho", 1001), **of("strategies", "replay", "mem_size", 1000)},
            "rules: the study has 1,001,000 combinations (1 streams x 1,000 strategies x 1,001 rules x 1 optimizers); "
            "at most 1,000,000 are allowed",
        ),
        ({"only": [{"rules": "none"}] * 1001}, "only: must have at most 1,000 selections; got 1,001"),
        ({"rules": ["smm"] * 1000}, "at least 100 problems"),
        (
            {"streams": {"name": "permuted-digits", "experiences": 1001}},
            "must have at most 1,000 experiences; got 1001",
        ),
        ({"streams": {"name": "generated", "train_images": 10**9}}, "must have at most 2,000,000 images"),
        (
            {"train": {"epochs": 10**30}},
            "train.epochs: must be a whole number from -9007199254740992 to",
        ),
        ({"train": {"match": "gradients", "passes": 1e300}}, "train.passes: must be a number in (0, 1000000]"),
    ],
)
def test_what_lies_beyond_the_limits_is_refused(raw, message):
    with pytest.raises(UserError) as error:
        parse_study({"streams": "split-digits", **raw})
    assert message in str(error.value)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize("label", ["=1+1", "+x", "-x", "@x"])
def test_labels_are_no_formulas(label):
    raw = {"streams": "split-digits", "rules": ["none", {"name": "sam", "label": label}]}
    with pytest.raises(UserError, match=r"rules\[1\].label: must not begin with = \+ - or @"):
        parse_study(raw)
    assert parse_study(raw, merged=True).rules[1].label == label  # stored before there was this rule


def test_exclusions_bring_a_study_within_the_limit():
    raw = {"streams": "split-digits", "rules": ["none", "sam"], "seeds": 600_000, "exclude": {"rules": "sam"}}
    study = parse_study(raw)
    assert combinations(study) == [(0, 0, 0, 0)]
    assert left_out(study) == 600_000
    assert unsupported(study) == {}


def test_labels_of_namesakes_need_one_look_at_each():
    labels = axis_labels([SAM(rho=i / 1e4) for i in range(1, 5001)])
    assert labels[:2] == ["sam(rho=0.0001)", "sam(rho=0.0002)"]
    assert len(set(labels)) == 5000


def test_runs_are_named_by_their_configuration():
    raw = {
        "streams": [
            {"name": "split-digits", "label": "a", "chunk": 10, "task_boundaries": True},
            {"name": "permuted-digits", "model": "small-cnn", "train": {"epochs": 3}, "label": "b"},
        ],
        "strategies": ["naive", {"name": "er-ace", "label": "é"}, "lamaml"],
        "rules": ["none", {"name": "sam", "rho": 1e-3, "label": "s", "batch_norm": "all"}],
        "optimizers": [{"name": "sgd", "label": "o"}, {"name": "external", "target": "torch.optim.Adagrad"}],
        "skip_unsupported": True,
        "seeds": [3, 2**32 - 1],
        "chosen": [
            {"stream": "a", "strategy": "é", "rule": "s", "optimizer": "o", "settings": {"s": {"rho": 0.3}}},
        ],
    }
    study = parse_study(raw)
    runs = expand(study)
    assert [run.config.run_id for run in runs] == [run_id_of(run.config.to_json()) for run in runs]
    assert len({run.config.run_id for run in runs}) == len(runs)
    assert {run.config.rule.rho for run in runs if run.config.rule.name == "sam"} == {1e-3, 0.3}
    checked = [RunConfig(**{key: getattr(run.config, key) for key in RunConfig.model_fields}) for run in runs]
    assert checked == [run.config for run in runs]
    some = combinations(study)[1:3]
    assert list(runs_of(study, some, [3])) == [run for run in runs if tuple(run.entries.values()) in some][::2]


def test_estimates_come_near_the_numbers(tmp_path):
    raw = {"streams": "split-digits", "rules": ["none", "sam"], "seeds": 5000}
    few = plan_of(parse_study({**raw, "seeds": 100}), tmp_path)
    many = plan_of(parse_study(raw), tmp_path)
    exact, estimated = (
        [line for line in lines_about(plan) if "gradient evaluations of" in line][0] for plan in (few, many)
    )
    numbers = [int(line.split()[-1].replace(",", "")) for line in (exact, estimated)]
    assert "about" not in exact
    assert "about" in estimated
    assert numbers[1] == pytest.approx(50 * numbers[0], rel=0.01)
    assert f"  estimated from {len(many.runs):,} of the 10,000 runs" in lines_about(many)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [((4,), "4"), (range(10), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"), (range(5, 16), "5 to 15 (11 seeds)"),
     ((*range(10), 11), "0, 1, 2, ..., 11 (11 seeds)"), ((*range(1, 11), 0), "1, 2, 3, ..., 0 (11 seeds)")],
)  # fmt: skip
def test_many_seeds_are_abbreviated(seeds, words):
    assert seeds_in_words(seeds) == words


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_some_hostile_studies():
    every = hostile_studies.cases(seed=1, count=10)
    chosen = [case for case in every if case.kind != "huge"][::25]
    total, held, faults = hostile_studies.try_cases(chosen)
    assert sum(total.values()) >= 30
    assert faults == []
    assert held == total
