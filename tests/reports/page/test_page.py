"""The page and the other texts: escaped, complete and self-contained."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml
from reports.folders import TWO, make, wave, write

from lifelong_lb.config import parse_study
from lifelong_lb.reports import blocks_of, summary_table, write_report
from lifelong_lb.reports.charts.matrices import accuracy_matrices
from lifelong_lb.reports.page.render import link_papers, render_page
from lifelong_lb.reports.render.latex_text import latex_escaped as escape
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.comparisons import comparison_table
from lifelong_lb.store import ResultFolder

HOSTILE = {
    "name": "<script>alert(1)</script> & \\input{/etc/passwd}",
    "streams": [{"name": "split-digits", "experiences": 2, "label": "../../etc/<b>"}],
    "strategies": [{"name": "naive", "label": '"quoted" url(#a) id="b" | `c`'}],
    "rules": [
        {"name": "none", "label": "$\\frac{1}{0"},
        {"name": "sam", "label": "_ρ 数字 🙂 <img src=http://evil.example/x>"},
        {"name": "asam", "label": "very long " * 30},
    ],
    "seeds": 2,
}
VOID = {"meta", "link", "img", "br", "hr", "input", "wbr", "col"}


class Page(HTMLParser):
    """Tags with attributes, visible text, and a check that tags are closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.stack = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if not self.stack or self.stack[-1] not in {"style", "script"}:
            self.text.append(data)


def fill(labels, seed):
    if seed == 1 and labels["rule"].startswith(("$", "sam")):
        return "diverged"
    return wave(2, seed)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("hostile"), HOSTILE, fill)
    write_report(folder, figures=["svg", "pdf"])
    return folder.path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    raw = {**TWO, "strategies": ["naive", {"name": "replay", "mem_size": 20}]}
    folder = make(tmp_path_factory.mktemp("plain"), raw, fill)
    results = collect(folder)
    figures = {"split-digits": [accuracy_matrices(block) for block in blocks_of(results)]}
    folder.write_file("report.html", render_page(results, summary_table(results), comparison_table(results), figures))
    return folder.path


@pytest.fixture(params=["hostile", "plain"])
def path(request):
    return request.getfixturevalue(request.param)


def test_nothing_is_fetched(path):
    text = (path / "report.html").read_text()
    page = Page(text)
    assert page.stack == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"link", "iframe", "object", "embed", "img", "base", "form"}
    assert {"a", "script"} <= names
    for tag, attributes in page.tags:
        for key, value in attributes.items():
            assert not key.startswith("on")
            if key in {"src", "srcset", "data", "action", "poster"}:
                pytest.fail(f"{tag} {key}={value}")
            if key in {"href", "xlink:href"}:
                allowed = {"a": ("#", "https://arxiv.org/abs/"), "image": ("data:image/png;base64,",)}
                assert value.startswith(allowed.get(tag, "#"))
            assert "url(http" not in (value or "")
    assert "@import" not in text
    scripts = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    kinds = [attributes["type"] for tag, attributes in page.tags if tag == "script"]
    assert kinds == ["application/json"] * 2 + ["module"] * len(scripts)
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


def test_cells_carry_the_unrounded_number(plain):
    results = collect(ResultFolder(plain))
    summary = summary_table(results)
    page = (plain / "report.html").read_text().partition('id="summary"')[2]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    shown = [re.findall(r'<td data-sort="([^"]+)">', row) for row in rows[: len(summary)]]
    metrics = ["average_accuracy", "learning_accuracy", "forgetting"]
    assert len(summary) == 4
    for index, cells in zip(summary.index, shown, strict=True):
        numbers = [f"{metric}_mean" for metric in metrics]
        if not np.isnan(summary.loc[index, "average_accuracy_ci_low"]):  # one seed has no interval
            numbers.insert(1, "average_accuracy_ci_low")
        expected = [summary.loc[index, number] for number in numbers]
        assert [float(cell) for cell in cells[1 : 1 + len(numbers)]] == expected


def test_ids_are_unique_and_references_resolve(path):
    page = Page((path / "report.html").read_text())
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert {"summary", "cost", "reading"} <= set(ids)
    assert len(ids) == len(set(ids))
    known, referred = set(ids), set()
    for _, attributes in page.tags:
        for key, value in attributes.items():
            if key == "aria-label":
                continue
            targets = re.findall(r"url\(#([^)]+)\)", value or "")
            targets += [value[1:]] if key in {"href", "xlink:href"} and value.startswith("#") else []
            targets += [value] if key == "aria-labelledby" else []
            assert set(targets) <= known
            referred |= set(targets)
    assert {"summary", "cost"} <= referred


def test_hostile_labels_are_shown_as_they_are(hostile):
    shown = " ".join("".join(Page((hostile / "report.html").read_text()).text).split())
    assert HOSTILE["name"] in shown
    assert "../../etc/<b>" in shown
    assert '"quoted" url(#a) id="b" | `c`' in shown
    assert "_ρ 数字 🙂 <img src=http://evil.example/x>" in shown


