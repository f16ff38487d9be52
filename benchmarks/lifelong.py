"""Tables of RESULTS.md on the studies in studies/lifelong/, computed from results/lifelong/.

python benchmarks/lifelong.py            prints them
python benchmarks/lifelong.py --write    puts them into RESULTS.md
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lifelong_lb.evaluation import compare, holm
from lifelong_lb.evaluation.statistics import Spread, spread

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "lifelong"
ROWS = {"naive": "SGD", "er m 1": "ER, m 1", "er m 10": "ER, m 10", "ewc": "EWC, lambda 1", "a-gem m 1": "A-GEM, m 1"}
METRICS = {
    "average_accuracy": "average accuracy",
    "learning_accuracy": "learning accuracy",
    "forgetting_last_row_included": "forgetting",
}
FAMILY = ("forgetting", "learning_accuracy")
BEGIN, END = "<!-- published rows -->\n", "<!-- end of published rows -->\n"
BEGIN_PRECISION, END_PRECISION = "<!-- precision -->\n", "<!-- end of precision -->\n"


def text(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation, and the 95 % t interval of the mean."""
    s = spread(values)
    if s.seeds < 2:
        return f"{s.mean:.3f}" if s.seeds else ""
    return f"{s.mean:.3f} ± {s.std:.3f} [{s.low:.3f}, {s.high:.3f}]"


def overlap(a: Spread, b: Spread) -> str:
    """Whether two 95 % intervals overlap; empty if one of the means has none."""
    if min(a.seeds, b.seeds) < 2:
        return ""
    return "yes" if a.low <= b.high and b.low <= a.high else "no"


def published_rows(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Format our runs and published ones as a Markdown table.

    Args:
        ours: as ``results.csv``.
        theirs: one row per published run, with columns ``strategy`` and :data:`METRICS`.

    Returns:
        Its lines.
    """
    lines = ["| row | metric | TAG's log (5 runs) | here | seeds | intervals overlap |", "|---|---|---|---|---|---|"]
    done = ours[ours["status"] == "done"]
    for strategy, row in ROWS.items():
        for metric, name in METRICS.items():
            a, b = (frame.loc[frame["strategy"] == strategy, metric].tolist() for frame in (theirs, done))
            lines.append(f"| {row} | {name} | {text(a)} | {text(b)} | {len(b)} | {overlap(spread(a), spread(b))} |")
    return lines


def precision_rows(runs: pd.DataFrame) -> list[str]:
    """Format the differences of bfloat16 and float32 as a Markdown table.

    Args:
        runs: as ``results.csv``, of the study ``precision``.

    Returns:
        Its lines.
    """
    lines = ["| rule | metric | bfloat16 - float32, by seed | mean and 95 % t interval |", "|---|---|---|---|"]
    for rule, part in runs[runs["status"] == "done"].groupby("rule", sort=False):
        for metric in ("average_accuracy", "learning_accuracy", "forgetting"):
            both = part.pivot(index="seed", columns="stream", values=metric).sort_index()
            c = compare(both["bfloat16"].tolist(), both["float32"].tolist())
            seeds = ", ".join(f"{value:+.3f}" for value in both["bfloat16"] - both["float32"])
            cells = (rule, metric.replace("_", " "), seeds, f"{c.difference:+.4f} [{c.low:+.3f}, {c.high:+.3f}]")
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def family(lookbehind: pd.DataFrame, baselines: pd.DataFrame) -> pd.DataFrame:
    """Compute the four pre-registered comparisons of a study, corrected together.

    Args:
        lookbehind: rows of ``results.csv``; those of ``lookbehind-sam`` are used.
        baselines: rows of ``results.csv``; those of ``none`` and ``sam`` are used.

    Returns:
        Baseline, metric, pairs, mean difference (lookbehind-sam minus baseline), interval, p, and p after Holm.
    """
    rows = []
    for baseline in ("none", "sam"):
        for metric in FAMILY:
            a, b = (
                frame[(frame["rule"] == rule) & (frame["status"] == "done")].set_index("seed")[metric]
                for frame, rule in ((lookbehind, "lookbehind-sam"), (baselines, baseline))
            )
            seeds = a.index.intersection(b.index)
            c = compare(a[seeds].tolist(), b[seeds].tolist())
            rows.append((baseline, metric, c.pairs, c.difference, c.low, c.high, c.p))
    table = pd.DataFrame(rows, columns=["baseline", "metric", "pairs", "difference", "low", "high", "p"])
    return table.assign(p_holm=holm(table["p"].tolist()))


def written(page: str, begin: str, end: str, lines: Sequence[str]) -> str:
    """The text of a page with other lines between two marks."""
    before, _, rest = page.partition(begin)
    return before + begin + "\n" + "".join(line + "\n" for line in lines) + "\n" + end + rest.partition(end)[2]


def main() -> None:
    ours, theirs = pd.read_csv(RESULTS / "published-rows" / "results.csv"), pd.read_csv(RESULTS / "tag.csv")
    blocks = [
        (BEGIN, END, published_rows(ours, theirs)),
        (BEGIN_PRECISION, END_PRECISION, precision_rows(pd.read_csv(RESULTS / "precision" / "results.csv"))),
    ]
    if "--write" in sys.argv[1:]:
        page = HERE / "RESULTS.md"
        content = page.read_text(encoding="utf-8")
        for begin, end, lines in blocks:
            content = written(content, begin, end, lines)
        page.write_text(content, encoding="utf-8")
    else:
        print(*("\n".join(lines) for _, _, lines in blocks), sep="\n\n")
    steps, gradients = (RESULTS / name / "results.csv" for name in ("naive-steps", "naive-gradients"))
    for number, baselines in ((1, steps), (2, gradients)):
        if steps.exists() and baselines.exists():
            print(f"family {number}:", family(pd.read_csv(steps), pd.read_csv(baselines)).to_string(), sep="\n")


if __name__ == "__main__":
    main()
