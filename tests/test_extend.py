"""What users add by decorator or entry point is named, checked, run and reported like what is there already."""

import importlib
import math
import pickle
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from avalanche.training.plugins import SupervisedPlugin
from helpers.tiny_study import command
from reports.folders import make, two_experiences
from torch import nn
from typer.testing import CliRunner

from lifelong_lb import UserError, extend, load_results, measure_landscape, run_study
from lifelong_lb.cli import app
from lifelong_lb.config import RULE_ENTRIES, expand, parse_study, read_study
from lifelong_lb.config.describe import listing
from lifelong_lb.config.plugins import importing
from lifelong_lb.config.plugins.hooks import check_hooks
from lifelong_lb.config.plugins.register import EXTENSIONS, KINDS
from lifelong_lb.config.schema import study_schema
from lifelong_lb.data import load_images
from lifelong_lb.data.digits import DigitsSource
from lifelong_lb.data.image_tensors import ImageTensors
from lifelong_lb.evaluation import ADDED_METRICS, STORED_METRICS, explain
from lifelong_lb.optim import SAM, UpdateRule
from lifelong_lb.reports import collect
from lifelong_lb.store import ResultFolder, model_path
from lifelong_lb.streams import build_stream

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "extending.md"


@pytest.fixture(autouse=True)
def nothing_stays():
    """Registries as they were before."""
    registries = [EXTENSIONS, ADDED_METRICS, STORED_METRICS, *KINDS.values(), importing.sys.modules]
    before = [dict(registry) for registry in registries]
    yield
    for registry, content in zip(registries, before, strict=True):
        for key in set(registry) - set(content):
            del registry[key]
    importing.load_installed.cache_clear()


