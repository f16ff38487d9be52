"""Execute the notebooks and store their outputs, without times, progress and execution counts.

python notebooks/store_outputs.py [NAME ...]
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent


def source_hash(book: NotebookNode) -> str:
    """SHA-256 of the cells, without their outputs."""
    text = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in book.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def execute(book: NotebookNode, folder: Path, kernel: KernelManager) -> NotebookNode:
    """Run all cells of a notebook in a folder, without names of earlier ones, and keep what they show."""
    book = nbformat.from_dict(book)
    start = nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {folder}")
    book.cells.insert(0, start)
    book.nbformat_minor = 4  # cells without ids
    for cell in book.cells:
        cell.pop("id", None)
    client = NotebookClient(book, km=kernel, timeout=600)
    try:
        client.execute(cleanup_kc=False)
    finally:
        client.kc.stop_channels()
    del book.cells[0]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.metadata.pop("execution", None)
            for item in (cell, *cell.outputs):
                if "execution_count" in item:
                    item["execution_count"] = None
    return book


def main(names: list[str]) -> None:
    """Execute these notebooks, or all of them."""
    kernel = KernelManager(kernel_name="python3")
    for path in [FOLDER / f"{name}.ipynb" for name in names] or sorted(FOLDER.glob("*.ipynb")):
        book = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            book = execute(book, Path(folder), kernel)
        book.metadata = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "source_sha256": source_hash(book),
        }
        nbformat.write(book, path)
        print(path, path.stat().st_size)
    kernel.shutdown_kernel(now=True)


if __name__ == "__main__":
    main(sys.argv[1:])
