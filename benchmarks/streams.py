"""Tables of docs/results/streams.md, computed from results/streams/.

python benchmarks/streams.py            prints them
python benchmarks/streams.py --write    puts them into the page
"""

import re
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "streams"
STUDIES = HERE / "studies" / "streams"
PAGE = HERE.parent / "docs" / "results" / "streams.md"
PLACE = re.compile(r"(<!-- results of ([\w-]+) -->\n\n).*?\n(?=\n|\Z)", re.DOTALL)
RULES = {"none": "plain SGD", "sam": "SAM", "lookbehind-sam": "Lookbehind-SAM"}
STRATEGIES = {"naive": "fine-tuning", "replay": "replay"}


def rows(study: str) -> list[str]:
    """Format average accuracy in percent by stream, strategy and rule as a Markdown table.

    Args:
        study: name of a folder of results.

    Returns:
        Its lines: mean ± sample standard deviation over seeds.
    """
    runs = pd.read_csv(RESULTS / study / "results.csv")
    runs = runs[runs["status"] == "done"]
    lines = [f"| stream | strategy | {' | '.join(RULES.values())} |", "|---|---|" + "---:|" * len(RULES)]
    for stream in runs["stream"].unique():
        for strategy, title in STRATEGIES.items():
            cells = []
            for rule in RULES:
                own = runs[(runs["stream"] == stream) & (runs["strategy"] == strategy) & (runs["rule"] == rule)]
                percent = 100 * own["average_accuracy"]
                cells.append(f"{percent.mean():.1f} ± {percent.std():.1f}")
            lines.append(f"| {stream} | {title} | {' | '.join(cells)} |")
    return lines


def filled(page: str) -> str:
    """Put the tables into a page, below a comment ``<!-- results of STUDY -->`` each."""
    return PLACE.sub(lambda place: place[1] + "\n".join(rows(place[2])) + "\n", page)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        for folder in sorted(RESULTS.iterdir()):
            print(folder.name, *rows(folder.name), sep="\n")
