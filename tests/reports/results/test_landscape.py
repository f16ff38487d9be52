"""Flatness and forgetting: tables with numbers chosen by hand, the page, incomplete folders."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from reports.folders import make

from lifelong_lb.config import UserError
from lifelong_lb.reports import correlation_table, flatness_table, load_landscape, load_results, write_report
from lifelong_lb.store import landscape_settings, read_landscape, write_landscape

SETTINGS = {"measures": ["ball"], "radii": [0.1]}
THREE = {
    "streams": [{"name": "split-digits", "experiences": 5, "first": 3}],
    "rules": ["none", "sam"],
    "seeds": 7,
}


def accuracy_of(labels, seed):
    """R[0, 0] = 0.9 falls by 0.1 per seed under none, by half as much under sam; R[1, 1] falls from 0.8 to 0.7."""
    lost = 0.1 * seed * (1 if labels["rule"] == "none" else 0.5)
    return [(0, 0, 0.9), (1, 0, 0.85), (1, 1, 0.8), (2, 0, 0.9 - lost), (2, 1, 0.7), (2, 2, 0.6)]


def rows_of(labels, seed):
    """Rise on experience 0 proportional to forgetting, a trace without ``at``, other measures, and the last row."""
    rise = 0.01 * (seed + 1) * (1 if labels["rule"] == "none" else 0.5)
    return [
        (0, 0, "rise", 0.1, rise, math.nan),
        (0, 0, "hessian_trace", math.nan, 10 * rise, 0.5),
        (0, 0, "loss", math.nan, 0.3, math.nan),
        (1, 0, "rise", 0.1, 5.0, math.nan),
        (1, 1, "rise", 0.1, 0.02, math.nan),
        (2, 2, "rise", 0.1, 0.03, math.nan),
        (1, 1, "noisy_accuracy", 0.2, 0.7, 0.05),
        (1, 0, "path_loss", 0.0, 0.2, math.nan),
        (1, 0, "path_loss", 1.0, 0.4, math.nan),
    ]


@pytest.fixture
def folder(tmp_path):
    folder = make(tmp_path / "out", THREE, accuracy_of, T=3)
    study = folder.read_study()
    for run, labels in study.labels().items():
        write_landscape(folder.run_path(run), rows_of(labels, study.seeds()[run]), SETTINGS)
    return folder


def test_flatness_and_what_is_forgotten(folder):
    _, accuracy = load_results(folder.path)
    table = flatness_table(load_landscape(folder.path), accuracy)
    assert len(table) == 14 * 3
    one = table[(table["seed"] == 4) & (table["rule"] == "sam")]
    assert [*zip(one["experience"], one["measure"], strict=True)] == [(0, "rise"), (0, "hessian_trace"), (1, "rise")]
    assert one["flatness"].tolist() == pytest.approx([0.025, 0.25, 0.02])
    assert one["forgotten"].tolist() == pytest.approx([0.2, 0.2, 0.1])


def test_correlations(folder):
    _, accuracy = load_results(folder.path)
    flatness = flatness_table(load_landscape(folder.path), accuracy)
    table = correlation_table(flatness).set_index("measure")
    assert table["pairs"].to_dict() == {"rise": 28, "hessian_trace": 14}
    assert set(table["seeds"]) == {7}
    rise = flatness[flatness["measure"] == "rise"]
    expected = rise[["flatness", "forgotten"]].corr(method="spearman").iloc[0, 1]
    assert table.loc["rise", "spearman"] == pytest.approx(expected)
    assert table.loc["hessian_trace", "spearman"] == pytest.approx(table.loc["hessian_trace", "spearman_within"])
    row = table.loc["rise"]
    for name in ("spearman", "pearson", "spearman_within", "pearson_within"):
        assert -1 <= row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] <= 1
    assert row["spearman_within"] > row["spearman"]
    few = correlation_table(flatness[flatness["seed"] < 3]).set_index("measure")
    assert not np.isnan(few.loc["rise", "spearman"])
    assert np.isnan(few.loc["rise", "spearman_low"])


def test_the_page_and_the_files(folder):
    write_report(folder, figures=["svg"])
    page = folder.report_path.read_text()
    assert '<h2 id="flatness">Flatness and forgetting</h2>' in page
    assert "rise in the ball, rho 0.1" in page
    assert "so whole seeds are resampled; intervals require 6 seeds and are too narrow with few seeds" in page
    for name in ("landscape", "flatness", "flatness_correlation"):
        assert len(pd.read_csv(folder.path / f"{name}.csv"))
    drawn = sorted(path.name for path in folder.figures_path.glob("*.svg"))
    assert {"flatness--split-digits--naive--sgd.svg", "landscape--split-digits--naive--sgd.svg"} <= set(drawn)


def test_large_reports_draw_only_the_first_strategies(tmp_path):
    strategies = ["naive", "replay", "ewc", "si", "lwf", "agem", "der"]
    raw = {**THREE, "strategies": strategies, "rules": ["none"], "seeds": 1}
    folder = make(tmp_path / "out", raw, accuracy_of, T=3)
    for run in folder.read_study().labels():
        write_landscape(folder.run_path(run), rows_of({"rule": "none"}, 0), SETTINGS)
    write_report(folder)
    page = folder.report_path.read_text()
    assert page.count('data-chart="flatness--') == 3
    assert len(re.findall('aria-label="[^"]*correlation of flatness', page)) == 7  # the tables of all
    assert "Figures are drawn for 3 of 7 combinations of stream, strategy and base optimizer" in page
    write_report(folder, every_figure=True)
    assert folder.report_path.read_text().count('data-chart="flatness--') == 7
    assert "Figures are drawn for" not in folder.report_path.read_text()


def test_without_landscapes_the_page_has_no_section(tmp_path):
    folder = make(tmp_path / "out", THREE, accuracy_of, T=3)
    write_report(folder)
    assert 'id="flatness"' not in folder.report_path.read_text()
    assert not (folder.path / "landscape.csv").exists()
    with pytest.raises(UserError, match="no landscape here"):
        load_landscape(folder.path)


def test_damaged_landscapes_are_left_out_and_reported(folder):
    runs = list(folder.read_study().labels())
    (folder.run_path(runs[0]) / "landscape.csv").write_text("trained,measured\n1,2\n")
    (folder.run_path(runs[1]) / "landscape.json").write_text("[")
    (folder.run_path(runs[2]) / "landscape.json").unlink()  # measured only half
    with pytest.warns(UserWarning, match="landscape left out: ") as warned:
        frame = load_landscape(folder.path)
    assert "landscape.csv: cannot be read" in str(warned[0].message)
    assert len(warned) == 3
    assert set(frame["run"]) == set(runs[3:])
    write_report(folder)
    assert "landscape.json: cannot be read" in folder.report_path.read_text()
    assert pd.read_csv(folder.path / "landscape.csv")["run"].nunique() == 14 - 3
    for run in runs:
        (folder.run_path(run) / "landscape.json").write_text("[")
    with pytest.raises(UserError, match=r"landscape left out: .*landscape\.json: cannot be read"):
        load_landscape(folder.path)


def test_landscapes_with_different_settings_are_reported(folder):
    run = next(iter(folder.read_study().labels()))
    write_landscape(folder.run_path(run), rows_of({"rule": "none"}, 0), {**SETTINGS, "images": 5})
    write_report(folder)
    assert "landscapes measured with different settings are mixed here: images is" in folder.report_path.read_text()


def test_a_landscape_is_read_as_it_was_written(tmp_path):
    rows = [(0, 0, "rise", 0.1, 1 / 3, math.nan), (1, 0, "noisy_accuracy", 0.2, 0.1 + 0.2, 1e-17)]
    assert read_landscape(tmp_path) is None
    write_landscape(tmp_path, rows, SETTINGS)
    assert landscape_settings(tmp_path) == json.loads(json.dumps(SETTINGS))
    again = [tuple(row) for row in read_landscape(tmp_path).itertuples(index=False)]
    assert again[1] == rows[1]
    assert again[0][:5] == rows[0][:5]
    assert math.isnan(again[0][5])
