"""Tables in LaTeX: text, widths and parts; compiled in one and in two columns."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from reports.folders import make, wave
from reports.hand_tables import PLAIN, hostile

from lifelong_lb.reports import comparison_table, summary_table
from lifelong_lb.reports.documents.files import rules_latex, rules_side_by_side, summary_latex
from lifelong_lb.reports.render.latex import MAX_LINES, latex_document
from lifelong_lb.reports.render.latex_text import latex_label, latex_prose
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable

RHOS = (0.05, 0.1, 0.15, 0.2)
STEPS = (2, 5, 10)
USUAL = {
    "name": "a usual study",
    "streams": ["split-digits"],
    "strategies": ["naive", {"name": "replay", "mem_size": 100}],
    "rules": [
        *("none", "sam", "asam"),
        *({"name": "lookbehind-sam", "alpha": alpha} for alpha in (0.5, "adaptive")),
    ],
    "seeds": 10,
}
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
DOCUMENT = r"""\documentclass[%s]{article}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def fill(labels, seed):
    """Lookbehind with adaptive alpha is better under every seed, by at least 0.04."""
    better = 0.1 if "adaptive" in labels["rule"] else 0
    return [(i, j, accuracy + better) for i, j, accuracy in wave(2, seed % 2)] if labels["rule"] else []


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    found = {"hostile": latex_document([hostile()]), "by-hand": latex_document([PLAIN])}
    for name, raw in (("usual", USUAL), ("large", LARGE)):
        results = collect(make(tmp_path_factory.mktemp(name), raw, fill))
        tables = rules_side_by_side(results, ["average_accuracy", "forgetting"])
        found[f"{name}-summary"] = summary_latex(results, summary_table(results), comparison_table(results))
        found[f"{name}-comparison"] = rules_latex(results, tables)
    return found


def test_by_hand():
    lines = latex_document([PLAIN]).splitlines()
    assert lines == [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}[t]",
        r"\centering",
        r"\caption{split-digits, SGD: mean $\pm$ sample standard deviation over 6 seeds.}",
        r"\label{tab:by-hand}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        r"\begin{tabular}{@{}lrrr@{}}",
        r"\toprule",
        r" & average &  &  \\",
        r" & accuracy & forgetting &  \\",
        r"rule & (\%) $\uparrow$ & (\%) $\downarrow$ & gradients \\",
        r"\midrule",
        r"\multicolumn{4}{@{}l@{}}{\emph{Replay}} \\",
        r"plain SGD & 81.2\,$\pm$\,1.3 & $-$9.9\,$\pm$\,10.4 & 292 \\",
        r"Lookbehind-SAM, $\alpha=0.5$ & \textbf{85.0}\,$\pm$\,0.4\rlap{$^{*}$} & "
        r"9.0\,$\pm$\,\phantom{0}1.2\rlap{$^{\dagger}$} & 1,460 \\",
        r"\midrule",
        r"\multicolumn{4}{@{}l@{}}{\emph{DER++}} \\",
        r"SAM & -- & 10.0 & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        r"\parbox{\linewidth}{\footnotesize\raggedright Bold: best mean of a strategy. {*}: differs from plain SGD; "
        r"$p\le 0.05$.}",
        r"\end{table*}",
    ]


def test_narrow_tables_stay_in_a_column_and_notes_come_once():
    narrow = replace(PLAIN, columns=PLAIN.columns[:2], groups=[Group("", [row[:2] for row in PLAIN.rows])])
    text = latex_document([narrow, narrow], ["two\nlines"])
    assert text.count(r"\begin{table}[t]") == 2
    assert text.count("Bold: best mean") == 1
    assert "% two lines" in text
    assert latex_document([replace(PLAIN, groups=())]) == "% no rows\n"


def test_long_tables_are_split_into_numbered_parts():
    rows = [[Cell(f"rule {i}"), Cell("1", value=i)] for i in range(2 * MAX_LINES)]
    columns = [Column("rule", kind="label"), Column("n")]
    text = latex_document([StyledTable("long", "Long", columns, [Group("", rows)])])
    parts = re.findall(r"\\caption\{Long\. Part (\d) of (\d)\.\}\n\\label\{tab:(.*)\}", text)
    assert [part for part, _, _ in parts] == [str(i + 1) for i in range(len(parts))]
    assert [label for _, _, label in parts[:2]] == ["long", "long-2"]
    assert text.count("\nrule ") == len(rows) + len(parts)


@pytest.mark.slow
def test_many_columns_are_split_into_several_tabulars(texts):
    widths = [len(columns) for columns in re.findall(r"\{@\{\}l+(r+)@\{\}\}", texts["large-comparison"])]
    assert sum(widths) % len(LARGE["rules"]) == 0
    assert max(widths) < len(LARGE["rules"])
    rows = [line for line in texts["large-comparison"].splitlines() if "Replay, memory size = 100 &" in line]
    assert not rows or len(rows) == 2 * len(widths)


@pytest.mark.slow
def test_marks_are_those_of_the_tests(texts):
    marked = [line for line in texts["usual-summary"].splitlines() if r"\rlap{$^{*}$}" in line]
    assert marked
    assert all("adaptive" in line for line in marked)
    assert r"$p\le 0.05$ after Holm's correction for 8 comparisons" in texts["usual-summary"]
    assert "dagger" not in texts["large-comparison"]  # two seeds decide nothing
    assert "no difference here can be significant" in texts["large-comparison"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lookbehind-SAM, k = 2, α = 0.5", r"Lookbehind-SAM, $k=2$, $\alpha=0.5$"),
        ("rank = 2, a_b", r"rank = 2, a\_b"),
        ("mean ± x†", r"mean $\pm$ x$^\dagger$"),
    ],
)
def test_labels(text, expected):
    assert latex_label(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean over j of R*_j - R[j, j]", r"mean over $j$ of $R^*_j$ $-$ $R_{j, j}$"),
        ("max over l <= T-1 of R[l, j]", r"max over $l\le T-1$ of $R_{l, j}$"),
        ("min of A[., j] in [0, 1]", r"min of $A_{\cdot, j}$ in {[}0, 1]"),
        ("divisor n - 1", r"divisor $n-1$"),
        ("a_sam: 2 & i's", r"a\_sam: 2 \& i's"),
    ],
)
def test_prose(text, expected):
    assert latex_prose(text) == expected


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed here")
@pytest.mark.parametrize(
    "name", ["by-hand", "hostile", *(f"{a}-{b}" for a in ("usual", "large") for b in ("summary", "comparison"))]
)
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_nothing_leaves_the_page(texts, tmp_path, name, columns):
    (tmp_path / "all.tex").write_text(DOCUMENT % (columns, texts[name]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "all.log").read_text()
    assert "Float too large" not in log
    assert re.findall(r"Overfull \\hbox.*", log) == []
