"""The page's charts and explorer in a real browser: press, hover, filter, follow an address, copy."""

import json
import os
import time

import pytest
from reports.folders import TWO, make, two_experiences
from reports.page.browser import browser, executable

from lifelong_lb.reports import write_report

pytestmark = pytest.mark.skipif(
    executable() is None or os.name != "posix", reason="no Chromium or Chrome is installed here"
)
HOSTILE = "</script><script>console.error(1)</script>"
STUDY = {
    **TWO,
    "strategies": ["naive", "replay"],
    "rules": ["none", {"name": "sam", "rho": 0.05}, {"name": "sam", "rho": 0.1}, {"name": "asam", "label": HOSTILE}],
    "seeds": 3,
}
PLOT = "#explorer .chart svg"
POINTS = f"document.querySelectorAll('{PLOT} .mark-symbol.role-mark path').length"
ROWS = "[...document.querySelectorAll('#explorer tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"


def accuracies(labels, seed):
    gain = {"none": 0.0, "sam(rho=0.05)": 0.02, "sam(rho=0.1)": 0.04}.get(labels["rule"], -0.1)
    if labels["rule"] == "sam(rho=0.1)" and seed == 2:
        return "diverged"
    return two_experiences(0.9, 0.8, 0.5 + gain + 0.01 * seed + (0.2 if labels["strategy"] == "replay" else 0.0))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("explored"), STUDY, accuracies)
    write_report(folder)
    return folder.report_path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def opened(chromium, page, address="", width=1400, scheme="light"):
    chromium.open(page, width, scheme)
    if address:
        chromium.run(f"location.hash = {json.dumps(address)}")
    until(chromium, f"document.querySelector('{PLOT} .mark-symbol') !== null")
    return chromium


def until(chromium, condition, seconds=20):
    end = time.monotonic() + seconds
    while not chromium.run(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)


def choose(chromium, key, value):
    chromium.run(
        f"(control => {{ control.value = {value!r}; control.dispatchEvent(new Event('change')); }})"
        f"(document.querySelector('select[data-key={key}]'))"
    )


def chip(label):
    return f"[...document.querySelectorAll('.chip')].find(chip => chip.textContent === {label!r})"


def test_quiet_and_self_contained_in_both_schemes(chromium, page):
    for scheme in ("light", "dark"):
        opened(chromium, page, scheme=scheme)
        assert chromium.complaints == []
        assert [url for url in chromium.requests if not url.startswith(("data:", page.as_uri()))] == []


def test_the_first_screen_has_findings_a_table_and_a_chart(chromium, page):
    opened(chromium, page)
    until(chromium, "document.querySelector('.first .chart svg .mark-symbol') !== null")
    cards = chromium.run("[...document.querySelectorAll('.card')].map(card => card.getBoundingClientRect().bottom)")
    assert len(cards) == 2
    places = "[document.querySelector('.small'), document.querySelector('.first .chart svg')]"
    bottoms = chromium.run(f"{places}.map(each => each.getBoundingClientRect().bottom)")
    assert max(cards + bottoms) < 1000
    assert chromium.run("document.querySelector('.small tbody th[scope=row]').textContent") == "plain SGD"


def test_labels_switch_runs_off_and_on(chromium, page):
    opened(chromium, page)
    runs, means = 2 * 11, 2 * 4
    assert chromium.run(POINTS) == runs + means
    chromium.run(f"{chip('Replay')}.click()")
    until(chromium, f"{POINTS} === {runs // 2 + means // 2}")
    assert chromium.run(f"{chip('Replay')}.ariaPressed") == "false"
    assert {row[0] for row in chromium.run(ROWS)} == {"Fine-tuning"}
    assert "hide-strategy=replay" in chromium.run("location.hash")
    chromium.run(f"{chip('Replay')}.click()")
    until(chromium, f"{POINTS} === {runs + means}")
    assert chromium.run("location.hash") == ""


