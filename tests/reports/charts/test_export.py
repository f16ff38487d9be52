"""Charts as files: exact widths, sizes of letters, equal bytes, hostile labels."""

import pickle
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import vl_convert
from reports.folders import TWO, make, wave

from lifelong_lb.config import UserError
from lifelong_lb.reports import charts_of, write_report
from lifelong_lb.reports.charts.export import FORMATS, WIDTHS, export, figure_canvas, figure_files
from lifelong_lb.reports.charts.matrices import averages
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.charts.pdf import in_order
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.matrices import Block

COLUMN = figure_canvas("column", 8)
LONG = "a label that is much too long for any column of text " * 4


@pytest.fixture(scope="module")
def charts(tmp_path_factory):
    raw = {**TWO, "rules": ["none", "sam", {"name": "asam", "label": "<b>&amp; $x_1$ 数字 🙂"}]}
    results = collect(make(tmp_path_factory.mktemp("export"), raw, lambda labels, seed: wave(2, seed)))
    return charts_of(results)["split-digits"]


def many(panels):
    blocks = [Block("s", f"strategy {n:02}", "sgd", {"none": np.full((3, 5, 5), 0.5)}) for n in range(panels)]
    return averages(blocks, looks(["none"]))


@pytest.mark.parametrize(("width", "points"), [("column", 237.6), ("page", 486)])
def test_pdf_has_the_width_and_its_letters_the_size(charts, tmp_path, width, points):
    if shutil.which("pdfinfo") is None or shutil.which("pdftotext") is None:
        pytest.skip("no pdfinfo and pdftotext are installed here")
    files = dict(figure_files(charts, ["pdf"], figure_canvas(width, 8)))
    assert len(files) >= len(charts) > 0
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        found = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
        size = re.search(r"Page size: +([\d.]+) x ([\d.]+)", found)
        assert float(size[1]) == pytest.approx(points, abs=0.01)
        assert float(size[2]) <= 9 * 72
    words = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
    heights = {
        float(low) - float(high) for high, low in re.findall(r'yMin="([\d.]+)" xMax="[\d.]+" yMax="([\d.]+)"', words)
    }
    letters = [height for height in heights if 7 < height < 11]
    assert letters
    assert min(letters) / 8 == pytest.approx(max(letters) / 8, rel=0.2)


def test_letters_are_as_large_as_asked_for(charts):
    for points in (8, 10.5):
        svg = export(charts[0], figure_canvas("column", points), "svg").decode()
        sizes = {float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)}
        assert sizes == {points}
        (scale,) = re.findall(r'<svg [^>]*width="([\d.]+)"[^>]*viewBox="\S+ 0 ([\d.]+) ', svg)
        assert float(scale[0]) == float(scale[1]) == 237.6  # not scaled


def test_every_sheet_fits_a_page():
    sheets = dict(figure_files([many(22)], ["svg"], COLUMN))
    assert list(sheets)[:2] == ["average-accuracy--s--sgd-1.svg", "average-accuracy--s--sgd-2.svg"]
    for content in sheets.values():
        assert float(re.search(rb' height="([\d.]+)"', content)[1]) <= 9 * 72


def test_equal_charts_give_equal_bytes(charts):
    for chart in charts:
        for suffix in FORMATS:
            assert len({export(replace(chart), COLUMN, suffix) for _ in range(4)}) == 1, (chart.name, suffix)


@pytest.mark.slow
def test_another_process_gives_the_same_pdf(charts, tmp_path):
    """The order of fonts differs between processes, too."""
    (tmp_path / "chart.pickle").write_bytes(pickle.dumps(charts[0]))
    code = (
        "import pickle, sys; from pathlib import Path; from lifelong_lb.reports.charts.export import *; "
        "chart = pickle.loads(Path(sys.argv[1]).read_bytes()); "
        "Path(sys.argv[2]).write_bytes(export(chart, figure_canvas('column', 8), 'pdf'))"
    )
    arguments = [tmp_path / "chart.pickle", tmp_path / "chart.pdf"]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    assert (tmp_path / "chart.pdf").read_bytes() == export(charts[0], COLUMN, "pdf")


