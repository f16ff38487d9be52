"""Tables as plain text."""

from dataclasses import replace

from reports.hand_tables import PLAIN, hostile

from lifelong_lb.reports.render.text import text_table


def test_by_hand():
    assert text_table(PLAIN) == [
        "split-digits, SGD: mean ± sample standard deviation over 6 seeds",
        "                               average   forgetting,",
        "rule                       accuracy, %             %  gradients",
        "---------------------------------------------------------------",
        "Replay",
        "  plain SGD                81.2 ± 1.3   -9.9 ± 10.4         292",
        "  Lookbehind-SAM, α = 0.5  85.0 ± 0.4*   9.0 ±  1.2†      1,460",
        "DER++",
        "  SAM                               -          10.0           -",
        "*: differs from plain SGD; p <= 0.05.",
    ]


def test_labels_are_narrowed_until_the_numbers_fit():
    lines = text_table(PLAIN, 56)
    assert max(map(len, lines[1:])) <= 56
    assert "    α = 0.5" in lines


def test_hostile_labels_stay_on_their_lines():
    lines = text_table(hostile())
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[31mred" in line for line in lines)
    assert sum(line.count("x") for line in lines) >= 300  # long words are broken, not cut
    assert max(map(len, lines)) <= 80


def test_without_rows():
    assert text_table(replace(PLAIN, groups=())) == [PLAIN.caption]
