"""docs/understand/passes.md agrees with the code."""

import re
from pathlib import Path

from lifelong_lb.config import STRATEGY_ENTRIES
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.strategies.rule.further_passes import BUILT_IN, PARTS, REFUSED

TEXT = (Path(__file__).parents[2] / "docs" / "understand" / "passes.md").read_text(encoding="utf-8")


def rows(heading):
    """Cells of the table under a heading, without its first two lines."""
    section = TEXT.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_strategies():
    table = rows("## Strategies a study can name")
    assert [row[0] for row in table] == [f"`{name}`" for name in STRATEGY_ENTRIES]
    for (name, entry), (_, heads, passes, source) in zip(STRATEGY_ENTRIES.items(), table, strict=True):
        assert heads == ", ".join(entry.heads), name
        assert passes == entry.further_passes, name
        cited = re.search(r"\(([^()]*\d{4}[^()]*)\)", entry.__doc__.splitlines()[0])
        assert source == (cited.group(1) if cited else "-"), name


def test_plugins():
    expected = [
        [
            f"`{kind.__name__}`",
            ", ".join(part.again) or "-",
            ", ".join(part.once) or "-",
            ", ".join(part.held) or "-",
            "yes" if part.projects else "-",
            "yes" if part.reads_gradient else "-",
            "yes" if part.follows_path else "-",
        ]
        for kind, part in PARTS.items()
        if kind in BUILT_IN
    ]
    assert rows("## Plugins") == expected


def test_what_is_refused_is_named():
    for name in [*NOT_OFFERED, *(kind.__name__ for kind in REFUSED)]:
        assert f"`{name}`" in TEXT, name


def test_faults_belong_to_strategies():
    assert {row[0].strip("`") for row in rows("## Faults of avalanche-lib 0.6.0 that are fixed")} <= set(
        STRATEGY_ENTRIES
    )
