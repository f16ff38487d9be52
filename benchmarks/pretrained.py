"""Tables of RESULTS.md on pretrained networks, computed from results/pretrained/.

python benchmarks/pretrained.py            prints them
python benchmarks/pretrained.py --write    puts them into RESULTS.md
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "pretrained"
HEADS, REFERENCES, PARTS = (
    "split-cifar100-efficientnet-lite0",
    "split-cifar100-closed-form",
    "parts-of-efficientnet-lite0",
)
METRICS = {
    "average_accuracy": "average accuracy, %",
    "learning_accuracy": "learning accuracy, %",
    "forgetting": "forgetting, %",
}


def means(folders: Sequence[str], keys: tuple[str, ...], results: Path = RESULTS) -> list[str]:
    """Format mean ± sample standard deviation over seeds, in percent, as a Markdown table.

    Args:
        folders: result folders, one after the other.
        keys: columns that distinguish the rows.
        results: folder of the result folders.

    Returns:
        Its lines, in the order of the runs. No deviation for a single seed.
    """
    runs = pd.concat([pd.read_csv(results / folder / "results.csv") for folder in folders])
    runs = runs[runs["status"] == "done"]
    lines = [row([*keys, "seeds", *METRICS.values()]), "|---" * (len(keys) + 1 + len(METRICS)) + "|"]
    for labels, group in runs.groupby(list(keys), sort=False):
        lines.append(row([*labels, str(len(group)), *(spread(100 * group[metric]) for metric in METRICS)]))
    return lines


def differences(folder: str, results: Path = RESULTS) -> list[str]:
    """Format the differences of average accuracy from the rule ``none``, in points, as a Markdown table.

    Args:
        folder: result folder.
        results: folder of the result folders.

    Returns:
        Its lines; p-values as in the report, corrected by Holm's method over all rows.
    """
    table = pd.read_csv(results / folder / "comparisons.csv")
    table = table[(table["metric"] == "average_accuracy") & (table["baseline"] == "none")]
    lines = [
        row(["strategy", "rule minus none", "seeds", "difference, points", "95 % interval", "p", "p, Holm"]),
        "|---" * 7 + "|",
    ]
    for each in table.itertuples():
        ends = f"{100 * each.ci_low:+.2f} to {100 * each.ci_high:+.2f}"
        difference = f"{100 * each.difference_mean:+.2f}"
        lines.append(
            row([each.strategy, each.rule, str(each.pairs), difference, ends, f"{each.p:.3f}", f"{each.p_holm:.3f}"])
        )
    return lines


def row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def spread(values: pd.Series) -> str:
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}" if len(values) > 1 else f"{values.mean():.1f}"


def tables(results: Path = RESULTS) -> dict[str, list[str]]:
    """All tables by the name in the comments of RESULTS.md around them."""
    return {
        "heads on features": means([HEADS, REFERENCES], ("strategy", "rule"), results),
        "differences of heads on features": differences(HEADS, results),
        "trained parts": means([PARTS], ("stream", "rule"), results),
    }


def main() -> None:
    page = HERE / "RESULTS.md"
    for name, lines in tables().items():
        table, begin, end = "\n".join(lines), f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        if "--write" in sys.argv[1:]:
            before, _, rest = page.read_text(encoding="utf-8").partition(begin)
            page.write_text(f"{before}{begin}\n{table}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")
        else:
            print(f"{table}\n")


if __name__ == "__main__":
    main()
