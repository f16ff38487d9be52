"""The figures of a report, with few and with many rules, seeds and experiences."""

from dataclasses import replace

import numpy as np
import pytest
from reports.folders import TWO, make, wave

from lifelong_lb.reports import blocks_of, draw_figures
from lifelong_lb.reports.curves import draw_experiences
from lifelong_lb.reports.figures import MAX_SEPARATE, omitted_figures
from lifelong_lb.reports.heat_maps import Meaning, draw_matrices, draw_squares
from lifelong_lb.reports.layout import Layout
from lifelong_lb.reports.matrices import Block, average_accuracy_so_far, band, mean_over_seeds, std_over_seeds
from lifelong_lb.reports.results import collect
from lifelong_lb.reports.style import WIDTH, file_name, looks, short

NAN = float("nan")


@pytest.fixture
def panels(monkeypatch):
    """The panels of the figure saved last."""
    from matplotlib.figure import Figure

    axes = []
    save = Figure.savefig

    def spy(figure, *args, **kwargs):
        axes[:] = figure.axes
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", spy)
    return axes


def test_blocks_hold_the_matrices_of_each_rule(tmp_path):
    def fill(labels, seed):
        return "failed" if (labels["rule"], seed) == ("sam", 0) else wave(2, seed)

    (block,) = blocks_of(collect(make(tmp_path, TWO, fill)))
    assert (block.stream, block.strategy, block.base_optimizer) == ("split-digits", "naive", "sgd")
    assert {rule: stack.shape for rule, stack in block.matrices.items()} == {"none": (2, 2, 2), "sam": (1, 2, 2)}
    for i, j, a in wave(2, 1):
        assert block.matrices["none"][1, i, j] == block.matrices["sam"][0, i, j] == a
    assert np.isnan(block.matrices["none"][:, 0, 1]).all()


def test_statistics_over_seeds_leave_nan_out():
    values = np.array([[0.1, NAN, NAN], [0.3, 0.5, NAN]])
    np.testing.assert_allclose(mean_over_seeds(values), [0.2, 0.5, NAN])
    np.testing.assert_allclose(std_over_seeds(values), [np.sqrt(0.02), NAN, NAN])


def test_bands_of_accuracies_end_at_0_and_1(panels):
    R = np.full((2, 3, 3), NAN)
    R[:, :, 0] = [[0.0, 0.5, 1.0], [0.1, 0.6, 0.9]]
    draw_experiences(Block("split-digits", "naive", "sgd", {"none": R}), looks(["none"]))
    heights = panels[0].collections[0].get_paths()[0].vertices[:, 1]
    half = np.sqrt(0.005)
    assert (heights.min(), heights.max()) == (0, 1)
    assert np.isclose(heights, 0.55 + half).any()
    np.testing.assert_allclose(band(np.array([0.02, 0.5]), np.array([0.1, 0.2])), [[0, 0.3], [0.12, 0.7]])


def test_average_so_far_against_loops():
    rng = np.random.default_rng(0)
    R = np.where(np.tri(4, dtype=bool), rng.random((3, 4, 4)), NAN)
    expected = [[sum(R[s, i, j] for j in range(i + 1)) / (i + 1) for i in range(4)] for s in range(3)]
    np.testing.assert_allclose(average_accuracy_so_far(R), expected)


@pytest.mark.parametrize(("T", "rules", "seeds"), [(1, 1, 1), (2, 9, 2), (10, 1, 1)])
def test_few_and_many(tmp_path, T, rules, seeds):
    entries = [{"name": "sam", "rho": 0.01 * (n + 1)} for n in range(rules)]
    raw = {"streams": [{"name": "split-digits", "experiences": T}], "rules": entries, "seeds": seeds}
    figures = draw_figures(collect(make(tmp_path, raw, lambda labels, seed: wave(T, seed), T=T)))
    kinds = [drawing.name.split("--")[0] for drawing in figures["split-digits"]]
    with_time = ["average-accuracy", "trade-off"] if T > 1 else []
    by_rho = ["sensitivity-rho"] if T > 1 and rules > 2 else []
    assert kinds == [*with_time, "cost", *by_rho, "experiences", "accuracy-matrix"]


