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
    names, printed = {"__name__": "__main__"}, ""
    for block in blocks_of(path):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.not_run is not None:
            assert block.not_run in NOT_RUN, f"{block.where}: {block.not_run}"
        if block.language == "yaml":
            validate_yaml(block)
        elif block.language == "python" and block.not_run is not None:
            compile(block.text, block.where, "exec")
        elif block.language == "python" and block.file is None:
            exec(compile(block.text, block.where, "exec"), names)  # noqa: S102
        elif block.language == "sh":
            for words in commands_of(block):
                if block.not_run is None:
                    printed += run_command(words, block.shortened)
                else:
                    parse_command(words)
        elif block.language == "text":
            for line in block.text.splitlines():
                assert masked(line) in masked(printed), f"{block.where}: not printed: {line}"
        else:
            assert block.language in OTHERS | {"python"}, f"{block.where}: {block.language}"


def test_a_reason_not_to_run_a_block_is_in_use():
    used = {block.not_run for path in PAGES for block in blocks_of(path)}
    assert used - {None} == set(NOT_RUN)