def test_an_ordered_pdf_shows_the_same(charts, tmp_path):
    """Text, its places and the picture are those of vl-convert's file."""
    if shutil.which("pdftoppm") is None or shutil.which("pdftotext") is None:
        pytest.skip("no pdftoppm and pdftotext are installed here")
    svg = export(charts[0], COLUMN, "svg").decode()
    shown = []
    for name, content in (("before", original := bytes(vl_convert.svg_to_pdf(svg))), ("after", in_order(original))):
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(content)
        commands = (["pdftoppm", "-r", "100", path], ["pdftotext", "-bbox", path, "-"])
        done = [subprocess.run(command, capture_output=True, check=True) for command in commands]
        shown.append([(one.stdout, one.stderr) for one in done])
        table = content[content.rindex(b"xref\n0 ") :].splitlines()
        for number, line in enumerate(table[2:]):
            if line[17:18] == b"n":
                assert content[int(line[:10]) :].startswith(b"%d 0 obj" % number)
    assert shown[0] == shown[1]


NO_ROOT = b"xref\n0 2\n0000000000 65535 f \n0000000000 00000 n \ntrailer\n/Root 3 0 R\nstartxref\n0\n%%EOF"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", NO_ROOT])
def test_other_files_are_left_as_they_are(content):
    assert in_order(content) == content


def test_labels_are_text(charts):
    assert any("accuracy-matrix" not in chart.name for chart in charts)
    for chart in charts:
        root = ET.fromstring(export(chart, COLUMN, "svg"))
        assert {element.tag.rsplit("}")[-1] for element in root.iter()} <= {"svg", "g", "path", "rect", "text", "line",
            "defs", "linearGradient", "stop", "clipPath"}  # fmt: skip
        if "accuracy-matrix" not in chart.name:
            assert any("<b>&amp; $x_1$ 数字 🙂" in text for text in root.itertext()), chart.name


def test_long_names_leave_the_width(charts):
    block = Block("s", LONG, "sgd", {LONG: np.full((3, 5, 5), 0.5), LONG + "!": np.full((3, 5, 5), 0.6)})
    svg = export(averages([block], looks(list(block.matrices))), COLUMN, "svg").decode()
    assert 'width="237.6"' in svg
    assert float(re.search(r'viewBox="\S+ 0 ([\d.]+)', svg)[1]) == 237.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"figures": ["pdf", "jpg"]}, r"unknown figure format 'jpg'.*known: svg, pdf, png"),
        ({"width": "colum"}, r"unknown width 'colum'; did you mean 'column'\?"),
        ({"font_size": 0}, r"font size must be 4 to 24 points; got 0"),
        ({"font_size": float("nan")}, r"font size must be 4 to 24 points; got nan"),
    ],
)
def test_unknown_formats_widths_and_sizes(tmp_path, options, message):
    folder = make(tmp_path, TWO, lambda labels, seed: wave(2, seed))
    with pytest.raises(UserError, match=message):
        write_report(folder, **options)
    assert not folder.report_path.exists()


def test_files_are_written_when_asked_for(tmp_path):
    folder = make(tmp_path, {**TWO, "rules": ["none"]}, lambda labels, seed: wave(2, seed))
    write_report(folder)
    assert not folder.figures_path.exists()
    write_report(folder, figures=["svg", "png"], width="page", font_size=9)
    assert sorted(WIDTHS) == ["column", "page"]
    names = sorted(path.name for path in folder.figures_path.iterdir())
    assert {name.split("--")[0] for name in names} == {
        *("accuracy-matrix", "average-accuracy", "cost-gradients", "cost-seconds", "experiences", "trade-off")
    }
    assert [name for name in names if name.startswith("trade")] == [
        f"trade-off--split-digits--sgd.{suffix}" for suffix in ("png", "svg")
    ]
    assert 'width="486"' in (folder.figures_path / "trade-off--split-digits--sgd.svg").read_text()
