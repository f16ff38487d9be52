"""Study files and constructors refuse the same hyper-parameters of a rule, with the same range in the message."""

import inspect
import math

import pytest

from lifelong_lb.config import RULE_ENTRIES, UserError, parse_study
from lifelong_lb.optim import RULES, Passes

TINY = math.ulp(0.0)
NUMBERS = [-1.0, -TINY, 0.0, TINY, 0.5, math.nextafter(1, 0), 1.0, math.nextafter(1, 2), 1e300]
WHOLE = [-1, 0, 1, 2]
NAMES = ["nosuch", "last", "mean", "updated", "previous", "adaptive", "adaptive-global", "first", "same"]


def _settings():
    for name, rule in RULES.items():
        for key, parameter in inspect.signature(rule).parameters.items():
            if key == "passes" or isinstance(parameter.default, bool):
                continue
            yield name, key, {float: NUMBERS, int: WHOLE, str: NAMES}[type(parameter.default)]


def _range_in_study(name, key, value):
    try:
        parse_study({"streams": "split-digits", "rules": {"name": name, key: value}})
    except UserError as error:
        before, _, rest = str(error).partition(f"rules.{key}: must be ")
        assert before == "study: "
        return rest.removesuffix(f"; got {value!r}")
    return None


def _range_in_python(make, key):
    try:
        make()
    except ValueError as error:
        return str(error).removeprefix(f"{key} must be ").rpartition("; got ")[0]
    return None


@pytest.mark.parametrize(("name", "key", "values"), [*_settings()])
def test_hyper_parameters_of_rules(name, key, values):
    ranges = [_range_in_study(name, key, value) for value in values]
    assert ranges == [_range_in_python(lambda value=value: RULES[name](**{key: value}), key) for value in values]
    assert None in ranges
    assert len({*ranges} - {None}) == 1


@pytest.mark.parametrize("key", ["batch_norm", "dropout"])
def test_options_of_passes(key):
    ranges = [_range_in_study("sam", key, value) for value in NAMES]
    assert ranges == [_range_in_python(lambda value=value: Passes(**{key: value}), key) for value in NAMES]
    assert len({*ranges} - {None}) == 1


def test_names_instead_of_numbers():
    for name in ("lookbehind-sam", "lookbehind-asam"):
        values = [*NAMES, *NUMBERS]
        ranges = [_range_in_study(name, "alpha", value) for value in values]
        assert ranges == [_range_in_python(lambda v=v, n=name: RULES[n](alpha=v), "alpha") for v in values]
        assert ranges[NAMES.index("adaptive")] is None
        assert ranges[0] == "a number in (0, 1], 'adaptive' or 'adaptive-global'"


def test_every_rule_is_compared():
    assert {name for name, _, _ in _settings()} == set(RULE_ENTRIES) - {"none"}
