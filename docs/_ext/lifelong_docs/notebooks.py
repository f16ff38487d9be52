"""Copies the notebooks of the repository to the tutorials, and shows Mermaid diagrams as text."""

import shutil
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx


def copy_notebooks(source: Path, target: Path) -> list[Path]:
    """Replace the notebooks of a folder by those of another one.

    Args:
        source: folder of the notebooks, stored with their outputs.
        target: folder of pages.

    Returns:
        The copies, sorted.
    """
    target.mkdir(exist_ok=True)
    for old in target.glob("*.ipynb"):
        old.unlink()
    return [Path(shutil.copy2(notebook, target)) for notebook in sorted(source.glob("*.ipynb"))]


def _copy(app: Sphinx) -> None:
    copy_notebooks(Path(app.srcdir).parent / "notebooks", Path(app.srcdir) / "tutorials")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, before it looks for pages."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("builder-inited", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