@pytest.fixture
def example(tmp_path):
    """The files of the page, in a folder."""
    blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "mine.py").write_text(blocks["python"], encoding="utf-8")
    (tmp_path / "study.yaml").write_text(blocks["yaml"], encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_example_of_the_page_runs_in_processes_of_its_own(example):
    assert len(expand(read_study(example / "study.yaml"))) == 12
    study = {**read_yaml(example), "strategies": ["small-replay"], "rules": ["none", "shrinking-sam"], "seeds": 1}
    run_study(study, example / "out", workers=1)
    runs, accuracy = load_results(example / "out")
    assert (runs["status"] == "done").all()
    assert runs["rule"].tolist() == ["none", "shrinking-sam"]
    assert (runs["forward_passes"] == runs["gradient_evaluations"]).all()  # of a model and a strategy added here
    last = accuracy[accuracy["trained"] == 2].groupby("run")["accuracy"].min()
    assert runs.set_index("run")["worst_accuracy"].to_dict() == pytest.approx(last.to_dict())
    assert "worst_accuracy_mean" in (example / "out" / "summary.csv").read_text()
    record = ResultFolder(example / "out").read_run(runs["run"][0])
    assert record.environment["extensions"] == {str(example / "mine.py"): importing.digest_of(str(example / "mine.py"))}


@pytest.mark.slow
def test_a_changed_file_is_told_and_reports_need_no_file(example):
    study = {**read_yaml(example), "strategies": ["naive"], "rules": ["shrinking-sam"], "seeds": 1}
    out = example / "out"
    run_study(study, out, executor="in-process")
    (example / "mine.py").write_text((example / "mine.py").read_text() + "\n# another\n")
    results = run_study({**study, "seeds": 2}, out, executor="in-process")
    assert results.problems == [f"runs with different versions of {example / 'mine.py'} are mixed here"]
    stored = load_results(out)[0]
    forget_extensions()
    (example / "mine.py").unlink()
    again = collect(ResultFolder(out))
    assert again.problems == results.problems
    assert again.runs.equals(stored)
    with pytest.raises(UserError, match=r"rules: rule shrinking-sam: not imported; name the file that registers it"):
        parse_study({"streams": "split-digits", "rules": "shrinking-sam"})
    with pytest.raises(UserError, match=r"imports\[0\]: .*mine.py cannot be imported: no such file"):
        run_study(study, out, executor="in-process")


def read_yaml(folder):
    from lifelong_lb.config.reading.yaml_file import read_yaml

    return {**read_yaml(folder / "study.yaml"), "imports": [str(folder / "mine.py")]}


def forget_extensions():
    for kind, name in list(EXTENSIONS):
        del EXTENSIONS[kind, name], KINDS[kind][name]
    ADDED_METRICS.clear()
    STORED_METRICS.clear()
    for name in [name for name in sys.modules if name.startswith("lifelong_lb_extension_")]:
        del sys.modules[name]


def test_settings_are_checked_like_ours(example):
    with pytest.raises(UserError) as error:
        parse_study({**read_yaml(example), "rules": [{"name": "shrinking-sam", "factor": 2, "rh": 1}, "shrinking-sm"]})
    assert "rules[0].factor: must be less than or equal to 1; got 2" in str(error.value)
    assert "rules[0]: unknown key 'rh'; did you mean 'rho'?" in str(error.value)
    assert "did you mean 'shrinking-sam'?" in str(error.value)


def test_classes_that_are_no_complete_rules_are_refused():
    class Incomplete(UpdateRule):
        def further_passes(self, minibatch):
            yield from ()

    with pytest.raises(UserError, match="rule incomplete: gradient_evaluations must be implemented"):
        extend.rule("incomplete", gradients=1)(Incomplete)
    with pytest.raises(UserError, match="rule other: dict must be a subclass of lifelong_lb.optim.UpdateRule"):
        extend.rule("other", gradients=1)(dict)
    assert not {("rule", "incomplete"), ("rule", "other")} & set(EXTENSIONS)


def test_extensions_are_listed_and_in_the_schema(example):
    read_study(example / "study.yaml")
    assert "SAM whose radius is multiplied by a factor after each step." in listing("rules")
    assert "rho=0.05, factor=0.99" in listing("rules")
    assert "rule-shrinking-sam" in study_schema()["$defs"]


def test_paths_are_relative_to_the_file_that_names_them(example):
    deeper = example / "deeper"
    deeper.mkdir()
    (deeper / "more.yaml").write_text("extends: ../study.yaml\nseeds: 1\n")
    assert read_study(deeper / "more.yaml").imports == (str(example / "mine.py"),)


def test_entries_reach_other_processes(example):
    runs = expand(read_study(example / "study.yaml"))
    packed, names = pickle.dumps([run.config for run in runs]), [run.config.run_id for run in runs]
    places = [run.config.stream.origin.of("name") for run in runs]
    forget_extensions()
    again = pickle.loads(packed)
    assert [config.run_id for config in again] == names
    assert [config.stream.origin.of("name") for config in again] == places
    assert all(re.match(r".*study\.yaml:\d+: streams\[0\]$", place) for place in places)


def test_installed_packages_are_found_by_their_entry_point(example, monkeypatch):
    monkeypatch.syspath_prepend(str(example))
    points = [EntryPoint("mine", "mine", importing.GROUP)]
    monkeypatch.setattr(importing, "entry_points", lambda group: points if group == importing.GROUP else [])
    importing.load_installed.cache_clear()
    study = {key: value for key, value in read_yaml(example).items() if key != "imports"}
    assert parse_study(study).rules[1].name == "shrinking-sam"
    assert EXTENSIONS["rule", "shrinking-sam"].origin == "mine"
    factor = study_schema()["$defs"]["rule-shrinking-sam"]["properties"]["factor"]
    assert (factor["maximum"], factor["default"]) == (1, 0.99)


def test_a_broken_file_is_told_without_a_traceback(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    (tmp_path / "s.yaml").write_text("imports: broken.py\nstreams: split-digits\n")
    result = CliRunner().invoke(app, ["validate", str(tmp_path / "s.yaml")], standalone_mode=False)
    assert isinstance(result.exception, UserError)
    reason = "ModuleNotFoundError: No module named 'no_such_module'"
    assert f"broken.py cannot be imported: {reason}" in str(result.exception)
    assert f"{tmp_path / 's.yaml'}:1: imports[0]:" in str(result.exception)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *, rho: 1, "must take passes; passes is missing"),
        (lambda passes, rho=0.1: 1, "the parameter rho needs a type, e.g. rho: float = 0.1"),
        (lambda passes, *more: 1, r"must be parameters that can be passed by keyword; got \*more"),
        (lambda passes, **more: 1, r"must be parameters that can be passed by keyword; got \*\*more"),
        (lambda passes, batch_norm="first": 1, "batch_norm is a reserved name in study files"),
    ],
)
def test_functions_that_cannot_be_used_are_refused(function, message):
    with pytest.raises(UserError, match=message):
        extend.rule("mine", gradients=2)(function)


