"""Pivot tables: cells by hand, bold and underlined values, Markdown and LaTeX."""

import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences, wave

from lifelong_lb import UserError, pivot
from lifelong_lb.reports import collect
from lifelong_lb.reports.documents.files import (
    SIDE_BY_SIDE_COLUMNS,
    rules_latex,
    rules_side_by_side,
    write_side_by_side,
)

SEEDS = range(7)
NEAR = [0.01, -0.01, 0.02, -0.02, 0.01, 0.0, 0.0]
"""What ASAM adds to SAM: no significant difference."""


def frame(base_optimizer="sgd"):
    """Seven seeds: SAM and ASAM about equal, none 0.1 lower under every seed."""
    values = {"none": [0.6 + 0.01 * s for s in SEEDS], "sam": [0.7 + 0.01 * s for s in SEEDS]}
    values["a_sam"] = [sam + near for sam, near in zip(values["sam"], NEAR, strict=True)]
    rows = [
        {"stream": "digits", "strategy": "50% replay", "rule": rule, "base_optimizer": base_optimizer, "seed": seed}
        | {"average_accuracy": value, "forgetting": 1 - value, "status": "done"}
        for rule, found in values.items()
        for seed, value in enumerate(found)
    ]
    return pd.DataFrame(rows)


def test_cells_by_hand():
    runs = frame()[lambda runs: runs["seed"] < 3].copy()
    runs.loc[(runs["rule"] == "a_sam") & (runs["seed"] == 2), ["average_accuracy", "status"]] = [float("nan"), "failed"]
    found = pivot(runs)
    assert list(found.mean.columns) == ["none", "sam", "a_sam"]
    assert found.mean.index.tolist() == [("digits", "50% replay")]
    assert found.mean.iloc[0].tolist() == pytest.approx([0.61, 0.71, 0.705])
    assert found.std.iloc[0].tolist()[:2] == pytest.approx([0.01, 0.01])
    half = 4.302653 * 0.01 / 3**0.5  # the 0.975 quantile of Student's t with 2 degrees of freedom
    assert (found.low.iloc[0, 0], found.high.iloc[0, 0]) == pytest.approx((0.61 - half, 0.61 + half))
    assert found.seeds.iloc[0].tolist() == [3, 3, 2]
    assert found.text.iloc[0].tolist() == ["61.0 ± 1.0", "71.0 ± 1.0", "70.5 ± 0.7"]
    assert "over 2-3 seeds" in found.to_latex()
    assert r"Fewer seeds: digits, 50\% replay, a\_sam: 2." in found.to_latex()


def test_best_and_not_significant_values():
    found = pivot(frame())
    # seven seeds: 2 / 2^7 for each of the two pairs with no rule, times three pairs, is 0.047
    assert found.p[["a", "b"]].to_numpy().tolist() == [["none", "sam"], ["none", "a_sam"], ["sam", "a_sam"]]
    assert found.p["p"].tolist()[:2] == [2 / 128] * 2
    assert found.p["p_holm"].tolist()[:2] == [6 / 128] * 2
    assert found.family == 3
    assert found.best.iloc[0].tolist() == [False, False, True]  # by 0.01 / 7, less than printed
    assert found.not_significant.iloc[0].tolist() == [False, True, False]
    assert pivot(frame(), level=0.04).not_significant.iloc[0].tolist() == [True, True, False]


def test_lower_may_be_better_and_a_tie_is_two_bests():
    runs = frame()
    runs.loc[runs["rule"] == "a_sam", "forgetting"] = runs.loc[runs["rule"] == "sam", "forgetting"].to_numpy() + 1e-15
    found = pivot(runs, "forgetting", index="stream")
    assert found.best.iloc[0].tolist() == [False, True, True]
    assert not found.not_significant.to_numpy().any()


def test_few_seeds_give_no_significant_difference():
    found = pivot(frame()[lambda runs: runs["seed"] < 3])
    assert found.not_significant.iloc[0].sum() == 2
    assert "no corrected p-value can fall below 0.75" in found.verdict
    assert found.verdict in found.to_markdown()
    assert "†" not in found.to_markdown()  # a mark on every value would say nothing


