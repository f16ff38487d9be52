"""The generated parts of the documentation."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from lifelong_docs.api import api
from lifelong_docs.command_line import command_line, commands
from lifelong_docs.docstrings import exists, protected, restored
from lifelong_docs.entries import KINDS, common_keys, entry, example, overview, own_keys
from lifelong_docs.markdown import table, yaml_value
from lifelong_docs.metrics import metrics
from lifelong_docs.notebooks import copy_notebooks
from lifelong_docs.pages import GENERATORS, PLACE, filled
from lifelong_docs.presets import presets
from lifelong_docs.study_keys import LINKS, definition, further_sections, keys_table, schema, section, spaced

from lifelong_lb.config import parse_study
from lifelong_lb.config.reading.presets import preset_names
from lifelong_lb.evaluation import CONTINUAL_METRICS, METRICS, REFERENCED
from lifelong_lb.optim import RULES

DOCS = Path(__file__).parents[2] / "docs"
ENTRIES = [(kind, name) for kind, (known, _) in KINDS.items() for name in known]


def keys(markdown):
    """Keys of the tables of a text."""
    return re.findall(r"^\| `([\w-]+)` \|", markdown, re.MULTILINE)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_key_of_an_entry_has_a_row(kind, name):
    found = [*keys(common_keys(kind)), *keys(own_keys(kind, name))]
    assert sorted(found) == sorted(KINDS[kind][0][name].model_fields)
    assert entry(kind, name).count("```yaml") == 1


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_examples_are_valid(kind, name):
    found = yaml.safe_load(example(kind, name))
    if kind == "schedule":
        if name in ("constant", "multistep"):  # without a setting they have no effect, and are refused
            return
        study = {"optimizers": {"name": "sgd", "schedule": found}, "train": {"epochs": 3}}
    elif kind == "model":
        study = {"model": found}
    else:
        study = {{"strategy": "strategies"}.get(kind, f"{kind}s"): found}
    streams = {"name": "split-digits", "scenario": "class-incremental"}
    parsed = parse_study({"streams": streams, "skip_unsupported": True, **study})
    if kind in ("rule", "optimizer", "strategy"):
        (one,) = getattr(parsed, {"strategy": "strategies"}.get(kind, f"{kind}s"))
        assert one == KINDS[kind][0][name]()


@pytest.mark.parametrize("name", ["", *LINKS])
def test_every_section_of_a_study_file_has_rows(name):
    if name in ("", "Train", "Evaluation", "Landscape", "Tuning", "HeldOut", "Range", "Selection", "Chosen"):
        assert keys(section(name)) == [*(definition(name) if name else schema())["properties"]]
    page, _, anchor = LINKS.get(name, "study-file.md").partition("#")
    text = (DOCS / "reference" / page).read_text(encoding="utf-8").lower()
    assert f"# {anchor.replace('-', ' ')}" in text.replace("held-out", "held out")


def test_every_mapping_of_a_study_file_is_described():
    found = set(re.findall(r"^### (.*)$", further_sections(), re.MULTILINE))
    entries = {f"{kind}-{name}" for kind, name in ENTRIES}
    rest = {spaced(name).capitalize() for name in schema()["$defs"] if name not in {*LINKS, *entries, "Search"}}
    assert found == rest
    assert {"Image source", "Numpy seed"} <= found


def test_a_key_without_a_description_fails():
    with pytest.raises(ValueError, match="new: has no description"):
        keys_table({"properties": {"new": {"type": "integer"}}})


def test_every_command_and_option_is_described():
    text = command_line()
    for path, command in commands():
        part = text.split(f"## `{path}`\n")[1].split("\n## ")[0]
        for parameter in command.params:
            assert parameter.help, f"{path} {parameter.name}"
            names = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar.replace("|", "\\|")]
            assert all(re.search(rf"[`/]{re.escape(name)}", part) for name in names), f"{path} {parameter.name}"
    assert {"run", "tune", "report", "site", "validate", "data prepare"} <= {path for path, _ in commands()}


def test_every_rule_has_an_equation():
    text = (DOCS / "reference" / "rules.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `([\w-]+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(RULES)
    for name, body in sections.items():
        assert "$$" in body or re.search(r"\bAs `[\w-]+`, with the (ascent )?steps? of `[\w-]+`", body), name
        assert f"<!-- generate: entry rule {name} -->" in body


def test_every_metric_has_a_row():
    assert keys(metrics("matrix")) == [*METRICS, *REFERENCED]
    assert keys(metrics("continual")) == list(CONTINUAL_METRICS)


def test_every_preset_has_a_row_with_its_source():
    text = presets()
    assert keys(text) == preset_names()
    assert text.count("Source: ") + text.count("Settings of our own") == len(preset_names())


@pytest.mark.parametrize("page", [*DOCS.rglob("*.md")], ids=lambda page: str(page.relative_to(DOCS)))
def test_every_place_of_a_page_has_a_generator(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- generate: ") == len(PLACE.findall(text))
    for found in PLACE.findall(text):
        assert found.split()[0] in GENERATORS


def test_filling_a_page():
    assert filled("a\n<!-- generate: metrics matrix -->\nb") == f"a\n{metrics('matrix')}\nb"
    with pytest.raises(KeyError):
        filled("<!-- generate: nothing -->")


def test_names_of_the_api_are_described_once():
    root, studies = api("lifelong_lb"), api("lifelong_lb.studies")
    assert ".. autofunction:: lifelong_lb.run_study" in root
    assert "{py:func}`~lifelong_lb.run_study`" in studies
    assert "lifelong_lb.studies.run_study" not in studies


@pytest.mark.parametrize("page", [*(DOCS / "reference" / "api").glob("*.md")], ids=lambda page: page.stem)
def test_every_public_name_is_described(page):
    for module in re.findall(r"<!-- generate: api (\S+) -->", page.read_text(encoding="utf-8")):
        described = re.findall(r"^\| {py:\w+}`~[\w.]+\.(\w+)` \| [^|\s]", api(module), re.MULTILINE)
        assert sorted(described) == sorted(import_module(module).__all__)


def test_overviews_link_to_headings_that_differ():
    assert "[`der`](#der)" in overview("strategy")
    assert "[`der++`](#der-1)" in overview("strategy")


def test_docstrings_for_autodoc():
    lines = ["w* from :class:`A`, ``*``", "", "Returns:", "    One row per run: its mean.", ">>> a * b"]
    found = protected(lines, value=False)
    assert found[0] == r"w\* from :class:`A`, ``*``"
    assert ":" not in found[3]
    assert restored(found)[3:] == lines[3:]


def test_references_of_docstrings():
    assert exists("lifelong_lb.optim.rules.ascent.ASAMAscent")
    assert exists("synchronise", "lifelong_lb.optim", "LookSAM")
    assert exists("torch.Tensor")
    assert not exists("lifelong_lb.optim.NoSuchRule")
    assert not exists("no_such_name_anywhere")


def test_tables_and_values():
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"
    values = {"a": [1, 2.5, 1e-8, None, True], "b": {"c": "text"}, "d": 1e15}
    assert yaml.safe_load(yaml_value(values)) == values


def test_notebooks_replace_older_ones(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir(), target.mkdir()
    (source / "new.ipynb").write_text("{}")
    (target / "old.ipynb").write_text("{}")
    assert copy_notebooks(source, target) == [target / "new.ipynb"]
    assert [path.name for path in target.iterdir()] == ["new.ipynb"]
