"""The page in a real browser: quiet, self-contained, sortable, and no wider than a phone."""

import os

import pytest
from reports.browser import browser, executable
from reports.folders import TWO, make, wave

from lifelong_lb.reports import blocks_of, summary_table
from lifelong_lb.reports.comparisons import comparison_table
from lifelong_lb.reports.heat_maps import draw_matrices
from lifelong_lb.reports.page import render_page
from lifelong_lb.reports.results import collect

pytestmark = pytest.mark.skipif(
    executable() is None or os.name != "posix", reason="no Chromium or Chrome is installed here"
)

ACCURACIES = {"none": 0.95, "sam": 0.1, "asam": 1.0, "gsam": 0.1004, "looksam": None}
"""Accuracy of each rule: as texts 0.100 twice, and 1.000 after 0.950; the last one is not done."""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FIRST = "document.querySelector('table.sortable')"
COLUMN = f"[...{FIRST}.tBodies[0].rows].map(row => row.cells[2].innerText)"
RULES = f"[...{FIRST}.tBodies[0].rows].map(row => row.cells[0].innerText)"
PRESS = f"{FIRST}.tHead.rows[0].cells[2].querySelector('button').click()"
STATE = f"{FIRST}.tHead.rows[0].cells[2].getAttribute('aria-sort')"


def fill(labels, seed):
    accuracy = ACCURACIES[labels["rule"]]
    return "diverged" if accuracy is None else [(0, 0, 0.5), (1, 0, accuracy), (1, 1, accuracy)]


def write(folder):
    results = collect(folder)
    figures = {"split-digits": [draw_matrices(block) for block in blocks_of(results)[:1]]}
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
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_quiet_and_self_contained(chromium, page, hostile):
    for path in (page, hostile):
        chromium.open(path)
        assert chromium.complaints == []
        assert [url for url in chromium.requests if not url.startswith("data:")] == [path.as_uri()]


def test_a_click_sorts_by_the_numbers_and_a_third_restores(chromium, page):
    chromium.open(page)
    rules = list(ACCURACIES)
    assert chromium.run(RULES) == rules
    assert chromium.run(STATE) is None
    chromium.run(PRESS)
    assert chromium.run(STATE) == "descending"
    assert chromium.run(COLUMN)[0].startswith("1.000")
    assert chromium.run(RULES) == ["asam", "none", "gsam", "sam", "looksam"]
    chromium.run(PRESS)
    assert chromium.run(STATE) == "ascending"
    assert chromium.run(RULES) == ["sam", "gsam", "none", "asam", "looksam"]
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
    assert chromium.run(RULES) == sorted(ACCURACIES)


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_never_scrolls_sideways(chromium, page, hostile, width):
    for path in (page, hostile):
        chromium.open(path, width)
        assert chromium.run("document.querySelectorAll('details').forEach(d => { d.open = true })") is None
        assert chromium.run(OVERFLOW) == 0


def test_long_tables_scroll_in_a_box_below_their_header(chromium, page, hostile):
    chromium.open(page)
    assert chromium.run("document.querySelectorAll('.long').length") == 0
    chromium.open(hostile)
    box = "document.querySelector('.long')"
    assert chromium.run(f"{box}.scrollHeight > {box}.clientHeight + 200")
    top = f"({box}.scrollTop = 400, {box}.querySelector('thead th').getBoundingClientRect().top"
    assert abs(chromium.run(f"{top} - {box}.getBoundingClientRect().top)")) < 2


def test_print_shows_everything(chromium, hostile):
    chromium.open(hostile)
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.run("document.querySelector('details:not([open]) pre').getBoundingClientRect().height") > 20
    box = "document.querySelector('.long')"
    assert chromium.run(f"{box}.scrollHeight - {box}.clientHeight") == 0
    chromium.call("Emulation.setEmulatedMedia", media="")


def test_dark_where_the_reader_wants_it(chromium, page):
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    )
    chromium.open(page, scheme="dark")
    assert chromium.run(brightness) < 150
    chromium.open(page)
    assert chromium.run(brightness) == 765
