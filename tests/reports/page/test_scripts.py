"""The cache of the page's scripts."""

import hashlib

import pytest

from lifelong_lb.reports.page import scripts


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """Numbers of bundles made; the cache folder is tmp_path / "cache"."""
    made = []
    monkeypatch.setattr(scripts, "_bundle", lambda: made.append(len(made)) or "window.vega = 'ü\r\n';")
    monkeypatch.setattr(scripts, "_cache_folder", lambda: tmp_path / "cache")
    scripts.vega_script.cache_clear()
    yield made
    scripts.vega_script.cache_clear()


def again():
    scripts.vega_script.cache_clear()
    return scripts.vega_script()


def test_the_bundle_is_made_once(bundles, tmp_path):
    assert again() == again() == "window.vega = 'ü\r\n';"
    assert bundles == [0]
    (path,) = (tmp_path / "cache").iterdir()
    assert path.name == f"vega-{hashlib.sha256(path.read_bytes()).hexdigest()}.js"


def test_a_changed_bundle_is_not_used(bundles, tmp_path):
    script = again()
    (path,) = (tmp_path / "cache").iterdir()
    path.write_text("alert(1)")
    assert again() == again() == script
    assert bundles == [0, 1]
    assert path.read_bytes().decode() == script


def test_a_folder_that_cannot_be_written_is_no_error(bundles, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert again() == again()
    assert bundles == [0, 1]


def test_the_folder_is_that_of_the_versions():
    folder = scripts._cache_folder()
    assert folder.parent.name == "scripts"
    assert folder.name.endswith("-6.1")
