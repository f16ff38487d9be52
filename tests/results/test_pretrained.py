"""Tables of pretrained networks, on made tables of runs."""

import pandas as pd

from benchmarks.pages.markdown import runs_of
from benchmarks.pages.pretrained import FOLDER, HEADS, PARTS, REFERENCES, differences, means


def test_means_and_differences_in_percent(tmp_path):
    (tmp_path / "a").mkdir()
    pd.DataFrame({
        "stream": "s",
        "rule": ["none", "none", "sam", "sam"],
        "status": ["done", "done", "done", "failed"],
        "average_accuracy": [0.1, 0.3, 0.5, 0.9],
        "learning_accuracy": [0.5, 0.5, 0.75, 0.9],
        "forgetting": [0.0, 0.1, -0.2, 0.9],
        "gradient_evaluations": 5,
    }).to_csv(tmp_path / "a" / "results.csv")
    pd.DataFrame({
        "strategy": "naive",
        "rule": "sam",
        "metric": ["average_accuracy", "forgetting"],
        "baseline": "none",
        "pairs": 10,
        "difference_mean": 0.01,
        "ci_low": -0.002,
        "ci_high": 0.022,
        "p": 0.02,
        "p_holm": 0.08,
    }).to_csv(tmp_path / "a" / "comparisons.csv")
    assert means(["a"], ("stream", "rule"), tmp_path)[2:] == [
        "| s | plain SGD | 2 | 20.0 ± 14.1 | 50.0 ± 0.0 | 5.0 ± 7.1 |",
        "| s | SAM | 1 | 50.0 | 75.0 | -20.0 |",
    ]
    assert differences("a", tmp_path)[2:] == ["| Fine-tuning | SAM | 10 | +1.00 | -0.20 to +2.20 | 0.020 | 0.080 |"]


def test_sentences_about_heads_on_features_hold():
    metrics = ["average_accuracy", "learning_accuracy", "forgetting"]
    means_of = 100 * runs_of(FOLDER / HEADS).groupby(["strategy", "rule"])[metrics].mean()
    naive, replay = means_of.loc["naive"], means_of.loc["replay"]
    gains = (naive - naive.loc["none"]).round(1).drop("none")
    assert gains["average_accuracy"].to_dict() == {"lookbehind-sam": 12.5, "sam": 13.8}
    assert (gains["learning_accuracy"] > 15).all()
    assert (gains["forgetting"] > 0).all()
    losses = (replay - replay.loc["none"]).round(1).drop("none")
    assert losses["average_accuracy"].to_dict() == {"lookbehind-sam": -0.6, "sam": -0.6}
    assert losses["forgetting"].to_dict() == {"lookbehind-sam": -1.2, "sam": -1.5}
    references = runs_of(FOLDER / REFERENCES).set_index("strategy")["average_accuracy"]
    assert 100 * references["ncm"] - naive["average_accuracy"].max() > 27
    comparisons = pd.read_csv(FOLDER / HEADS / "comparisons.csv")
    assert (comparisons.query("metric == 'average_accuracy'")["p_holm"] < 0.05).all()


def test_strategies_without_gradients_have_no_rule():
    lines = means([REFERENCES], ("strategy", "rule"))[2:]
    assert [line.split(" | ")[:2] for line in lines] == [["| NCM", "-"], ["| SLDA", "-"], ["| RanPAC", "-"]]


def test_paired_differences_of_trained_parts():
    runs = runs_of(FOLDER / PARTS).pivot(index=["stream", "seed"], columns="rule", values="average_accuracy")
    differences_of = 100 * runs.sub(runs["none"], axis=0).drop(columns="none")
    assert [round(differences_of.to_numpy().min(), 1), round(differences_of.to_numpy().max(), 1)] == [-3.3, 4.5]
