"""Markdown tables, and their places in pages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from lifelong_lb.evaluation.statistics import Spread, spread

BENCHMARKS = Path(__file__).parents[1]
RESULTS = BENCHMARKS / "results"
PAGES = [BENCHMARKS / "RESULTS.md", *sorted((BENCHMARKS.parent / "docs" / "results").glob("*.md"))]
RULES = {"none": "plain SGD", "sam": "SAM", "lookbehind-sam": "Lookbehind-SAM"}
"""Names of the rules that most studies compare."""
METRICS = {
    "average_accuracy": "average accuracy, %",
    "learning_accuracy": "learning accuracy, %",
    "forgetting": "forgetting, %",
}
"""Headings of the metrics in most tables."""
PLACE = re.compile(r"(?m)^<!-- table: ([^\n]+) -->\n+(?:\|.*\n)*\n*")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Format rows as the lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return [line(cells) for cells in lines]


def line(cells: Sequence[str]) -> str:
    """Format one row."""
    return "|" + "|".join(cells) + "|" if set(cells) == {"---"} else "| " + " | ".join(cells) + " |"


def percent(values: Sequence[float], digits: int = 1, interval: bool = False) -> str:
    """Mean ± sample standard deviation in percent; with ``interval`` also the 95 % t interval of the mean."""
    s = spread([100 * value for value in values])
    if s.seeds < 2:
        return f"{s.mean:.{digits}f}" if s.seeds else ""
    ends = f" [{s.low:.{digits}f}, {s.high:.{digits}f}]" if interval else ""
    return f"{s.mean:.{digits}f} ± {s.std:.{digits}f}{ends}"


def overlap(a: Spread, b: Spread) -> str:
    """Whether two 95 % intervals overlap; empty if one of the means has none."""
    if min(a.seeds, b.seeds) < 2:
        return ""
    return "yes" if a.low <= b.high and b.low <= a.high else "no"


def runs_of(folder: Path) -> pd.DataFrame:
    """Completed runs of a result folder, as in ``results.csv``."""
    runs = pd.read_csv(folder / "results.csv")
    return runs[runs["status"] == "done"]


def filled(page: str, tables: Mapping[str, Sequence[str]]) -> str:
    """Replace the tables of a page, each below a comment ``<!-- table: NAME -->``.

    Args:
        page: Markdown.
        tables: lines by name.

    Returns:
        Markdown.

    Raises:
        KeyError: for an unknown name.
    """

    def rows(place: re.Match[str]) -> str:
        return "\n".join([f"<!-- table: {place[1]} -->", "", *tables[place[1]], "", ""])

    return f"{PLACE.sub(rows, page).rstrip()}\n"
