"""Notebooks run from the first cell to the last, and show what is stored in them."""

import re
import runpy
from pathlib import Path

import nbformat
import pytest
from helpers.documentation import masked
from jupyter_client.manager import KernelManager

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SCRIPT = runpy.run_path(str(FOLDER / "store_outputs.py"))
INDEX = (FOLDER.parent / "docs" / "tutorials" / "index.md").read_text(encoding="utf-8")


def texts(book):
    """Text of each output."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return [output.get("text") or output.data["text/plain"] for output in outputs]


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all notebooks, which imports torch once."""
    manager = KernelManager(kernel_name="python3")
    yield manager
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)


def test_each_is_listed():
    assert sorted(re.findall(r"\]\((\w+)\.ipynb\)", INDEX)) == [path.stem for path in NOTEBOOKS]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_stored(path, tmp_path, kernel):
    """Numbers are not compared: they may differ between processors."""
    stored = nbformat.read(path, as_version=4)
    shown = texts(SCRIPT["execute"](stored, tmp_path, kernel))
    assert [masked(text) for text in shown] == [masked(text) for text in texts(stored)]
    assert (tmp_path / "results").is_dir()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_outputs_are_of_its_source(path):
    """Otherwise: python notebooks/store_outputs.py NAME."""
    book = nbformat.read(path, as_version=4)
    assert book.metadata["source_sha256"] == SCRIPT["source_hash"](book)
    assert texts(book)
    assert re.match(r"# [^\n]+\n\nFor ", book.cells[0].source)
    raw = path.read_text(encoding="utf-8")
    assert "stderr" not in raw
    assert not re.search(r"/(tmp|home|root|work|usr|Users)/", raw)
    assert all(cell.get("execution_count") is None for cell in book.cells)
