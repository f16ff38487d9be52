"""Table of RESULTS.md on published numbers of strategies, computed from results/published/.

python benchmarks/published.py            prints it
python benchmarks/published.py --write    puts it into RESULTS.md
"""

import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "published"
TARGETS = RESULTS / "targets.csv"
TOLERANCE = 0.03
"""Largest distance of our mean from a published number that counts as reproduced."""
BEGIN, END = "<!-- published strategies -->\n", "<!-- end of published strategies -->\n"


def strategy_rows(targets: pd.DataFrame, results: Path = RESULTS) -> list[str]:
    """Format published numbers and our runs without an update rule as a Markdown table.

    Args:
        targets: columns ``folder``, ``stream``, ``strategy`` and ``published``, which is empty for a control of ours.
        results: folder of the result folders.

    Returns:
        Its lines. A row is reproduced if the mean over seeds is within :data:`TOLERANCE` of the published number.
    """
    lines = ["| stream | strategy | published | here | seeds | reproduced |", "|---|---|---|---|---|---|"]
    for row in targets.itertuples(index=False):
        runs = pd.read_csv(results / row.folder / "results.csv")
        ours = runs.loc[(runs["rule"] == "none") & (runs["status"] == "done"), "average_accuracy"]
        known = not pd.isna(row.published)
        verdict = reproduced(ours.mean(), row.published) if known else ""
        here = ", ".join(f"{value:.3f}" for value in ours)
        published = f"{row.published:.2f}" if known else ""
        lines.append(f"| {row.stream} | {row.strategy} | {published} | {here} | {len(ours)} | {verdict} |")
    return lines


def reproduced(ours: float, published: float) -> str:
    """Compare our mean with a published number: ``yes``, ``higher`` or ``lower``."""
    if abs(ours - published) <= TOLERANCE:
        return "yes"
    return "higher" if ours > published else "lower"


def main() -> None:
    table = "".join(line + "\n" for line in strategy_rows(pd.read_csv(TARGETS)))
    if "--write" in sys.argv[1:]:
        page = HERE / "RESULTS.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        page.write_text(before + BEGIN + "\n" + table + "\n" + END + rest.partition(END)[2], encoding="utf-8")
    else:
        print(table, end="")


if __name__ == "__main__":
    main()
