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