@pytest.mark.parametrize("name", ["", "a b", "x=1", "a.b"])
def test_names_that_study_files_cannot_hold_are_refused(name):
    with pytest.raises(UserError, match="needs a name without spaces and punctuation"):
        extend.rule(name, gradients=2)(SAM)


def _class(base, **body):
    return type("Mine", (base,), {"__module__": __name__, **body})


def _rule_with(name):
    body = {name: lambda self, *arguments: None, "__init__": lambda self, passes: None}
    extend.rule("mine-with-a-typo", gradients=2)(_class(SAM, **body))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("further_pases", "further_passes"),
        ("_further_passes", "further_passes"),
        ("futher_passes", "further_passes"),
        ("_load_first_point", "load_first_point"),
        ("before_fist_pass", "before_first_pass"),
        ("synchronize", "synchronise"),
        ("load_state_dicts", "load_state_dict"),
        ("gradient_evaluation", "gradient_evaluations"),
        ("keep_weights", "keeps_weights"),
    ],
)
def test_misspelt_methods_of_rules_are_refused(name, meant):
    with pytest.raises(UserError, match=f"mine-with-a-typo: the method {name} is never called; did you mean {meant}"):
        _rule_with(name)


def test_rules_that_override_nothing_are_refused():
    with pytest.raises(UserError, match=r"its methods are never called \(climb\); it must override one"):
        _rule_with("climb")


def test_models_without_forward_are_refused():
    body = {"forwrad": lambda self, x: x, "__init__": lambda self, image: None}
    with pytest.raises(UserError, match="model mine: must have a method forward.* did you misspell it as forwrad"):
        extend.model("mine")(_class(nn.Module, **body))


PLUGIN = """
from avalanche.core import SupervisedPlugin
from avalanche.training.supervised import Naive

from lifelong_lb import extend
from lifelong_lb.strategies import register_plugin


class Scaled(SupervisedPlugin):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def before_backward(self, strategy, **kwargs):
        strategy.loss = self.factor * strategy.loss


{register}


@extend.strategy("scaled")
def scaled(common: dict, *, factor: float = 1.0):
    return Naive(**{{**common, "plugins": [*common["plugins"], Scaled(factor)]}})
"""


def plugin_study(folder, register):
    (folder / "mine.py").write_text(PLUGIN.format(register=register), encoding="utf-8")
    study = {"streams": {"name": "split-digits", "experiences": 2}, "model": {"name": "mlp", "hidden": [8]}}
    strategies = ["naive", {"name": "scaled", "factor": 1}]
    return {**study, "imports": [str(folder / "mine.py")], "strategies": strategies, "rules": "sam", "seeds": 1}


@pytest.mark.slow
def test_a_registered_plugin_takes_part_in_worker_processes(tmp_path):
    study = plugin_study(tmp_path, 'register_plugin(Scaled, again=["before_backward"])')
    runs = run_study(study, tmp_path / "out", workers=1).runs
    assert runs["status"].tolist() == ["done", "done"]
    assert runs["average_accuracy"].nunique() == 1


@pytest.mark.slow
def test_a_plugin_that_is_not_registered_fails_its_runs(tmp_path):
    runs = run_study(plugin_study(tmp_path, ""), tmp_path / "out", workers=1).runs
    assert runs.set_index("strategy")["status"].to_dict() == {"naive": "done", "scaled": "failed"}
    folder = ResultFolder(tmp_path / "out")
    record = folder.read_run(runs.set_index("strategy")["run"]["scaled"])
    assert "unsupported hook Scaled.before_backward" in record.message
    assert "register the plugin with register_plugin(Scaled, again=['before_backward']) to call" in record.message


def test_a_misspelt_hook_is_refused_at_registration(tmp_path):
    study = plugin_study(tmp_path, 'register_plugin(Scaled, again=["before_backwards"])')
    with pytest.raises(
        UserError, match="plugin Scaled: unknown hook 'before_backwards'; did you mean 'before_backward'"
    ):
        parse_study(study)


def test_misspelt_hooks_of_plugins_are_refused():
    hook = {"before_trainig_iteration": lambda self, strategy, **kwargs: None}
    with pytest.raises(UserError, match="before_trainig_iteration is never called; did you mean before_train"):
        check_hooks(_class(SupervisedPlugin, **hook), "strategy mine: its plugin Mine")
    helper = {"before_backward": lambda self, s, **kw: None, "before_backwards": lambda self: None, "own": print}
    check_hooks(_class(SupervisedPlugin, **helper), "strategy mine: its plugin Mine")


