"""The contents on the first page of the documentation."""

import re
from collections import Counter
from pathlib import Path

from helpers.documentation import ROOT

DOCS = ROOT / "docs"


def listed():
    trees = re.findall(r"```{toctree}\n(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    return [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]


def test_every_how_to_and_notebook_has_one_place_in_the_contents():
    pages = [f"how-to/{path.stem}" for path in sorted((DOCS / "how-to").glob("*.md"))]
    notebooks = [f"tutorials/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    named = [name for name in listed() if Path(name).parent.name in ("how-to", "tutorials")]
    assert Counter(named) == Counter([*pages, *notebooks, "tutorials/index"])