def test_hostile_labels_make_harmless_file_names(hostile):
    names = [p.name for p in (hostile / "figures").iterdir()]
    assert names
    assert all(re.fullmatch(r"[a-z0-9-]{1,200}\.(svg|pdf)", name) for name in names)
    assert sorted(p.name for p in hostile.iterdir() if p.is_file()) == [
        ".report.json",
        "accuracy.csv",
        "columns.csv",
        "comparison.csv",
        "comparison.md",
        "comparison.tex",
        "comparisons.csv",
        "report.html",
        "results.csv",
        "study.json",
        "summary.csv",
        "summary.md",
        "summary.tex",
    ]


def test_svg_files_stand_alone(hostile):
    import xml.etree.ElementTree as ET

    paths = list((hostile / "figures").glob("*.svg"))
    assert paths
    for path in paths:
        tags = {element.tag.rsplit("}")[-1] for element in ET.parse(path).iter()}
        assert "svg" in tags
        assert not tags & {"script", "image", "a", "b", "img"}
    shown = " ".join(text for path in paths for text in ET.parse(path).getroot().itertext())
    for label in ("$\\frac{1}{0", "_ρ 数字 🙂 <img src=http://evil.example/x>"):
        assert label in shown


def test_tables_have_headers_with_scope(plain):
    page = Page((plain / "report.html").read_text())
    scopes = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert set(scopes) == {"col", "row", "rowgroup"}
    charts = [attributes for _, attributes in page.tags if "data-chart" in attributes]
    assert charts
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)


def test_text_of_the_page(plain):
    shown = " ".join("".join(Page((plain / "report.html").read_text()).text).split())
    for words in (
        "two rules",
        "6 of 8 runs done (2 diverged)",
        "6 done, 2 diverged",
        "One seed shows no spread",
        "mean over j of R[T-1, j]",
        "arXiv 1706.08840",
        "loss is not finite",
        "Traceback: x < y & z",
        "machine.name",
        "replay (mem_size = 20, memory = experience-balanced)",
        "Sharpness-aware minimization (Foret et al. 2021, arXiv 2010.01412).",
        "not a test",
    ):
        assert words in shown


def test_the_settings_on_the_page_are_a_study_file(plain):
    text = (plain / "report.html").read_text()
    shown = re.search(r'<pre tabindex="0">(name:.*?)</pre>', text, re.DOTALL)
    raw = yaml.safe_load("".join(Page(shown[1]).text))
    assert parse_study(raw) == parse_study({**TWO, "strategies": ["naive", {"name": "replay", "mem_size": 20}]})


def test_mixed_versions_are_announced(tmp_path):
    versions = iter("1112")
    folder = make(tmp_path, TWO, lambda labels, seed: None)
    for run in folder.read_study().labels():
        write(folder, run, wave(2), 2, environment={"torch": next(versions)})
    results = collect(folder)
    assert list(results.problems) == ["runs with different versions of torch are mixed here: 1, 2"]
    text = render_page(results, summary_table(results), comparison_table(results), {})
    assert "1 note before you compare" in text
    assert "1 (3 of 4 runs); 2 (1 of 4 runs)" in text


def test_latex_is_escaped(hostile):
    tex = (hostile / "summary.tex").read_text()
    assert tex.isascii()
    body = re.sub(r"\\(\\|[a-zA-Z]+|[{}$&#%_'`^~\"])", "", tex)
    assert "input" not in body.replace("inputs", "") or r"\input" not in tex
    assert r"\textbackslash{}frac\{1\}\{0" in tex
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    widths = {len(re.split(r"(?<!\\)&", line)) for line in tex.splitlines() if line.endswith(r"\\") and "&" in line}
    assert widths == {3, 4}  # two tables: the labels leave no room for four columns of numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% of a_b & #1", r"50\% of a\_b \& \#1"),
        ("é Å ň", r"\'{e} \r{A} \v{n}"),
        ("ρ=0.5, λ", r"\ensuremath{\rho}=0.5, \ensuremath{\lambda}"),
        ("[x] *y*", "{[}x] {*}y{*}"),
        ("数\n", "{[}U+6570] "),
    ],
)
def test_escape(text, expected):
    assert escape(text) == expected


def test_markdown_is_escaped(hostile):
    lines = (hostile / "summary.md").read_text().split("\n## ")[0].splitlines()
    assert lines[0] == "# \\<script\\>alert(1)\\</script\\> & \\\\input\\{/etc/passwd\\}".replace("&", "&amp;")
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {7}


def test_papers_are_linked_and_the_rest_escaped():
    html = str(link_papers("<b> arXiv 2307.16704"))
    assert html == '&lt;b&gt; <a href="https://arxiv.org/abs/2307.16704">arXiv 2307.16704</a>'