@pytest.mark.parametrize("function", [lambda: 0.0, lambda R, other: 0.0, lambda *, R: 0.0])
def test_metrics_of_other_arguments_are_refused(function):
    add = extend.metric("mine", formula="", source="", higher_is_better=True)
    with pytest.raises(UserError, match="metric mine: the function must take the accuracy matrix as its only argument"):
        add(function)


def test_a_file_that_a_study_imports_can_be_imported_as_a_module(example, monkeypatch):
    """A test of one's own rules imports the file, and may read the study too."""
    monkeypatch.syspath_prepend(example)
    mine = importlib.import_module("mine")
    assert len(expand(read_study(example / "study.yaml"))) == 12
    assert EXTENSIONS["rule", "shrinking-sam"].origin == str((example / "mine.py").resolve())
    (example / "other.py").write_text((example / "mine.py").read_text())
    with pytest.raises(UserError, match=r"other.py cannot be imported: the rule shrinking-sam already exists"):
        importing.import_named(str(example / "other.py"))
    assert issubclass(mine.ShrinkingSAM, SAM)


def test_a_metric_is_not_taken_from_another_file(tmp_path):
    metric = "extend.metric('mine', formula='', source='', higher_is_better=True)(lambda R: 0.0)\n"
    for name in ("first.py", "second.py"):
        (tmp_path / name).write_text("from lifelong_lb import extend\n" + metric)
    importing.import_named(str(tmp_path / "first.py"))
    with pytest.raises(UserError, match=r"second.py cannot be imported: invalid metric name 'mine': already in use"):
        importing.import_named(str(tmp_path / "second.py"))


def test_names_that_are_taken_are_refused():
    with pytest.raises(UserError, match="the rule sam already exists; choose another name"):
        extend.rule("sam", gradients=2)(SAM)
    with pytest.raises(UserError, match="the strategy slda already exists"):
        extend.strategy("slda")(lambda common: None)
    with pytest.raises(UserError, match="invalid metric name 'forgetting': already in use"):
        extend.metric("forgetting", formula="", source="", higher_is_better=True)(len)


@pytest.mark.slow
def test_what_a_script_defines_stays_in_its_process(tmp_path):
    def mine(*, passes, rho: float = 0.1):
        return SAM(rho=rho, passes=passes)

    mine.__module__ = "__main__"
    extend.rule("mine", gradients=2)(mine)
    study = {"streams": {"name": "split-digits", "experiences": 2}, "rules": "mine", "seeds": 1}
    with pytest.raises(UserError, match="the rule mine is defined in the script or notebook"):
        run_study(study, tmp_path / "out")
    runs = run_study(study, tmp_path / "out", executor="in-process").runs
    same = run_study({**study, "rules": {"name": "sam", "rho": 0.1}}, tmp_path / "sam", executor="in-process").runs
    assert runs["average_accuracy"].tolist() == same["average_accuracy"].tolist()
    extend.rule("mine", gradients=2)(mine)  # as a notebook's cell that is run again
    assert RULE_ENTRIES["mine"]().rho == 0.1


def test_rules_say_how_many_gradients_they_take(example):
    runs = expand(read_study(example / "study.yaml"))
    assert {run.config.rule.name: run.config.rule.gradients(0) for run in runs} == {
        "none": (1, 1),
        "shrinking-sam": (2, 2),
    }
    extend.rule("some", gradients=(1, 3))(SAM)
    assert RULE_ENTRIES["some"]().gradients(5) == (1, 3)
    with pytest.raises(UserError, match=r"gradients must be at least 1, or a pair .minimum, maximum.; got \(2, 1\)"):
        extend.rule("more", gradients=(2, 1))


def added(function, scenario="class-incremental", **settings):
    extend.stream("mine", scenario=scenario, dataset="digits")(function)
    study = parse_study({"streams": {"name": "mine", "experiences": 2, **settings}})
    return build_stream(study.streams[0], load_images(DigitsSource()), 0)


def part(labels, size=4):
    return ImageTensors(torch.zeros(len(labels), 1, size, size, dtype=torch.uint8), torch.tensor(labels))


