"""Tables and figures of RESULTS.md and docs/results/, against the stored results."""

import re

import pandas as pd
import pytest

from benchmarks.pages import lifelong
from benchmarks.pages.__main__ import all_tables
from benchmarks.pages.figures import FOLDER, figures
from benchmarks.pages.markdown import BENCHMARKS, PAGES, PLACE, RESULTS, filled, percent, runs_of, table
from lifelong_lb import load_results

TABLES = all_tables()
PLACES = [(page, place[1]) for page in PAGES for place in PLACE.finditer(page.read_text(encoding="utf-8"))]
WITH_RUNS = sorted({path.parent for path in RESULTS.rglob("runs") if (path.parent / "results.csv").exists()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_computed_from_the_stored_results(page):
    text = page.read_text(encoding="utf-8")
    assert filled(text, TABLES) == text
    assert text.count("<!-- table:") == len(PLACE.findall(text))
    assert not re.search(r"^\|.*\n(?=[^|\n])", text, re.MULTILINE), "text directly below a table is a row of it"


def test_every_table_is_on_a_page():
    assert {name for _, name in PLACES} == set(TABLES)


def test_figures_show_the_stored_results():
    drawn = figures()
    assert set(drawn) == set(FOLDER.glob("*.svg"))
    for path, content in drawn.items():
        labels = [
            re.findall('aria-label="([^"]*)"', svg) for svg in (content.decode(), path.read_text(encoding="utf-8"))
        ]
        assert labels[0] == labels[1]
        assert len(labels[0]) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_figures_and_pages_lead_to_files(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]+)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (page.parent / target).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_figure_is_on_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(f"figures/{path.name})" in text for path in FOLDER.glob("*.svg"))


def test_the_front_page_is_short():
    assert len((BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8").split()) < 1500


def test_a_table_is_replaced_up_to_its_end():
    page = "a\n\n<!-- table: one -->\n\n| old |\n|---|\n| 1 |\n\nb\n\n<!-- table: two -->\nc\n"
    new = filled(page, {"one": table(["x", "y"], [["1", "2"]]), "two": ["| z |"]})
    rows = "| x | y |\n|---|---|\n| 1 | 2 |\n"
    assert new == f"a\n\n<!-- table: one -->\n\n{rows}\nb\n\n<!-- table: two -->\n\n| z |\n\nc\n"
    assert filled(new, {"one": rows.splitlines(), "two": ["| z |"]}) == new
    with pytest.raises(KeyError, match="one"):
        filled(page, {})


def test_percent():
    assert percent([0.1, 0.2, 0.3], interval=True) == "20.0 ± 10.0 [-4.8, 44.8]"
    assert (percent([0.1, 0.2]), percent([0.5]), percent([])) == ("15.0 ± 7.1", "50.0", "")


@pytest.mark.parametrize("folder", WITH_RUNS, ids=lambda folder: folder.name)
def test_stored_tables_follow_from_the_stored_runs(folder):
    runs, accuracy = load_results(folder)
    for frame, name in ((runs, "results.csv"), (accuracy, "accuracy.csv")):
        stored = pd.read_csv(folder / name)
        found = frame.reset_index(drop=True)[stored.columns]
        pd.testing.assert_frame_equal(found, stored, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("folder", WITH_RUNS, ids=lambda folder: folder.name)
def test_stored_folders_hold_small_text_files_only(folder):
    for path in folder.rglob("*"):
        assert path.suffix != ".pt"
        if path.is_file() and path.name != "report.html":
            assert path.stat().st_size < 1_000_000
            path.read_text(encoding="utf-8")


def test_every_lifelong_study_has_its_runs():
    assert {folder.name for folder in WITH_RUNS} == {path.parent.name for path in lifelong.FOLDER.glob("*/results.csv")}
    assert all(len(runs_of(folder)) for folder in WITH_RUNS)