def test_another_column_of_the_grid_on_top():
    both = pd.concat([frame("sgd"), frame("adam")])
    found = pivot(both, index=("stream", "rule"), columns="base_optimizer")
    assert found.mean.shape == (3, 2)
    assert found.best.to_numpy().all()
    assert found.p["p"].tolist() == [1, 1, 1]


def test_a_row_of_one_value_has_no_best():
    found = pivot(frame()[lambda runs: runs["rule"] == "sam"])
    assert not found.best.to_numpy().any()
    assert (found.family, found.verdict) == (0, "")
    assert "Bold" not in found.to_latex()
    assert "dagger" not in found.to_latex()


def test_markdown():
    lines = pivot(frame()).to_markdown("My study: 50%.").splitlines()
    assert lines[0] == (
        "My study: 50%: average accuracy, % (higher is better), mean ± sample standard deviation over 7 seeds"
    )
    assert lines[2:5] == [
        "| stream | strategy | plain SGD | SAM | a\\_sam |",
        "| :--- | :--- | ---: | ---: | ---: |",
        "| digits | 50% replay | 63.0 ± 2.2 | 73.0 ± 2.2† | **73.1** ± 2.4 |",
    ]
    assert "†: not distinguished from the best of its row" in lines[-1]
    assert "after Holm's correction for the pairs of values of its row, at most 3" in lines[-1]
    assert "no rows" in pivot(frame()[:0]).to_markdown()
    assert "no rows" in pivot(frame()[:0]).to_latex()


def test_text():
    lines = str(pivot(frame())).splitlines()
    assert ["stream", "strategy", "plain", "SGD", "SAM", "a_sam"] in [line.split() for line in lines]
    assert "63.0 ± 2.2  73.0 ± 2.2†  73.1 ± 2.4" in "\n".join(lines)


def test_each_row_is_a_family_and_the_frame_counts_all_pairs():
    """Seven seeds: three pairs reach 6 / 128 < 0.05, six pairs of two rows only 12 / 128."""
    runs = pd.concat([frame(), frame().assign(strategy="naive")])
    found = pivot(runs)
    assert found.family == 3
    assert found.not_significant.to_numpy().tolist() == [[False, True, False]] * 2
    assert found.to_frame()["untold"].tolist() == [True, True, False] * 2


def test_one_row_a_cell():
    runs = frame()
    runs.loc[(runs["rule"] == "none"), ["average_accuracy", "status"]] = [float("nan"), "failed"]
    found, table = pivot(runs), pivot(runs).to_frame()
    assert list(table.columns) == [
        *("stream", "strategy", "rule", "metric", "seeds", "mean", "std", "ci_low", "ci_high", "best", "untold")
    ]
    assert table["rule"].tolist() == ["sam", "a_sam"]
    assert table["mean"].tolist() == found.mean.iloc[0, 1:].tolist()
    assert table[["best", "untold"]].to_numpy().tolist() == [[False, True], [True, False]]


def test_latex():
    lines = pivot(frame()).to_latex("My study: 50%.").splitlines()
    assert lines[1] == r"\begin{table*}[t]"
    assert lines[3] == (
        r"\caption{My study: 50\%: average accuracy, \% (higher is better), mean $\pm$ sample standard deviation over "
        r"7 seeds.}"
    )
    assert lines[4] == r"\label{tab:pivot-average-accuracy}"
    assert r"stream & strategy & plain SGD & SAM & a\_sam \\" in lines
    numbers = r"63.0\,$\pm$\,2.2 & 73.0\,$\pm$\,2.2\rlap{$^{\dagger}$} & \textbf{73.1}\,$\pm$\,2.4"
    assert rf"digits & 50\% replay & {numbers} \\" in lines
    assert r"mean over $j$ of $R_{T-1, j}$ (Lopez-Paz \& Ranzato 2017" in lines[-2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"index": "strategy"},
            r"runs with different stream .digits, faces. would share a cell: add 'stream' to index",
        ),
        ({"index": ("stream", "strategi")}, "unknown column 'strategi'; did you mean 'strategy'"),
        ({"index": ("stream", "rule")}, "index and columns must name different columns"),
        ({"metric": "forgeting"}, "unknown metric 'forgeting'; did you mean 'forgetting'"),
        ({"metric": "seconds"}, "unknown metric 'seconds'"),
        ({"test": "wilcox"}, "unknown test 'wilcox'"),
        ({"level": 5}, "level must be between 0 and 1; got 5"),
    ],
)
def test_mistakes_are_named(arguments, message):
    runs = pd.concat([frame(), frame().assign(stream="faces")]).assign(seconds=1.0)
    with pytest.raises(UserError, match=message):
        pivot(runs, **arguments)


