"""The figure of accuracy during training, from folders with measurements chosen by hand."""

import matplotlib.figure
import numpy as np
import pytest
from reports.folders import ENVIRONMENT

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.reports import write_report
from lifelong_lb.reports.during_training import draw_during_training, measurements_of
from lifelong_lb.reports.matrices import blocks_of
from lifelong_lb.reports.merge_folders import collect_all
from lifelong_lb.reports.results import collect
from lifelong_lb.reports.style import looks
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


@pytest.fixture
def panels(monkeypatch):
    """The panels of the figure saved last."""
    found = []
    save = matplotlib.figure.Figure.savefig

    def spy(figure, *args, **kwargs):
        found[:] = figure.axes
        save(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return found


def draw(results):
    (block,) = blocks_of(results)
    return draw_during_training(block, measurements_of(results, block), looks(["none", "sam"]))


def test_lines_bands_and_boundaries(tmp_path, panels):
    drawing = draw(collect(invent(tmp_path / "out")))
    assert drawing.name == "during-training--split-digits--naive--sgd"
    so_far, before = panels
    assert len(so_far.lines) == len(before.lines) == 2
    x, y = so_far.lines[0].get_data()
    assert x.tolist() == pytest.approx([2, 4, np.nan, 6, 8, 10, np.nan], nan_ok=True)
    assert y.tolist() == pytest.approx([0.5, 0.9, np.nan, 0.275, 0.6, 0.7, np.nan], nan_ok=True)
    x, y = before.lines[0].get_data()
    assert x.tolist() == pytest.approx([4, 6, 8, 10, np.nan], nan_ok=True)
    assert y.tolist() == pytest.approx([0.9, 0.45, 0.7, 0.8, np.nan], nan_ok=True)
    band = before.collections[0].get_paths()[0].vertices
    std = 0.1 / np.sqrt(2)
    assert sorted({round(v, 6) for u, v in band if u == 6}) == pytest.approx([0.45 - std, 0.45 + std], abs=1e-6)
    ends = before.collections[-1].get_segments()
    assert [segment[0][0] for segment in ends] == [4, 10]
    assert "stretched" not in drawing.caption


def test_runs_of_different_lengths_are_stretched(tmp_path, panels):
    drawing = draw(collect(invent(tmp_path / "out", longer=4)))
    assert "each experience is stretched to its mean length" in drawing.caption
    x, y = panels[1].lines[0].get_data()
    assert (x[0], x[-2]) == (4, 12)
    assert y[[0, -2]].tolist() == pytest.approx([0.9, 0.8])


def test_the_report_draws_it_for_the_first_strategies_alone(tmp_path):
    raw = {**STUDY, "strategies": ["naive", "replay", "ewc", "si", "lwf", "agem", "der"], "rules": ["none"], "seeds": 1}
    folder = invent(tmp_path / "out", raw)
    write_report(folder)
    assert len(list(folder.figures_path.glob("during-training--*.svg"))) == 6
    assert "Single experiences, accuracy during training and accuracy matrices are" in folder.report_path.read_text()
    first = {path.name: path.read_bytes() for path in folder.figures_path.glob("during-training--*")}
    write_report(folder, every_figure=True)
    assert len(list(folder.figures_path.glob("during-training--*.svg"))) == 7
    assert all((folder.figures_path / name).read_bytes() == content for name, content in first.items())


def test_merged_folders(tmp_path):
    other = {**STUDY, "rules": ["asam"]}
    joint = collect_all([invent(tmp_path / "a"), invent(tmp_path / "b", other)])
    (block,) = blocks_of(joint)
    assert {rule: len(runs) for rule, runs in measurements_of(joint, block).items()} == {"none": 2, "sam": 2, "asam": 2}


def test_nothing_measured(tmp_path):
    assert draw(collect(invent(tmp_path / "out", {**STUDY, "evaluation": {}}))) is None
