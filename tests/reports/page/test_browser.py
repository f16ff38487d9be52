"""The page in a real browser: no console messages, self-contained, sortable, and no wider than a phone."""

import base64
import os
import re
import shutil
import subprocess
import time

import pytest
from reports.folders import TWO, make, wave
from reports.page.browser import browser, executable
from reports.whole import SECTIONS, write_whole

from lifelong_lb.reports import blocks_of, summary_table
from lifelong_lb.reports.charts.matrices import accuracy_matrices
from lifelong_lb.reports.page.render import render_page
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.comparisons import comparison_table

pytestmark = pytest.mark.skipif(
    executable() is None or os.name != "posix", reason="no Chromium or Chrome is installed here"
)

ACCURACIES = {"none": 0.95, "sam": 0.1, "asam": 1.0, "gsam": 0.1004, "looksam": None}
"""Accuracy of each rule: two are printed as 10.0, and 100.0 must sort before 95.0; the last run is not done."""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FIRST = "document.querySelector('section[aria-labelledby=summary] table.sortable')"
COLUMN = f"[...{FIRST}.tBodies[0].rows].map(row => row.cells[2].innerText)"
RULES = f"[...{FIRST}.tBodies[0].rows].map(row => row.cells[0].innerText)"
PRESS = f"{FIRST}.tHead.rows[0].cells[2].querySelector('button').click()"
BESIDE = """[...document.body.querySelectorAll('*')].filter(each => !each.closest('.scroll, .chart, pre, .skip'))
    .filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 200))"""
"""Elements that extend beyond the window, except in boxes that scroll."""
SORTED = """[...document.querySelectorAll('table.sortable')].flatMap(table => {
    const rows = () => [...table.tBodies].map(body => [...body.rows].filter(row => !row.matches('.section')));
    const column = i => rows().map(body => body.map(row => row.cells[i].innerText));
    return [...table.tHead.rows[0].cells].map((heading, i) => {
        const press = () => { heading.querySelector('button').click(); return [heading.ariaSort, column(i)]; };
        return [table.parentElement.ariaLabel, heading.innerText, column(i), press(), press(), press()];
    });
})"""
"""For each column of each table: table, heading, texts, and state and texts after each of three clicks."""
STATE = f"{FIRST}.tHead.rows[0].cells[2].getAttribute('aria-sort')"


def fill(labels, seed):
    accuracy = ACCURACIES[labels["rule"]]
    return "diverged" if accuracy is None else [(0, 0, 0.5), (1, 0, accuracy), (1, 1, accuracy)]


