"""The README: its length, links and numbers."""

import re

import pandas as pd
import pytest
from helpers.documentation import PAGES, ROOT

from lifelong_lb.evaluation import METRICS
from lifelong_lb.reports.definitions import DEFAULT_COLUMNS, KNOWN

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_has_at_most_700_words():
    assert len(README.split()) <= 700


def test_its_links_lead_to_files():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(targets) > 20
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_its_results_are_the_stored_ones():
    """Mean and sample deviation over seeds of the tuned rules on online Split-CIFAR-100, in percent."""
    stored = pd.read_csv(ROOT / "benchmarks/results/lifelong/naive-steps/results.csv")
    names = {"plain SGD": "none", "SAM": "sam", "Lookbehind-SAM": "lookbehind-sam"}
    rows = re.findall(r"^\| (plain SGD|SAM|Lookbehind-SAM) \| (.*) \|$", README, re.MULTILINE)
    assert [name for name, _ in rows] == list(names)
    metrics = ["average_accuracy", "learning_accuracy", "forgetting"]
    for name, cells in rows:
        of_rule = stored[stored["rule"] == names[name]]
        assert len(of_rule) == 8
        numbers = [f"{100 * of_rule[m].mean():.1f} ± {100 * of_rule[m].std():.1f}" for m in metrics]
        assert cells.split(" | ") == [f"{of_rule['gradient_evaluations'].iloc[0]:,.0f}", *numbers]


def test_the_table_of_numbers_gives_the_definitions_of_the_code():
    page = (ROOT / "docs/start/reading-the-report.md").read_text(encoding="utf-8")
    for name in DEFAULT_COLUMNS:
        if name in KNOWN:
            assert f"| `{name}` | {METRICS[name].formula} | {METRICS[name].source} |" in page


@pytest.mark.parametrize("path", PAGES[1:], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_begins_with_its_readers(path):
    """One sentence says for whom the page is and what it answers."""
    if path.parent.name not in {"start", "how-to", "understand", "tutorials"}:
        return
    text = re.sub(r"<!--.*?-->\s*", "", path.read_text(encoding="utf-8"))
    assert re.match(r"# [^\n]+\n\nFor [^\n]+", text), path