def test_an_address_brings_back_a_view(chromium, page):
    opened(chromium, page)
    choose(chromium, "y", "forgetting")
    choose(chromium, "x", "rho")
    chromium.run(f"{chip('plain SGD')}.click()")
    address = chromium.run("location.hash")
    opened(chromium, page, address[1:])
    choices = chromium.run("[...document.querySelectorAll('#explorer select')].map(each => each.value)")
    assert choices[:2] == ["forgetting", "rho"]
    assert chromium.run(f"{chip('plain SGD')}.ariaPressed") == "false"
    titles = f"[...document.querySelectorAll('{PLOT} .role-axis-title text')].map(each => each.textContent)"
    until(chromium, f"{titles}.includes('forgetting, %')")
    assert "ρ" in chromium.run(titles)


@pytest.mark.parametrize("address", ["y=nonsense&x=__proto__", "hide-rule=%3Cimg%20src=x%3E&sort=x:y", "=&=&y"])
def test_a_damaged_address_is_harmless(chromium, page, address):
    opened(chromium, page, address)
    assert chromium.complaints == []
    assert chromium.run("document.querySelector('select[data-key=y]').value") == "average_accuracy"


def test_every_choice_is_drawn(chromium, page):
    opened(chromium, page)
    for key in ("x", "y", "panel", "colour"):
        for value in chromium.run(f"[...document.querySelector('select[data-key={key}]').options].map(o => o.value)"):
            choose(chromium, key, value)
            until(chromium, f"document.querySelector('{PLOT}')?.getAttribute('width') > 200")
        assert chromium.complaints == [], key
        opened(chromium, page)


