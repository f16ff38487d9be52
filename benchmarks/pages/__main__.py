"""Print the tables of RESULTS.md and docs/results/, or write tables and figures into the pages.

python -m benchmarks.pages            prints the tables
python -m benchmarks.pages --write    puts tables and figures into the pages
"""

import sys

from benchmarks.pages import lifelong, pretrained, published, small, streams
from benchmarks.pages.figures import figures
from benchmarks.pages.markdown import PAGES, filled


def all_tables() -> dict[str, list[str]]:
    """All tables by name."""
    modules = (lifelong, pretrained, published, small, streams)
    named = [item for module in modules for item in module.tables().items()]
    tables = dict(named)
    assert len(tables) == len(named), "two tables have the same name"
    return tables


def main() -> None:
    """Print or write."""
    tables = all_tables()
    if "--write" in sys.argv[1:]:
        for page in PAGES:
            page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
        for path, content in figures().items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    else:
        for name, lines in tables.items():
            print(name, *lines, "", sep="\n")


if __name__ == "__main__":
    main()