def test_added_streams_have_the_shape_that_heads_need():
    def function(images, seed: int, *, experiences: int):
        return [(part([0, 0, 1]), part([1])), (part([2, 2]), part([2]))]

    stream = added(function)
    assert (stream.shape.classes, stream.shape.classes_an_experience, stream.shape.image) == (3, 2, (1, 4, 4))
    assert [sorted(e.classes_in_this_experience) for e in stream.train] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (3, "a list of 2 pairs, one per experience; got int"),
        ([(part([0]), part([0]))], "a list of 2 pairs, one per experience; got length 1"),
        ([part([0]), part([1])], "of ImageTensors; the item of experience 0 is not one"),
        (
            [(part([0]), part([0])), (part([1], 5), part([1], 5))],
            "those of experience 1 differ from those of experience 0",
        ),
        ([(part([0]), part([0])), (part([2]), part([2]))], r"labels from 0 without gaps; got \[0, 2\]"),
        ([(part([0]), part([0])), (part([1]), part([0]))], "experience 1 has other classes"),
    ],
)
def test_streams_that_return_something_else_are_told_so(pairs, message):
    def function(images, seed: int, *, experiences: int):
        return pairs

    with pytest.raises(UserError, match=message):
        added(function)


def test_added_streams_see_the_images_that_are_meant():
    seen = []

    def function(images, seed: int, *, experiences: int):
        seen.append(images)
        return [(images.train, images.test)] * experiences

    added(function, "domain-incremental", images_per_class=5, validation=0.2, evaluate="validation")
    assert torch.bincount(seen[0].train.y).tolist() == [5] * 10
    assert 0 < len(seen[0].test.y) < 300


def test_metrics_are_undefined_where_they_lack_something():
    @extend.metric("first", formula="R[0, 0]", source="us", higher_is_better=True, needs=lambda T: [(0, 0)])
    def first(R):
        return R[0, 0]

    nan = float("nan")
    assert ADDED_METRICS["first"].function([[0.5, nan], [0.2, 0.3]]) == 0.5
    assert math.isnan(ADDED_METRICS["first"].function([[nan, nan], [0.2, 0.3]]))
    reason = "first needs the accuracy on experience 0 after experience 0, not evaluated"
    assert explain("first", [[nan, nan], [0.2, 0.3]]) == reason


def test_a_landscape_of_own_models_needs_the_file_to_be_named(example):
    kept = {"save_models": True}
    study = {**read_yaml(example), "strategies": ["naive"], "rules": ["none"], "seeds": 1, "evaluation": kept}
    study["streams"] = [{**study["streams"][0], "experiences": 2}]
    out = example / "out"
    run_study(study, out, executor="in-process")
    forget_extensions()
    settings = {"measures": ["ball"], "images": 8, "steps": 1}
    with pytest.raises(UserError, match=r"stream noisy-digits is registered by '.*, which is not .* with --imports"):
        measure_landscape(out, settings, device="cpu")
    assert not list(out.glob("runs/*/landscape.json"))
    measure_landscape(out, settings, device="cpu", imports=str(example / "mine.py"))
    assert len(list(out.glob("runs/*/landscape.json"))) == 1


@pytest.mark.parametrize("key", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"])
def test_a_landscape_loads_no_weights_that_a_folder_names(tmp_path, key):
    stream = {"name": "split-digits", "experiences": 2}
    model = {"name": "timm", "model": "resnet10t", "settings": {key: "weights.pth"}}
    folder = make(
        tmp_path / "out",
        {"streams": [stream], "model": model, "seeds": 1},
        lambda labels, seed: two_experiences(0.9, 0.8, 0.5),
    )
    for run in folder.runs_path.iterdir():
        model_path(run, 0).parent.mkdir(exist_ok=True)
        model_path(run, 0).write_bytes(b"")
    with pytest.raises(UserError, match=f"the stored timm model has {key}: 'weights.pth', a source of weights; "):
        measure_landscape(folder.path, device="cpu")


@pytest.mark.slow
def test_entries_of_a_named_file_are_listed(example):
    shown = command("list", "--imports", example / "mine.py")
    assert shown.returncode == 0, shown.stderr
    for name in ("shrinking-sam", "projection", "small-replay", "noisy-digits", "worst_accuracy"):
        assert f"\n  {name} " in shown.stdout
    assert "shrinking-sam" not in command("list", "rules").stdout
    done = command("list", "--imports", example / "nowhere.py")
    assert done.returncode == 2
    assert done.stderr == f"error: imports: {example / 'nowhere.py'} cannot be imported: no such file\n"