def test_runs_that_would_share_a_cell():
    with pytest.raises(UserError, match=r"runs with different size .1, 2. would share a cell"):
        pivot(pd.concat([frame().assign(size=1), frame().assign(size=2)]))
    with pytest.raises(UserError, match="two runs of digits, 50% replay, none, seed 0, with the same labels"):
        pivot(pd.concat([frame(), frame()]))


def test_rules_side_by_side(tmp_path):
    raw = {**TWO, "strategies": ["naive", "replay"]}
    both = collect(make(tmp_path / "a", raw, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed)))
    text = rules_latex(both, rules_side_by_side(both, ["average_accuracy", "forgetting"], "wilcoxon"))
    assert text.count(r"\begin{table}[t]") == text.count("strategy & plain SGD & SAM") == 2
    assert r"\caption{split-digits, SGD: forgetting, \% (lower is better), mean" in text
    assert text.count("no corrected p-value can fall below 0.5") == 1  # notes that several tables share come once
    for name, rules, fill in (
        ("b", "sam", lambda labels, seed: "failed"),
        ("c", ["none", "sam"], lambda labels, seed: None),
    ):
        found = collect(make(tmp_path / name, {**TWO, "rules": rules}, fill))
        assert (
            rules_latex(found, rules_side_by_side(found, ["forgetting"]))
            == "% fewer than two rules: nothing to compare\n"
        )
    failed = collect(make(tmp_path / "d", TWO, lambda labels, seed: "failed"))
    assert "plain SGD & SAM \\\\\n\\midrule\n" in rules_latex(failed, rules_side_by_side(failed, ["forgetting"]))


def test_files_of_the_rules_side_by_side(tmp_path):
    raw = {**TWO, "strategies": ["naive", "replay"]}
    folder = make(tmp_path, raw, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))
    frame = write_side_by_side(folder, results := collect(folder), ["average_accuracy", "forgetting"])
    pd.testing.assert_frame_equal(folder.read_table("comparison"), frame, check_dtype=False)
    assert list(frame.columns) == SIDE_BY_SIDE_COLUMNS
    assert len(frame) == 2 * 2 * 2
    assert set(frame["stream"]) == {"split-digits"}
    assert frame["metric"].value_counts().to_dict() == {"average_accuracy": 4, "forgetting": 4}
    means = results.runs.groupby(["strategy", "rule"])["forgetting"].mean()
    for row in frame[frame["metric"] == "forgetting"].to_dict("records"):
        assert row["mean"] == pytest.approx(means[row["strategy"], row["rule"]])
    text = (folder.path / "comparison.md").read_text()
    assert text.count("| strategy | plain SGD | SAM |") == text.count("split-digits, SGD: ") == 2
    alone = make(tmp_path / "alone", {**TWO, "rules": "sam"}, lambda labels, seed: wave(2, seed))
    assert write_side_by_side(alone, collect(alone), ["forgetting"]).empty
    assert (alone.path / "comparison.md").read_text() == "fewer than two rules: nothing to compare\n"
    assert (alone.path / "comparison.csv").read_text() == ",".join(SIDE_BY_SIDE_COLUMNS) + "\n"