def write(folder):
    results = collect(folder)
    figures = {"split-digits": [accuracy_matrices(block) for block in blocks_of(results)[:1]]}
    folder.write_file("report.html", render_page(results, summary_table(results), comparison_table(results), figures))
    return folder.path / "report.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write(make(tmp_path_factory.mktemp("sorted"), {**TWO, "rules": list(ACCURACIES)}, fill))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    rules = [{"name": "none", "label": "</script><script>console.error(1)</script>"}]
    rules += [{"name": "sam", "label": "x" * 200}, {"name": "asam", "label": "<img src=http://evil.example/x>"}]
    rules += [{"name": "sam", "rho": 0.1 + 0.01 * n} for n in range(23)]
    return write(make(tmp_path_factory.mktemp("hostile"), {**TWO, "rules": rules}, lambda labels, seed: wave(2, seed)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_quiet_and_self_contained(chromium, page, hostile, whole):
    for path in (page, hostile, whole):
        chromium.open(path)
        assert chromium.complaints == []
        assert [url for url in chromium.requests if not url.startswith("data:")] == [path.as_uri()]


def test_a_click_sorts_by_the_numbers_and_a_third_restores(chromium, page):
    chromium.open(page)
    rules = ["plain SGD", "SAM", "ASAM", "GSAM", "LookSAM"]
    assert chromium.run(RULES) == rules
    assert chromium.run(STATE) is None
    chromium.run(PRESS)
    assert chromium.run(STATE) == "descending"
    assert chromium.run(COLUMN)[0].startswith("100.0")
    assert chromium.run(RULES) == ["ASAM", "plain SGD", "GSAM", "SAM", "LookSAM"]
    chromium.run(PRESS)
    assert chromium.run(STATE) == "ascending"
    assert chromium.run(RULES) == ["SAM", "GSAM", "plain SGD", "ASAM", "LookSAM"]
    chromium.run(PRESS)
    assert chromium.run(STATE) is None
    assert chromium.run(RULES) == rules


def test_the_keyboard_sorts(chromium, page):
    chromium.open(page)
    chromium.run(f"{FIRST}.tHead.rows[0].cells[0].querySelector('button').focus()")
    for kind in ("rawKeyDown", "char", "keyUp"):
        chromium.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert chromium.run(RULES) == ["ASAM", "GSAM", "LookSAM", "plain SGD", "SAM"]


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_never_scrolls_sideways(chromium, page, hostile, whole, width):
    for path in (page, hostile, whole):
        chromium.open(path, width)
        assert chromium.run("document.querySelectorAll('details').forEach(d => { d.open = true })") is None
        assert chromium.run(OVERFLOW) == 0
        assert chromium.run(BESIDE) == []


def test_every_section_is_there(chromium, whole):
    chromium.open(whole)
    assert chromium.run("[...document.querySelectorAll('main h2')].map(heading => heading.id)") == list(SECTIONS)
    unsorted = chromium.run("[...document.querySelectorAll('main table:not(.sortable)')].map(t => t.className)")
    assert unsorted == ["small", "small", "", "environment"]  # the explorer sorts its own


PLACES = {"in order, Fine-tuning, SGD", "as drawn, Fine-tuning, SGD"}
"""What the tables of a stream have in common."""


def number_of(text):
    """The number at the start of a cell; None for a dash or words."""
    found = re.match(r"−?[\d,.]+", text)
    return float(found[0].replace("−", "-").replace(",", "")) if found else None


def test_every_column_of_every_table_sorts(chromium, whole):
    chromium.open(whole)
    columns = chromium.run(SORTED)
    assert {where.partition(": ")[0] for where, *_ in columns} >= {"Settings chosen before the runs", *PLACES}
    moved = set()
    for where, heading, before, *clicks, last in columns:
        assert last == [None, before]
        assert {state for state, _ in clicks} == {"ascending", "descending"}
        for state, bodies in clicks:
            for texts, original in zip(bodies, before, strict=True):
                assert sorted(texts) == sorted(original)
                values = [value for value in map(number_of, texts) if value is not None]
                if len(values) == len(texts) and len({text[:3] for text in texts}) > 1:
                    assert values == sorted(values, reverse=state == "descending"), (where, heading, texts)
                moved |= {where.partition(": ")[2][:11] or where[:8]} if texts != original else set()
    assert moved >= {"Settings", "mean ± samp", "accuracy on", "correlation", "cost of a r"}


@pytest.mark.parametrize("width", [390, 1200])
def test_boxes_that_scroll_sideways_say_so(chromium, whole, width):
    chromium.open(whole, width)
    hint = "getComputedStyle(box, '::before').content.includes('scroll sideways')"
    state = f"[box.scrollWidth > box.clientWidth, {hint}, getComputedStyle(box).maskImage !== 'none']"
    states = chromium.run(f"[...document.querySelectorAll('.scroll')].map(box => {state})")
    assert [wider for wider, _, _ in states] == [hinted for _, hinted, _ in states] == [faded for *_, faded in states]
    assert any(wider for wider, *_ in states) == (width == 390)
    if width == 390:  # no hint at the right end
        box = "document.querySelector('.scroll')"
        chromium.run(f"{box}.scrollLeft = 5000")
        chromium.run("new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))")
        assert chromium.run(f"getComputedStyle({box}).maskImage") == "none"


def test_wide_tables_take_the_room_of_a_wide_window(chromium, whole):
    boxes = "[...document.querySelectorAll('.scroll.table')]"
    chromium.open(whole, 1200)
    assert chromium.run(f"{boxes}.filter(box => box.scrollWidth > box.clientWidth).length") == 0
    widest = chromium.run(f"Math.max(...{boxes}.map(box => box.getBoundingClientRect().width))")
    assert widest > chromium.run("document.querySelector('main').clientWidth") + 50


def until_drawn(chromium):
    """Wait until every chart is drawn, and return their names."""
    boxes = "[...document.querySelectorAll('main section:not([hidden]) [data-chart]')]"
    end = time.monotonic() + 60
    while missing := chromium.run(f"{boxes}.filter(b => !b.querySelector('svg, canvas')).map(b => b.dataset.chart)"):
        assert time.monotonic() < end, missing
        time.sleep(0.05)
    return chromium.run(f"{boxes}.map(box => box.dataset.chart)")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1200, "dark")])