def test_joint_training_has_but_its_last_row(tmp_path):
    figures = draw_figures(
        collect(make(tmp_path, {**TWO, "strategies": "joint"}, lambda labels, seed: [(1, 0, 0.9), (1, 1, 0.8)]))
    )
    kinds = [drawing.name.split("--")[0] for drawing in figures["split-digits"]]
    assert kinds == ["cost", "experiences", "accuracy-matrix"]


def test_strategies_share_the_figures_that_compare_them(tmp_path):
    raw = {**TWO, "strategies": ["naive", "replay"], "rules": ["none"], "seeds": 1}
    figures = draw_figures(collect(make(tmp_path, raw, lambda labels, seed: wave(2, seed))))
    names = [drawing.name for drawing in figures["split-digits"]]
    assert sum(name.startswith("trade-off") for name in names) == 1
    assert sum(name.startswith("accuracy-matrix") for name in names) == 2
    assert len(set(names)) == len(names)


def test_numbers_in_the_heat_map_and_the_callers_settings_left_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    (block,) = blocks_of(collect(make(tmp_path, {**TWO, "rules": ["none"]}, lambda labels, seed: wave(2, seed))))
    drawn = draw_matrices(block).svg.decode()
    for first, second in zip(wave(2, 0), wave(2, 1), strict=True):
        assert f">{(first[2] + second[2]) / 2:.2f}<".replace("0.", ".") in drawn
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("rules", [1, 2, 3])
def test_the_first_row_of_a_matrix_is_on_top(panels, rules):
    matrices = {f"rule {i}": np.eye(3) for i in range(rules)}
    draw_squares("matrices", "Matrices", "", matrices, Meaning("column", "row", "fraction", ["0", "1", "2"]))
    assert [axes.get_ylim() for axes in panels[:rules]] == [(2.5, -0.5)] * rules


def test_a_rule_looks_the_same_in_every_figure_and_like_no_other():
    found = looks([str(n) for n in range(20)])
    assert len({(look.colour, look.marker) for look in found.values()}) == 20
    assert looks(["0", "1"])["1"] == found["1"]


def test_file_names_differ_for_different_labels():
    labels = ["a", "A", "a ", "../a", "ä", "", "a/b", "a-b", "x" * 500, "x" * 501]
    names = [file_name("kind", label) for label in labels]
    assert len(set(names)) == len(labels)
    assert max(map(len, names)) < 100


def test_labels_in_figures():
    assert short("sam") == "sam"
    assert short("a\nb\x07c") == "a bc"
    assert short("数") == "\N{REPLACEMENT CHARACTER}"
    assert short("_x") == " _x"
    assert len(short("long " * 50)) <= 44


def test_large_reports_leave_single_strategies_out_and_say_so(tmp_path):
    strategies = [{"name": "replay", "mem_size": 10 + n} for n in range(MAX_SEPARATE + 1)]
    raw = {**TWO, "strategies": strategies, "rules": ["none"], "seeds": 1}
    results = collect(make(tmp_path, raw, lambda labels, seed: wave(2)))
    assert f"are drawn for {MAX_SEPARATE} of {MAX_SEPARATE + 1} combinations" in omitted_figures(results)
    names = [drawing.name for drawing in draw_figures(results)["split-digits"]]
    assert sum(name.startswith("accuracy-matrix") for name in names) == MAX_SEPARATE
    assert omitted_figures(replace(results, runs=results.runs[results.runs["strategy"].str.contains("10")])) == ""


def test_panels_keep_clear_of_each_other_and_of_the_edges():
    for shared, columns, count in (("all", 3, 5), ("none", 2, 4), ("row", 2, 6), ("all", 1, 1)):
        layout = Layout(["one\ntwo"] * count, columns, 1.5, WIDTH, shared, "lowest", ["sam"])
        boxes = list(layout.boxes())
        assert len(boxes) == count
        for i, (left, bottom, width, height) in enumerate(boxes):
            assert left >= 0.7
            assert left + width <= WIDTH - 0.1
            assert bottom >= 0.4
            assert bottom + height <= layout.figure_height - 0.3
            for x, y, w, h in boxes[:i]:
                assert x + w < left or left + width < x or y > bottom + height + 0.3 or bottom > y + h + 0.3
