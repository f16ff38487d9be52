"""Notebooks run from the first cell to the last, in a folder of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_they_are_there():
    assert [path.stem for path in NOTEBOOKS] == ["comparing_optimizers", "quick_start", "your_own_rule"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    results = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert any(output.output_type == "execute_result" for output in results)
    assert (tmp_path / "results").is_dir()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