def test_every_chart_is_drawn_within_the_window(chromium, whole, hostile, width, scheme):
    for path in (whole, hostile):
        chromium.open(path, width, scheme)
        names = until_drawn(chromium)
        assert len(set(names)) == len(names)
        marks = "box => box.querySelectorAll('.mark-symbol path, .mark-rect path, .mark-line path').length || 'canvas'"
        assert 0 not in chromium.run(f"[...document.querySelectorAll('[data-chart]')].map({marks})")
        boxes = "[...document.querySelectorAll('[data-chart]')]"
        wide = chromium.run(f"{boxes}.filter(b => b.scrollWidth > b.clientWidth + 1).map(b => b.dataset.chart)")
        assert wide == []
        assert chromium.complaints == []
        assert [url for url in chromium.requests if not url.startswith("data:")] == [path.as_uri()]


def test_the_whole_study_has_every_kind_of_chart(chromium, whole):
    chromium.open(whole)
    kinds = {name.split("--")[0] for name in until_drawn(chromium)}
    assert kinds == {
        *("trade-off", "average-accuracy", "cost-gradients", "cost-seconds", "during-training", "experiences"),
        *("accuracy-matrix", "ranks-average-accuracy", "ranks-forgetting", "confusion-matrix", "flatness"),
        *("flatness-linear", "landscape", "profiles"),
    }


def test_letters_of_charts_on_a_phone(chromium, whole):
    chromium.open(whole, 390)
    until_drawn(chromium)
    scales = chromium.run("[...document.querySelectorAll('[data-chart] svg')].map(svg => svg.getScreenCTM().a)")
    assert set(scales) == {1}
    sizes = chromium.run(
        "[...document.querySelectorAll('[data-chart] text')].map(t => parseFloat(getComputedStyle(t).fontSize))"
    )
    assert min(sizes) > 10


def test_long_tables_scroll_in_a_box_below_their_header(chromium, page, hostile):
    chromium.open(page)
    assert chromium.run("document.querySelectorAll('.long').length") == 0
    chromium.open(hostile)
    box = "document.querySelector('.long')"
    assert chromium.run(f"{box}.scrollHeight > {box}.clientHeight + 100")
    top = f"({box}.scrollTop = 100, {box}.querySelector('thead th').getBoundingClientRect().top"
    assert abs(chromium.run(f"{top} - {box}.getBoundingClientRect().top)")) < 2


def test_print_shows_everything(chromium, hostile):
    chromium.open(hostile)
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.run("document.querySelector('details:not([open]) pre').getBoundingClientRect().height") > 20
    box = "document.querySelector('.long')"
    assert chromium.run(f"{box}.scrollHeight - {box}.clientHeight") == 0
    chromium.call("Emulation.setEmulatedMedia", media="")


def test_print_shows_headings_as_plain_text(chromium, hostile):
    chromium.open(hostile)
    chromium.call("Emulation.setEmulatedMedia", media="print")
    shown = "getComputedStyle(document.querySelector('thead button')).display"
    label = "document.querySelector('tbody th[scope=row]')"
    assert chromium.run(shown) == "contents"
    assert chromium.run(f"getComputedStyle({label}).overflowWrap") == "break-word"
    chromium.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext is installed here")
def test_every_printed_page_of_a_table_has_its_headings(chromium, tmp_path):
    rules = ["none", *({"name": "sam", "rho": round(0.01 + 0.001 * n, 3)} for n in range(90))]
    raw = {**TWO, "rules": rules, "seeds": 1}
    chromium.open(write(make(tmp_path / "many", raw, lambda labels, seed: wave(2, seed))))
    printed = tmp_path / "page.pdf"
    printed.write_bytes(base64.b64decode(chromium.call("Page.printToPDF")["data"]))
    found = subprocess.run(["pdftotext", "-layout", str(printed), "-"], capture_output=True, text=True, check=True)
    pages = [text for text in found.stdout.split("\f") if len(re.findall(r"^SAM\b", text, re.MULTILINE)) > 9]
    assert len(pages) > 5
    assert [bool(re.search(r"^rule\b", text, re.MULTILINE)) for text in pages] == [True] * len(pages)


def test_dark_where_the_reader_wants_it(chromium, page):
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    )
    chromium.open(page, scheme="dark")
    assert chromium.run(brightness) < 150
    chromium.open(page)
    assert chromium.run(brightness) == 765
