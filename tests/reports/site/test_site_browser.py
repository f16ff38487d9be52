"""The leaderboard in a real browser."""

import os

import pytest
from reports.page.browser import browser, executable
from reports.site.test_site import FOLDERS

from lifelong_lb.reports.site import write_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None or os.name != "posix", reason="no Chromium or Chrome is installed here"),
]

TABLE = "document.querySelector('table.sortable')"
PLACE = f"[...{TABLE}.tHead.rows[0].cells].findIndex(cell => cell.innerText.startsWith('average accuracy'))"
COLUMN = f"[...{TABLE}.tBodies[0].rows].slice(1).map(row => row.cells[{PLACE}].dataset.sort)"


def test_sorts_without_a_server_and_fits_a_phone(tmp_path):
    site = write_site(FOLDERS, tmp_path / "site")
    with browser(tmp_path / "profile") as page:
        page.open(site.index)
        before = page.run(COLUMN)
        page.run(f"{TABLE}.tHead.rows[0].cells[{PLACE}].querySelector('button').click()")
        after = page.run(COLUMN)
        assert after == sorted(before, key=float, reverse=True) != before
        assert page.requests == [site.index.as_uri()]
        assert not page.complaints
        page.open(site.index, width=390, scheme="dark")
        assert page.run("document.documentElement.scrollWidth - innerWidth") <= 0
        assert not page.complaints
