"""The static leaderboard over result folders."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers import hostile_folders as hostile

from lifelong_lb.cli import main
from lifelong_lb.config import UserError, parse_study, read_study
from lifelong_lb.reports import collect, summary_table
from lifelong_lb.reports.page.data import script_hash
from lifelong_lb.reports.site import leaderboard, read_studies, write_site
from lifelong_lb.store import ResultFolder

STORED = Path(__file__).parents[3] / "benchmarks" / "results" / "published"
FOLDERS = [STORED / "split-mnist-si", STORED / "permuted-mnist-ewc"]


class Page(HTMLParser):
    """Links, scripts and remote addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.scripts, self.addresses, self.inside = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag == "script"
        if tag == "a":
            self.links.append(attrs["href"])
        self.addresses += [attrs[name] for name in ("src", "srcset", "action") if name in attrs]
        assert not any(name.startswith("on") for name in attrs)

    def handle_data(self, data):
        if self.inside:
            self.scripts.append(data)
            self.inside = False


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return write_site(FOLDERS, tmp_path_factory.mktemp("site"), "Ours & <theirs>")


def test_every_link_leads_to_a_file_of_the_site(site):
    text = site.index.read_text(encoding="utf-8")
    page = Page(text)
    files = [link for link in page.links if not link.startswith("#")]
    assert {link.split("/")[0] for link in files} == {"split-mnist-si", "permuted-mnist-ewc"}
    for link in files:
        assert (site.index.parent / link).is_file(), link
    assert page.addresses == []
    assert "Ours &amp; &lt;theirs&gt;" in text


def test_the_policy_allows_one_script(site):
    text = site.index.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    (script,) = Page(text).scripts
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script_hash(script)}'"


def test_study_files_repeat_the_studies(site):
    for study in site.studies:
        written = read_study(site.index.parent / study.slug / "study.yaml")
        stored = study.results.study.study
        assert written.model_dump(mode="json") == parse_study(stored.model_dump(mode="json")).model_dump(mode="json")
        assert study.command == f"lifelong-lb run {study.slug}/study.yaml --out results/{study.slug}"
        assert study.command in site.index.read_text(encoding="utf-8")


def test_rows_are_those_of_the_summaries(site):
    table = leaderboard(site.studies)
    assert [group.heading for group in table.groups] == ["split-mnist", "permuted-mnist"]
    for group, folder in zip(table.groups, FOLDERS, strict=True):
        summary = summary_table(collect(ResultFolder(folder)))
        places = {column.title: i for i, column in reversed(list(enumerate(table.columns)))}
        for metric, title in (("average_accuracy", "average accuracy"), ("forgetting", "forgetting")):
            found = [row[places[title]].value for row in group.rows]
            assert found == pytest.approx(summary[f"{metric}_mean"].tolist(), nan_ok=True)
        assert [row[places["seeds"]].value for row in group.rows] == summary["seeds"].tolist()
    interval = table.groups[0].rows[0][places["average accuracy"] + 1]
    first = summary_table(collect(ResultFolder(FOLDERS[0]))).iloc[0]
    assert interval.value == pytest.approx(first["average_accuracy_ci_low"])


def test_source_folders_are_not_changed(tmp_path):
    source = shutil.copytree(FOLDERS[1], tmp_path / "source")
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    write_site([source], tmp_path / "site")
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before


def test_unusable_folders_are_named_and_left_out(tmp_path, monkeypatch, capsys):
    damaged = hostile.make_base(tmp_path / "<b>damaged").path
    (damaged / "study.json").write_text("{" * 10_000)
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ["lifelong-lb", "site", str(FOLDERS[1]), str(damaged), str(empty), "--out", str(tmp_path / "site")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == f"site: {tmp_path / 'site' / 'index.html'}\n"
    assert f"left out: {damaged}: " in printed.err
    assert f"left out: {empty}: " in printed.err
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "2 folders left out" in text
    assert "&lt;b&gt;damaged" in text
    assert "<b>damaged" not in text


def test_runs_that_are_left_out_are_noted(tmp_path):
    base = hostile.make_base(tmp_path / "base")
    (base.path / "runs" / base.done[0] / "result.json").write_text("[]")
    site = write_site([base.path], tmp_path / "site")
    assert base.done[0] in site.index.read_text(encoding="utf-8")


def test_the_site_needs_another_folder(tmp_path):
    source = shutil.copytree(FOLDERS[1], tmp_path / "results" / "source")
    for out in (source, tmp_path / "results"):
        with pytest.raises(UserError, match="a site needs another folder"):
            write_site([source], out)
    with pytest.raises(UserError, match="no folder can be read"):
        write_site([tmp_path / "nothing"], tmp_path / "site")


@pytest.mark.parametrize("left", ["study.json", "runs", "results.csv"])
def test_a_site_replaces_no_other_results(tmp_path, left):
    other = tmp_path / "results" / FOLDERS[1].name
    other.mkdir(parents=True)
    (other / left).mkdir() if left == "runs" else (other / left).write_text("mine")
    with pytest.raises(UserError, match="would replace that of the result folder .*; a site needs another folder"):
        write_site([FOLDERS[1]], tmp_path / "results")
    assert [path.name for path in (tmp_path / "results").rglob("*")] == [other.name, left]


def test_a_site_is_written_again(tmp_path):
    for _ in range(2):
        assert len(write_site([FOLDERS[1]], tmp_path / "site").studies) == 1


def test_equal_names_of_folders(tmp_path):
    copies = [shutil.copytree(FOLDERS[1], tmp_path / name / "A b") for name in "xy"]
    studies, left_out = read_studies([*copies, copies[0]])
    assert [study.slug for study in studies] == ["a-b", "a-b-2"]
    assert not left_out


def test_pages_and_files_of_others_are_not_replaced(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UserError, match=r"its index.html was not written by lifelong-lb site"):
        write_site([FOLDERS[1]], tmp_path)
    with pytest.raises(UserError, match=r"index.html: is a file; a site needs a folder"):
        write_site([FOLDERS[1]], tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text() == "mine"
