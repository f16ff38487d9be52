"""Specifications of charts: valid, with hostile labels, and cut into sheets."""

import json
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from reports.folders import TWO, make, wave

from lifelong_lb.reports import blocks_of, charts_of
from lifelong_lb.reports.charts.chart import PAGE, POINTS_PER_INCH, Canvas, Grid, complete, pages
from lifelong_lb.reports.charts.export import VEGA_LITE, WIDTHS
from lifelong_lb.reports.charts.matrices import accuracy_matrices, averages
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.page.data import packed
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.matrices import Block

PAPER = Canvas.paper(WIDTHS["column"], 8)
HOSTILE = ["</script><b>&", "$\\frac{1}{0}$", "very long " * 30, "数字 🙂", "datum.x'\""]


@cache
def validator():
    altair = pytest.importorskip("altair")
    (path,) = Path(altair.__file__).parent.glob("vegalite/v6/schema/vega-lite-schema.json")
    schema = json.loads(path.read_text())
    assert altair.SCHEMA_VERSION.startswith(f"v{VEGA_LITE.split('.')[0]}.")
    return jsonschema.Draft7Validator({**schema, "$ref": "#/definitions/TopLevelFacetSpec"})


def check(spec):
    json.dumps(spec, allow_nan=False)
    small = {**spec, "datasets": {name: rows[:3] for name, rows in spec["datasets"].items()}}
    error = jsonschema.exceptions.best_match(validator().iter_errors(small))
    assert error is None, (list(error.path), error.message[:300])


@pytest.fixture(scope="module")
def charts(tmp_path_factory):
    """All kinds of charts, of two streams."""
    streams = [{"name": "split-digits", "experiences": 2, "label": "one"}]
    streams.append({**streams[0], "label": "two", "train": {"epochs": 2}})
    rules = [{"name": "none", "label": HOSTILE[0]}, *({"name": "sam", "rho": rho} for rho in (0.1, 0.2, 1.0))]
    rules += [{"name": "asam", "label": label, "rho": 0.1 + n} for n, label in enumerate(HOSTILE[1:])]
    raw = {**TWO, "streams": streams, "rules": rules, "seeds": 3}
    results = collect(make(tmp_path_factory.mktemp("specs"), raw, lambda labels, seed: wave(2, seed)))
    return [chart for of_stream in charts_of(results).values() for chart in of_stream]


@pytest.mark.slow
def test_valid(charts):
    kinds = {chart.name.split("--")[0] for chart in charts}
    assert kinds >= {"average-accuracy", "trade-off", "cost-gradients", "sensitivity-rho", "experiences"}
    assert kinds >= {"accuracy-matrix", "ranks-forgetting"}
    for chart in charts:
        check(complete(chart, PAGE, dark=True))
        for sheet in pages(chart, PAPER):
            check(complete(sheet, PAPER))


def test_rows_refer_to_panels_and_rules(charts):
    by_rule = set()
    for chart in charts:
        (rows,) = chart.data.values()
        assert {row["panel"] for row in rows} == set(chart.spec["facet"]["sort"])
        assert len(chart.spec["facet"]["sort"]) == chart.spec["usermeta"]["panels"]
        for layer in chart.spec["spec"]["layer"]:
            scale = layer["encoding"].get("color", {}).get("scale", {})
            if layer["encoding"].get("color", {}).get("field") == "rule":
                assert {row["rule"] for row in rows if "rule" in row} <= set(scale["domain"])
                by_rule.add(chart.name.split("--")[0])
    assert by_rule >= {"average-accuracy", "trade-off", "cost-gradients", "sensitivity-rho", "experiences"}


def texts_of(value):
    """All texts in a specification, joined."""
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    return value if isinstance(value, str) else "\n".join(map(texts_of, value)) if isinstance(value, list) else ""


def test_hostile_labels_stay_text_of_the_data(charts):
    """No label is part of an expression, in which it could do something."""
    beginnings = [label.split()[0][:8] for label in HOSTILE]
    data = texts_of([list(rows) for chart in charts for rows in chart.data.values()])
    assert all(beginning in data for beginning in beginnings)
    for chart in charts:
        expressions = texts_of([layer.get("transform") for layer in chart.spec["spec"]["layer"]])
        assert not any(beginning in expressions for beginning in beginnings)


def many(panels, T=5):
    blocks = [Block("s", f"strategy {n:02}", "sgd", {"none": np.full((3, T, T), 0.5)}) for n in range(panels)]
    return averages(blocks, looks(["none"]))


def test_sheets_share_the_panels_and_fit_a_page():
    chart = many(22)
    sheets = pages(chart, PAPER)
    assert [sheet.name for sheet in sheets] == [f"{chart.name}-{n + 1}" for n in range(len(sheets))]
    assert [panel for sheet in sheets for panel in sheet.spec["facet"]["sort"]] == chart.spec["facet"]["sort"]
    for sheet in sheets:
        (rows,) = sheet.data.values()
        assert {row["panel"] for row in rows} == set(sheet.spec["facet"]["sort"])
    assert pages(many(3), PAPER) == [many(3)]


def test_panels_share_the_width():
    for width, font in ((237.6, 8), (486, 8), (1040, 12), (340, 12)):
        for number in (1, 2, 3, 22):
            columns, plot, height = Canvas(width, font).panels(number, Grid())
            axis = Grid().axis * font
            assert 1 <= columns <= min(3, number)
            assert columns * (plot + axis) + (columns - 1) * font <= width + 1e-9
            assert plot >= min(11 * font, width - axis)
            assert height <= 15.5 * font
    assert Canvas(PAPER.width, 8).panels(1, Grid(lines=10))[2] == 136
    assert PAPER.width == 3.3 * POINTS_PER_INCH


def test_numbers_fit_into_the_cells():
    for T in (5, 10):
        chart = accuracy_matrices(Block("s", "naive", "sgd", {f"r{n}": np.full((1, T, T), 0.5) for n in range(9)}))
        for canvas in (PAPER, PAGE, Canvas(340, 12)):
            plot = complete(chart, canvas)["spec"]["width"]
            assert plot / T >= 2 * canvas.font  # ".57" in letters of 0.85 times the size


def test_packed_rows_can_be_restored(charts):
    (rows,) = charts[0].data.values()
    rows = [*rows, {"panel": "late", "end": 3}]
    stored = packed(rows)
    restored = [{} for _ in range(stored["rows"])]
    for name, column in stored["columns"].items():
        if isinstance(column, list):
            found = dict(enumerate(column))
        elif "of" in column:
            found = {i: column["of"][k] for i, k in enumerate(column["at"])}
        else:
            found = dict(zip(column["rows"], column["values"], strict=True))
        for i, value in found.items():
            restored[i][name] = value
    assert [{k: v for k, v in row.items() if v is not None} for row in restored] == [
        {k: v for k, v in row.items() if v is not None} for row in rows
    ]
    assert len(json.dumps(stored)) < 0.6 * len(json.dumps(rows))


def test_blocks_of_another_size_do_not_share_a_matrix(tmp_path):
    (block,) = blocks_of(collect(make(tmp_path, {**TWO, "rules": ["none"]}, lambda labels, seed: wave(2, seed))))
    (rows,) = accuracy_matrices(block).data.values()
    means = {(str(i), str(j)): (a + b) / 2 for (i, j, a), (_, _, b) in zip(wave(2, 0), wave(2, 1), strict=True)}
    assert {(row["i"], row["j"]): row["value"] for row in rows} == pytest.approx(means)
