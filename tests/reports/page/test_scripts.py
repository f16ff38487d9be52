"""The cache of the page's scripts."""

import hashlib

import platformdirs
import pytest
import vl_convert

from lifelong_lb.reports.page.data import vega_script


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """Numbers of bundles made; the user's cache folder is tmp_path / "cache"."""
    made = []
    script = "window.vega = 'ü\r\n';"
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda *options: made.append(len(made)) or script)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *names, **options: tmp_path / "cache")
    vega_script.cache_clear()
    yield made
    vega_script.cache_clear()


def again():
    vega_script.cache_clear()
    return vega_script()


def cached(folder):
    return folder.glob("cache/scripts/*/*")


def test_the_bundle_is_made_once(bundles, tmp_path):
    assert again() == again() == "window.vega = 'ü\r\n';"
    assert bundles == [0]
    (path,) = cached(tmp_path)
    assert path.parent.name.endswith("-6.1")  # one folder for each pair of versions
    assert path.name == f"vega-{hashlib.sha256(path.read_bytes()).hexdigest()}.js"


def test_a_changed_bundle_is_not_used(bundles, tmp_path):
    script = again()
    (path,) = cached(tmp_path)
    path.write_text("alert(1)")
    assert again() == again() == script
    assert bundles == [0, 1]
    assert path.read_bytes().decode() == script


def test_a_folder_that_cannot_be_written_is_no_error(bundles, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert again() == again()
    assert bundles == [0, 1]
