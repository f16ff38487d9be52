"""Tables in Markdown."""

import re
from dataclasses import replace

from reports.hand_tables import PLAIN, hostile

from lifelong_lb.reports.render.text import markdown_table


def test_by_hand():
    assert markdown_table(PLAIN).splitlines() == [
        "split-digits, SGD: mean ± sample standard deviation over 6 seeds",
        "",
        "|  | rule | average accuracy, % | forgetting, % | gradients |",
        "| :--- | :--- | ---: | ---: | ---: |",
        "| Replay | plain SGD | 81.2 ± 1.3 | -9.9 ± 10.4 | 292 |",
        "|  | Lookbehind-SAM, α = 0.5 | **85.0** ± 0.4\\* | 9.0 ± 1.2† | 1,460 |",
        "| DER++ | SAM | - | 10.0 | - |",
        "",
        "Bold: best mean of a strategy. \\*: differs from plain SGD; p \\<= 0.05.",
    ]


def test_hostile_labels_are_escaped():
    text = markdown_table(hostile())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5}
    assert not re.findall(r"(?<!\\)[<`$]", text)
    assert "\x1b" not in text


def test_without_rows():
    assert markdown_table(replace(PLAIN, groups=())).endswith("over 6 seeds: no rows.\n")