def test_hovering_names_the_run(chromium, page):
    opened(chromium, page)
    chromium.run("document.querySelector('#explorer .chart').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = centre(chromium)
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    until(chromium, "document.querySelector('#vg-tooltip-element.visible') !== null")
    shown = chromium.run("document.querySelector('#vg-tooltip-element').innerText")
    assert "seed" in shown
    assert "average accuracy" in shown


def test_a_press_opens_the_run(chromium, page):
    opened(chromium, page)
    chromium.run("document.querySelector('#explorer .chart').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = centre(chromium)
    for kind in ("mousePressed", "mouseReleased"):
        chromium.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    until(chromium, "document.querySelector('dialog').open")
    cells = chromium.run("[...document.querySelectorAll('dialog td')].map(cell => cell.textContent)")
    assert cells == ["90.0", "", "50.0", "80.0"]
    assert "stream: name = split-digits" in chromium.run("document.querySelector('dialog').innerText")
    chromium.run("[...document.querySelectorAll('dialog button')].at(-1).click()")
    assert chromium.run("document.querySelector('dialog').open") is False


def centre(chromium):
    """Middle of the point of seed 0 of plain SGD under fine-tuning."""
    point = "[aria-label*='rule: plain SGD; strategy: Fine-tuning; seed: 0;']"
    box = f"document.querySelector({f'{PLOT} {point}'!r}).getBoundingClientRect()"
    return chromium.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({box})")


def test_the_table_is_sorted_filtered_and_copied(chromium, page):
    opened(chromium, page)
    assert len(chromium.run(ROWS)) == 8
    press = "[...document.querySelectorAll('#explorer thead button')][0].click()"
    chromium.run(press)
    means = [float(row[3].split(" ")[0]) for row in chromium.run(ROWS)]
    assert means == sorted(means, reverse=True)
    assert means[0] == 77.3  # replay, rho 0.1: seeds 0 and 1 end at 0.77 and 0.775
    chromium.run(press)
    assert [float(row[3].split(" ")[0]) for row in chromium.run(ROWS)] == sorted(means)
    chromium.run(
        "(find => { find.value = 'replay ρ'; find.dispatchEvent(new Event('input')); })"
        "(document.querySelector('#explorer input[type=search]'))"
    )
    assert [row[1] for row in chromium.run(ROWS)] == ["SAM, ρ = 0.05", "SAM, ρ = 0.1"]
    copied = "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }"
    chromium.run(f"(() => {{ {copied} }})()")
    chromium.run(
        "[...document.querySelectorAll('#explorer button')].find(b => b.textContent === 'Copy as CSV').click()"
    )
    lines = chromium.run("window.copied").split("\n")
    assert lines[0].startswith('strategy,rule,seeds,"average accuracy, %","average accuracy, % (sd)"')
    assert lines[1].startswith('Replay,"SAM, ρ = 0.05",3,76.5')
    chromium.run(
        "[...document.querySelectorAll('#explorer button')].find(b => b.textContent === 'Copy as LaTeX').click()"
    )
    assert r"Replay & SAM, $\rho$ = 0.05 & 3 & 76.5 $\pm$ 0.5" in chromium.run("window.copied")


def test_columns_are_chosen(chromium, page):
    opened(chromium, page)
    chromium.run("document.querySelector('#explorer .columns input[value=backward_transfer]').click()")
    heads = chromium.run("[...document.querySelectorAll('#explorer thead th')].map(head => head.textContent)")
    assert "backward transfer, %" in heads
    assert "backward_transfer" in chromium.run("location.hash")


def test_every_rule_is_named_on_its_axis(chromium, page):
    opened(chromium, page)
    shown = chromium.run(
        f"[...document.querySelectorAll('{PLOT} .role-axis-label text')].map(each => each.textContent)"
    )
    assert {"plain SGD", "SAM, ρ = 0.05", "SAM, ρ = 0.1"} <= set(shown)
    assert sum(name == "SAM, ρ = 0.05" for name in shown) == 2  # one per panel


def test_charts_fit_a_phone(chromium, page):
    opened(chromium, page, width=390)
    assert chromium.run("document.documentElement.scrollWidth") == 390
    widths = chromium.run("[...document.querySelectorAll('.chart svg')].map(svg => svg.getBoundingClientRect().width)")
    assert widths
    assert max(widths) <= 390


def test_the_keyboard_reaches_every_control(chromium, page):
    opened(chromium, page)
    reachable = (
        "[...document.querySelectorAll('#explorer :is(button, select, input, summary)')].every(e => e.tabIndex >= 0)"
    )
    assert chromium.run(reachable)
    chromium.run(f"{chip('SAM, ρ = 0.05')}.focus()")
    for kind in ("rawKeyDown", "char", "keyUp"):
        chromium.call("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" ", windowsVirtualKeyCode=32)
    assert chromium.run(f"{chip('SAM, ρ = 0.05')}.ariaPressed") == "false"


def press(chromium, key, code, text=""):
    number = {"Enter": 13, " ": 32, "Escape": 27, "Tab": 9, "ArrowDown": 40}[key]
    for kind in ("rawKeyDown", *(("char",) if text else ()), "keyUp"):
        chromium.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, text=text, windowsVirtualKeyCode=number)


def test_a_run_is_opened_and_closed_by_the_keyboard_alone(chromium, page):
    """From the search field by Tab to the number of seeds of a row, then to one of its runs."""
    opened(chromium, page)
    chromium.run("document.querySelector('#explorer input[type=search]').focus()")
    for _ in range(30):
        if chromium.run("document.activeElement.className") == "runs":
            break
        press(chromium, "Tab", "Tab")
    assert chromium.run("document.activeElement.textContent") == "3"
    press(chromium, "Enter", "Enter", "\r")
    until(chromium, "document.querySelector('dialog').open")
    runs = "[...document.querySelectorAll('dialog .chips button')].map(each => each.textContent)"
    assert chromium.run(runs) == ["seed 0: 65", "seed 1: 65.5", "seed 2: 66"]
    assert chromium.run("document.querySelector('dialog').contains(document.activeElement)")
    press(chromium, "Enter", "Enter", "\r")
    until(chromium, "document.querySelectorAll('dialog td').length === 4")
    link = chromium.run("document.querySelector('dialog a').getAttribute('href')")
    assert (page.parent / link).name == "log.txt"
    assert (page.parent / link).parent.is_dir()
    press(chromium, "Escape", "Escape")
    assert chromium.run("document.querySelector('dialog').open") is False
    assert chromium.run("document.activeElement.className") == "runs"
    assert chromium.complaints == []
    assert [url for url in chromium.requests if not url.startswith(("data:", page.as_uri()))] == []


def test_choices_and_columns_by_the_keyboard(chromium, page):
    opened(chromium, page)
    chromium.run("document.querySelector('select[data-key=y]').focus()")
    press(chromium, "ArrowDown", "ArrowDown")
    until(chromium, "location.hash.startsWith('#y=')")
    chromium.run("document.querySelector('#explorer .columns summary').focus()")
    press(chromium, "Enter", "Enter", "\r")
    assert chromium.run("document.querySelector('#explorer .columns').open")
    press(chromium, "Tab", "Tab")
    before = chromium.run("document.activeElement.checked")
    press(chromium, " ", "Space", " ")
    assert chromium.run("document.activeElement.checked") is not before
    chromium.run("document.querySelector('#explorer thead button').focus()")
    press(chromium, "Enter", "Enter", "\r")
    assert chromium.run("document.querySelector('#explorer [aria-sort]').ariaSort") == "descending"


def test_a_rule_that_is_switched_off_leaves_chart_table_and_copies(chromium, page):
    opened(chromium, page)
    chromium.run(f"{chip('plain SGD')}.click()")
    until(chromium, f"!document.querySelector('{PLOT}').outerHTML.includes('rule: plain SGD')")
    assert "plain SGD" not in {row[1] for row in chromium.run(ROWS)}
    chromium.run("navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))")
    for name, line in (("Copy as CSV", "strategy,rule,seeds"), ("Copy as LaTeX", r"\begin{tabular}{llrrrrr}")):
        chromium.run(
            f"[...document.querySelectorAll('#explorer button')].find(b => b.textContent === {name!r}).click()"
        )
        until(chromium, f"document.querySelector('#explorer textarea').value.startsWith({line!r})")
        assert chromium.run("document.querySelector('#explorer textarea').hidden") is False
        assert "plain SGD" not in chromium.run("document.querySelector('#explorer textarea').value")
    assert chromium.complaints == []


def test_every_chart_has_its_title_as_a_label(chromium, page):
    opened(chromium, page)
    labels = "[...document.querySelectorAll('.chart')].map(box => box.ariaLabel)"
    until(chromium, "[...document.querySelectorAll('[data-chart]')].every(box => box.querySelector('svg, canvas'))")
    found = chromium.run(labels)
    assert "average accuracy, % against rule: 22 runs" in found
    assert any(label == "Learning accuracy and forgetting: split-digits, SGD" for label in found), found
    assert not [label for label in found if "Vega" in label]


def test_the_explorer_is_printed(chromium, page):
    opened(chromium, page)
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.run(f"document.querySelector('{PLOT}').getBoundingClientRect().height") > 100
    assert chromium.run("document.querySelector('#explorer tbody').getBoundingClientRect().height") > 100
    chromium.call("Emulation.setEmulatedMedia", media="")
    assert chromium.complaints == []


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    rules = ["none", *({"name": "sam", "rho": round(0.01 * n, 2)} for n in range(1, 5))]
    raw = {**STUDY, "rules": rules, "seeds": 100}
    folder = make(
        tmp_path_factory.mktemp("large"), raw, lambda labels, seed: two_experiences(0.9, 0.8, 0.4 + 0.001 * seed)
    )
    write_report(folder)
    return folder.report_path


@pytest.mark.slow
def test_a_thousand_runs(chromium, large):
    """Drawn on a canvas if there are too many points; a filter, a label and a press act within a moment."""
    chromium.open(large, 1400)
    until(chromium, "document.querySelector('#explorer .chart :is(svg, canvas)') !== null", 60)
    assert "1000 runs" in chromium.run("document.querySelector('#explorer .chart').ariaLabel")
    assert len(chromium.run(ROWS)) == 10
    start = time.monotonic()
    chromium.run(f"{chip('Replay')}.click()")
    until(chromium, "document.querySelector('#explorer .chart').ariaLabel.includes('500 runs')")
    assert len(chromium.run(ROWS)) == 5
    chromium.run("document.querySelector('#explorer .runs').click()")
    assert chromium.run("document.querySelectorAll('dialog .chips button').length") == 100
    chromium.run("document.querySelector('dialog .chips button').click()")
    assert chromium.run("document.querySelectorAll('dialog td').length") == 4
    assert time.monotonic() - start < 20
    assert chromium.complaints == []
    assert [url for url in chromium.requests if not url.startswith(("data:", large.as_uri()))] == []
