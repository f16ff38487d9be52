"""Every code block of the README and of docs/ runs, page by page; see helpers/documentation.py for the exceptions."""

import sys
from functools import partial

import pytest
from helpers.documentation import (
    NOT_RUN,
    PAGES,
    ROOT,
    blocks_of,
    commands_of,
    masked,
    parse_command,
    run_command,
    run_elsewhere,
    validate_yaml,
)

import lifelong_lb
from lifelong_lb.config.plugins import importing
from lifelong_lb.config.plugins.register import EXTENSIONS, KINDS
from lifelong_lb.evaluation import ADDED_METRICS, STORED_METRICS

OTHERS = {"json", "mermaid", "bibtex", "toml"}
"""Languages of blocks that nothing runs."""


@pytest.fixture(autouse=True)
def _registries_stay():
    """Registries of custom entries as they were before."""
    registries = [EXTENSIONS, ADDED_METRICS, STORED_METRICS, *KINDS.values(), sys.modules]
    before = [dict(registry) for registry in registries[:-1]]
    modules = set(sys.modules)
    yield
    for registry, content in zip(registries[:-1], before, strict=True):
        for key in set(registry) - set(content):
            del registry[key]
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and "pytest-of-" in str(sys.modules[name].__file__):
            del sys.modules[name]
    importing.load_installed.cache_clear()


def with_blocks():
    return [path for path in PAGES if blocks_of(path)]


def run_python(block, names):
    """Run the block with the names of the earlier ones; a file, or a block that is not run, is only compiled."""
    code = compile(block.text, block.where, "exec")
    if block.file is None and block.not_run is None:
        exec(code, names)  # noqa: S102


def run_shell(block):
    """Run the commands and return their output; commands that are not run are parsed."""
    if block.not_run is None:
        return "".join(run_command(words, block.shortened) for words in commands_of(block))
    for words in commands_of(block):
        parse_command(words)
    return ""


def check_output(block, printed):
    """Each line is printed by an earlier command, but for its numbers."""
    for line in block.text.splitlines():
        assert masked(line) in masked(printed), f"{block.where}: not printed: {line}"


@pytest.mark.slow
@pytest.mark.parametrize("path", with_blocks(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(path, tmp_path, monkeypatch):
    """In their order, in one folder and with the names of the earlier ones."""
    elsewhere = run_elsewhere(path)
    if elsewhere is not None:
        assert path.name in elsewhere.read_text(encoding="utf-8"), f"{elsewhere} does not read {path.name}"
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lifelong_lb, "run_study", partial(lifelong_lb.run_study, executor="in-process"))
    names, printed = {"__name__": "__main__"}, []
    run = {
        "yaml": validate_yaml,
        "python": lambda block: run_python(block, names),
        "sh": lambda block: printed.append(run_shell(block)),
        "text": lambda block: check_output(block, "\n".join(printed)),
    }
    for block in blocks_of(path):
        assert block.language in run.keys() | OTHERS, f"{block.where}: {block.language}"
        assert block.not_run is None or block.not_run in NOT_RUN, f"{block.where}: {block.not_run}"
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language in run:
            run[block.language](block)


def test_a_reason_not_to_run_a_block_is_in_use():
    used = {block.not_run for path in PAGES for block in blocks_of(path)}
    assert used - {None} == set(NOT_RUN)
