"""Tables of large studies in LaTeX: line breaks in headings, and tables that fit a page."""

import re
import shutil
import subprocess

import pytest
from reports.folders import make, wave

from lifelong_lb.reports import summary_table
from lifelong_lb.reports.latex import summary_latex
from lifelong_lb.reports.results import collect
from lifelong_lb.reports.side_by_side import rules_latex, rules_side_by_side

RHOS = (0.05, 0.1, 0.15, 0.2)
STEPS = (2, 5, 10)
LARGE = {
    "name": "a study of many rules",
    "streams": [
        {"name": "split-digits", "experiences": 2, "label": label, "train": {"epochs": epochs}}
        for epochs, label in enumerate(("short", "long"), 1)
    ],
    "strategies": ["naive", {"name": "replay", "mem_size": 100}, {"name": "replay", "mem_size": 200}, "ewc", "agem"],
    "rules": [
        *("none", "asam", "gsam"),
        *({"name": "sam", "rho": rho} for rho in RHOS),
        *({"name": "lookbehind-sam", "k": k, "alpha": alpha} for k, alpha in zip(STEPS, (0.2, 0.5, 0.8), strict=True)),
    ],
    "seeds": 2,
}
DOCUMENT = r"""\documentclass{article}
\usepackage[textwidth=14cm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    results = collect(make(tmp_path_factory.mktemp("large"), LARGE, lambda labels, seed: wave(2, seed)))
    tables = rules_side_by_side(results, ["average_accuracy", "forgetting"])
    return {"summary": summary_latex(results, summary_table(results)), "comparison": rules_latex(results, tables)}


def test_headings_break_before_their_settings(texts):
    assert r"\shortstack[r]{sam \\ (rho=0.05)}" in texts["comparison"]
    assert r"\shortstack[r]{lookbehind- \\ sam \\ (k=2, \\ alpha=0.2)}" in texts["comparison"]
    assert r"\shortstack[l]{lookbehind-sam \\ (k=2, alpha=0.2)}" in texts["summary"]
    assert not re.findall(r"[{ ]\)", texts["comparison"])  # a bracket alone on its line


def test_many_rules_are_split_into_several_tables(texts):
    widths = [len(columns) for columns in re.findall(r"\{@\{\}l+(r+)@\{\}\}", texts["comparison"])]
    assert sum(widths) == 2 * len(LARGE["rules"])
    assert max(widths) <= 6
    assert texts["comparison"].count(r"\begin{table}") == 2  # one a metric: their tables stand below each other
    assert texts["comparison"].count("replay(mem\\_size=100) &") == 2 * len(widths)  # in each, for both streams


def test_a_long_summary_has_tables_for_each_stream(texts):
    captions = re.findall(r"\\caption\{(.*)\}", texts["summary"])
    assert captions == [
        f"a study of many rules (stream: {stream}; base optimizer: sgd). Part {part} of 3."  # 15 lines a strategy
        for stream in ("short", "long")
        for part in (1, 2, 3)
    ]
    floats = texts["summary"].split(r"\begin{table}")[1:]
    assert sum(text.count(r"gsam & 2 &") for text in floats) == 2 * len(LARGE["strategies"])
    assert [r"\parbox" in text for text in floats] == [False] * 5 + [True]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed here")
@pytest.mark.parametrize("name", ["summary", "comparison"])
def test_nothing_leaves_the_page(texts, tmp_path, name):
    (tmp_path / "all.tex").write_text(DOCUMENT % texts[name])
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "all.log").read_text()
    assert "Float too large" not in log
    assert [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(width) > 3] == []
