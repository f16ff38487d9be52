"""Tables of pretrained networks, on made tables of runs."""

import pandas as pd

from benchmarks.pages.pretrained import differences, means


def test_means_and_differences_in_percent(tmp_path):
    (tmp_path / "a").mkdir()
    pd.DataFrame({
        "stream": "s",
        "rule": ["none", "none", "sam", "sam"],
        "status": ["done", "done", "done", "failed"],
        "average_accuracy": [0.1, 0.3, 0.5, 0.9],
        "learning_accuracy": [0.5, 0.5, 0.75, 0.9],
        "forgetting": [0.0, 0.1, -0.2, 0.9],
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
