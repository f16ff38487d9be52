"""The figure of accuracy during training, from folders with measurements chosen by hand."""

import numpy as np
import pytest
from reports.folders import ENVIRONMENT

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.reports import write_report
from lifelong_lb.reports.charts.during_training import PANELS, during_training, extremes, measurements_of
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.results.merge_folders import collect_all
from lifelong_lb.reports.statistics.matrices import blocks_of
from lifelong_lb.store import ResultFolder, RunRecord, StudyFile

STUDY = {
    "streams": [{"name": "split-digits", "experiences": 2}],
    "rules": ["none", "sam"],
    "seeds": 2,
    "evaluation": {"every": 2},
}


def measured(seed, longer=0):
    """Experience 0 ends at iteration 4; its accuracy drops from 0.9 by 0.4 (0.1 more per seed) and recovers."""
    end = 10 + longer * seed
    dip = 0.5 - 0.1 * seed
    return [
        *((2, 0, 0, 0.5), (4, 0, 0, 0.9)),
        *((6, 1, 0, dip), (6, 1, 1, 0.1), (8, 1, 0, 0.7), (8, 1, 1, 0.5)),
        *((end, 1, 0, 0.8), (end, 1, 1, 0.6)),
    ]


def invent(path, raw=STUDY, longer=0):
    folder, file = ResultFolder(path), StudyFile.of(parse_study(raw))
    folder.write_study(file)
    configurations = file.configurations()
    for place in file.places:
        record = RunRecord(
            run=place.run,
            config=configurations[place.run].to_json(),
            status="done",
            accuracy=AccuracyMatrix.from_entries([(0, 0, 0.9), (1, 0, 0.8), (1, 1, 0.6)], 2),
            gradient_evaluations=10,
            train_seconds=0.1,
            environment=ENVIRONMENT,
            data={"sha256": "00"},
        )
        with folder.new_run(place.run) as scratch:
            folder.write_run(record, scratch, continual=measured(place.seed, longer))
    return folder


def draw(results):
    (block,) = blocks_of(results)
    return during_training(block, measurements_of(results, block), looks(["none", "sam"]))


def line(chart, panel, experience, rule="plain SGD"):
    """Iterations and means of a rule while it learns an experience."""
    wanted = {"panel": panel, "experience": experience, "rule": rule}
    (rows,) = chart.data.values()
    return {row["x"]: row["y"] for row in rows if "seeds" not in row and wanted.items() <= row.items()}


def test_lines_intervals_and_boundaries(tmp_path):
    chart = draw(collect(invent(tmp_path / "out", {**STUDY, "seeds": 3})))
    assert chart.name == "during-training--split-digits--naive--sgd"
    so_far, before = PANELS
    assert line(chart, so_far, 0) == pytest.approx({2: 50, 4: 90})
    assert line(chart, so_far, 1) == pytest.approx({6: 25, 8: 60, 10: 70})
    assert line(chart, before, 1) == line(chart, before, 1, "SAM") == pytest.approx({4: 90, 6: 40, 8: 70, 10: 80})
    assert line(chart, before, 0) == {}
    (rows,) = chart.data.values()
    assert [row["end"] for row in rows if "end" in row] == [4, 10] * 2
    ends = [row for row in rows if "seeds" in row and row["panel"] == so_far]
    assert [(row["rule"], row["x"], row["y"]) for row in ends] == [
        ("plain SGD", 3.97, 90), ("plain SGD", 9.97, 70), ("SAM", 4.03, 90), ("SAM", 10.03, 70)
    ]  # fmt: skip
    assert all(row["low"] == row["high"] == row["y"] for row in ends)  # equal seeds
    assert "stretched" not in chart.caption


def test_runs_of_different_lengths_are_stretched(tmp_path):
    chart = draw(collect(invent(tmp_path / "out", longer=4)))
    assert "each experience is stretched to its mean length" in chart.caption
    found = line(chart, PANELS[1], 1)
    assert (min(found), max(found)) == (4, 12)
    assert (found[4], found[12]) == pytest.approx((90, 80))


def test_long_lines_keep_their_drops():
    values = np.linspace(0, 1, 10_000)
    values[[17, 5000]] = [-1, 3]
    kept = extremes(values, 100)
    assert len(kept) <= 100
    assert {0, 17, 5000, 9999} <= set(kept)
    assert list(kept) == sorted(kept)
    assert extremes(values[:50], 100).tolist() == list(range(50))


@pytest.mark.slow
def test_the_report_draws_it_for_the_first_strategies_alone(tmp_path):
    raw = {**STUDY, "strategies": ["naive", "replay", "ewc", "si", "lwf", "agem", "der"], "rules": ["none"], "seeds": 1}
    folder = invent(tmp_path / "out", raw)
    write_report(folder, figures=["svg"])
    assert len(list(folder.figures_path.glob("during-training--*.svg"))) == 6
    assert "Single experiences, accuracy during training and accuracy matrices are" in folder.report_path.read_text()
    first = {path.name: path.read_bytes() for path in folder.figures_path.glob("during-training--*")}
    write_report(folder, every_figure=True, figures=["svg"])
    assert len(list(folder.figures_path.glob("during-training--*.svg"))) == 7
    assert all((folder.figures_path / name).read_bytes() == content for name, content in first.items())


def test_merged_folders(tmp_path):
    other = {**STUDY, "rules": ["asam"]}
    joint = collect_all([invent(tmp_path / "a"), invent(tmp_path / "b", other)])
    (block,) = blocks_of(joint)
    assert {rule: len(runs) for rule, runs in measurements_of(joint, block).items()} == {"none": 2, "sam": 2, "asam": 2}


def test_nothing_measured(tmp_path):
    assert draw(collect(invent(tmp_path / "out", {**STUDY, "evaluation": {}}))) is None
