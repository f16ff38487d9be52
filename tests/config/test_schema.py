"""The JSON Schema takes what the checker takes, and refuses what is invalid in a single value."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from lifelong_lb.cli import app
from lifelong_lb.config import MODEL_ENTRIES, UserError, parse_study
from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES
from lifelong_lb.config.schema import study_schema

SCHEMA = study_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = sorted((Path(__file__).parents[2] / "benchmarks" / "studies").rglob("*.yaml"))
STUDIES = [path for path in FILES if "imports:" not in path.read_text(encoding="utf-8")]
"""Study files that name built-in entries only."""
DIGITS = {"streams": "split-digits"}


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)
    bounds = {"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length"}
    assert not bounds & set(_keys(SCHEMA))
    assert {ref.removeprefix("#/$defs/") for ref in _refs(SCHEMA)} == set(SCHEMA["$defs"])


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_our_study_files(path):
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


NEEDED = {"sources": [{"name": "mnist"}], "experiences": 2}


@pytest.mark.parametrize("axis", AXES)
def test_every_name_with_its_defaults(axis):
    assert AXES[axis][1]
    for name, entry in AXES[axis][1].items():
        needed = {key: NEEDED.get(key, "mine.npz") for key, field in entry.model_fields.items() if field.is_required()}
        mapping = {"name": name, **needed}
        VALIDATOR.validate({**DIGITS, axis: [mapping]})
        VALIDATOR.validate({**DIGITS, axis: entry(**mapping).model_dump(mode="json")})
        assert VALIDATOR.is_valid({**DIGITS, axis: name}) == (not needed)
        assert not VALIDATOR.is_valid({**DIGITS, axis: {**mapping, "no-such-key": 1}})


def test_models_and_schedules():
    for name, model in MODEL_ENTRIES.items():
        VALIDATOR.validate({**DIGITS, "model": name})
        VALIDATOR.validate({**DIGITS, "model": model().model_dump(mode="json")})
    for name in SCHEDULE_ENTRIES:
        VALIDATOR.validate({**DIGITS, "optimizers": {"name": "sgd", "schedule": {"name": name, "warmup": 3}}})


@pytest.mark.parametrize(
    "study",
    [
        DIGITS,
        {**DIGITS, "seeds": [3, 1], "name": "x", "skip_unsupported": True, "strategies": ["naive", {"name": "lwf"}]},
        {"streams": [{"name": "split-digits", "model": {"hidden": [8]}, "train": {"epochs": 2}}]},
        {"streams": [{"name": "split-digits", "model": "small-cnn"}]},
        {**DIGITS, "rules": [{"name": "lookbehind-sam", "alpha": "adaptive", "label": "ours"}, "none"]},
        {**DIGITS, "evaluation": {"landscape": {"radii": [0.1]}, "save_models": True, "every": None}},
    ],
)
def test_what_both_take(study):
    VALIDATOR.validate(study)
    parse_study(study)


def test_a_file_that_extends_another_may_leave_the_rest_to_it():
    VALIDATOR.validate({"extends": "base.yaml", "model": {"hidden": [8]}})
    VALIDATOR.validate({"extends": ["a.yaml", "b.yaml"]})
    assert not VALIDATOR.is_valid({"model": {"hidden": [8]}, **DIGITS})
    assert not VALIDATOR.is_valid({"extends": 3})


@pytest.mark.parametrize(
    "study",
    [
        {},
        {"rules": "sam"},
        {**DIGITS, "rulse": "sam"},
        {**DIGITS, "rules": "asm"},
        {**DIGITS, "rules": []},
        {**DIGITS, "rules": [3]},
        {**DIGITS, "rules": {"rho": 1}},
        {**DIGITS, "rules": {"name": "sam", "rho": -1}},
        {**DIGITS, "rules": {"name": "sam", "rho": "big"}},
        {**DIGITS, "rules": {"name": "asam", "eta": 0}},
        {**DIGITS, "rules": {"name": "sam", "eta": 1}},
        {**DIGITS, "rules": {"name": "lookbehind-sam", "alpha": "adaptiv"}},
        {**DIGITS, "rules": {"name": "lookahead", "alpha": 2}},
        {**DIGITS, "rules": {"name": "lookbehind-sam", "alpha": 2}},
        {**DIGITS, "only": {}},
        {**DIGITS, "exclude": [{"rules": 3}]},
        {**DIGITS, "tuning": {"held_out": {"seeds": [7, 7]}, "search": {"sgd": {"lr": [1, 2]}}}},
        {**DIGITS, "tuning": {"held_out": {"seeds": [7]}, "search": {"sgd": {"lr": [1]}}}},
        {**DIGITS, "train": {"batchsize": 1}},
        {**DIGITS, "train": {"epochs": True}},
        {**DIGITS, "train": {"precision": "float8"}},
        {**DIGITS, "model": {"name": "mlp", "hidden": []}},
        {**DIGITS, "model": {"name": "mlp", "dropout": 1}},
        {**DIGITS, "optimizers": {"name": "sgd", "schedule": {"name": "cosin"}}},
        {**DIGITS, "optimizers": {"name": "sgd", "schedule": {"name": "step", "every": 0}}},
        {**DIGITS, "evaluation": {"landscape": {"measures": ["bal"]}}},
        {**DIGITS, "evaluation": {"landscape": {"radii": []}}},
        {**DIGITS, "seeds": 0},
        {**DIGITS, "seeds": [1, 1]},
        {"streams": {"name": "split-digits", "train": {"epochs": 0}}},
        {"streams": {"name": "split-digits", "scenario": "class"}},
        {"streams": "split"},
    ],
)
def test_what_both_refuse(study):
    assert not VALIDATOR.is_valid(study)
    with pytest.raises(UserError):
        parse_study(study)


def test_the_command_prints_it():
    done = CliRunner().invoke(app, ["schema"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, SCHEMA)


def _keys(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def _refs(schema):
    if isinstance(schema, dict):
        yield from [schema["$ref"]] if "$ref" in schema else []
        for value in schema.values():
            yield from _refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _refs(value)
