"""Tables made by hand, with labels that no format may take for markup."""

from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable

HOSTILE = [
    "$\\frac{1}{0",
    "_ρ 数字 🙂 <img src=http://evil.example/x>",
    "a & b \\\\ % # ~ ^ | `c` *d* [e]",
    "\x1b[31mred\x1b[0m",
    "very long " * 30,
    "x" * 300,
    "\\input{/etc/passwd}",
    "=1+1",
]
"""Labels."""

PLAIN = StyledTable(
    "by-hand",
    "split-digits, SGD: mean ± sample standard deviation over 6 seeds",
    [
        Column("rule", kind="label"),
        Column("average accuracy", "%", "higher"),
        Column("forgetting", "%", "lower"),
        Column("gradients"),
    ],
    [
        Group(
            "Replay",
            [
                [Cell("plain SGD"), Cell("81.2", "1.3", 0.812), Cell("-9.9", "10.4", -0.099), Cell("292", value=292)],
                [
                    Cell("Lookbehind-SAM, α = 0.5"),
                    Cell("85.0", "0.4", 0.85, best=True, differs=True),
                    Cell("9.0", "1.2", 0.09, not_significant=True),
                    Cell("1,460", value=1460),
                ],
            ],
        ),
        Group("DER++", [[Cell("SAM"), Cell(), Cell("10.0", value=0.1), Cell()]]),
    ],
    ["Bold: best mean of a strategy.", "*: differs from plain SGD; p <= 0.05."],
)


def hostile() -> StyledTable:
    """A table with the hostile labels as caption, heading, column titles, rows and notes."""
    rows = [[Cell(label), Cell("50.0", "1.0", 0.5), Cell("1", value=1)] for label in HOSTILE]
    columns = [Column("rule", kind="label"), Column(HOSTILE[1], "%", "higher"), Column(HOSTILE[0])]
    groups = [Group(label, rows[:1]) for label in HOSTILE[:-1]] + [Group(HOSTILE[-1], rows)]
    return StyledTable("hostile", HOSTILE[2], columns, groups, HOSTILE)


def column_texts(table: StyledTable) -> dict[str, list[str]]:
    """Texts of the cells by title of their column."""
    return {column.title: [row[i].text for row in table.rows] for i, column in enumerate(table.columns)}
