"""What every column of the result files is: definitions that lie beside the numbers."""

from collections.abc import Mapping

import pandas as pd

from lifelong_lb.reports.tables import KNOWN

_RUN = {
    "run": "id of the run, a hash of its configuration",
    "stream": "label of the stream",
    "strategy": "label of the strategy",
    "rule": "label of the update rule",
    "base_optimizer": "label of the base optimizer",
    "seed": "the study's seed, which sets initial weights, data order and class order",
}
_COSTS = {
    "gradient_evaluations": "forward-backward passes over training minibatches, of the whole run",
    "strategy_gradient_evaluations": "gradients that the strategy takes beside those, of the whole run",
    "train_seconds": "wall-clock seconds of training, without set-up and evaluation",
    "samples_seen": "images of the training minibatches, once each however many passes are taken",
    "forward_passes": "passes over minibatches while training, with or without a gradient, of the whole run",
    "parameters": "numbers that the model is made of at the end",
    "peak_memory": "most bytes in use at a time beside what the run's process had before it, libraries and images in "
    "shared files not counted; on CUDA those that torch had allocated",
}
_P = {
    "sign-flip": "two-sided sign-flip test: share of the 2^n choices of signs (for more than 20 seeds, of 32,768 "
    "drawn) whose mean difference is at least as far from 0",
    "wilcoxon": "two-sided signed-rank test (Wilcoxon 1945): share of the 2^n choices of signs (for more than 20 "
    "seeds, of 32,768 drawn) whose sum of signed ranks is at least as far from 0; differences of 0 are left out, "
    "ties share their mean rank",
}
"""What a p-value is, by test."""
_OWN = {
    "accuracy": {
        "trained": "index i of the experience trained on last, from 0",
        "evaluated": "index j, from 0, of the experience evaluated, on its test part or the stream's validation part",
        "accuracy": "R[i, j], the fraction of its images that are classified correctly",
    },
    "class_accuracy": {
        "class": "the data set's own label of a class; in a stream of your own, the label that the model is asked for",
        "class_name": "its name, else the label",
        "experience": "index, from 0, of the experience whose test part holds the class; empty where several do",
        "images": "evaluated images of the class, over all experiences",
        "accuracy": "the fraction of them that are classified correctly after the last experience",
    },
    "results": {
        "status": "how the run ended: done, failed, diverged or timeout; metrics are empty unless done",
        "imported": "whether another framework has measured the run, which then pairs with no other",
    },
    "summary": {
        "seeds": "done runs, over which the row is taken",
        "not_done": "runs that were asked for and are not done",
    },
    "comparisons": {
        "baseline": "label of the rule that the row's is compared with",
        "metric": "column of results.csv that is compared",
        "pairs": "n, seeds under which both rules are done and have a value",
        "difference_mean": "mean over these seeds of the rule's value minus the baseline's",
        "difference_std": "sample standard deviation of the differences (divisor n - 1)",
        "ci_low": "lower end of the 95 % interval of the mean difference (Student's t, n - 1 degrees of freedom)",
        "ci_high": "upper end of that interval",
        "bootstrap_low": "lower end of the 95 % percentile bootstrap interval of the mean difference",
        "bootstrap_high": "upper end of that interval",
        "larger": "seeds under which the rule's value is the larger one",
        "equal": "seeds under which the two are equal",
        "cohen_dz": "Cohen's d of paired values: difference_mean / difference_std",
        "cliff_delta": "Cliff's delta: share of all pairs of values in which the rule's is larger, minus smaller",
        "p_holm": "p by Holm's step-down correction for the family",
        "family": "number of comparisons of this metric in the file that have a p-value",
    },
    "comparison": {
        "metric": "column of results.csv that the row is about",
        "seeds": "done runs that have a value, over which the row is taken",
        "mean": "mean over these seeds",
        "std": "sample standard deviation over them (divisor n - 1)",
        "ci_low": "lower end of the 95 % confidence interval of the mean (Student's t, n - 1 degrees of freedom)",
        "ci_high": "upper end of that interval",
        "best": "whether no other rule has a better mean under the same stream, strategy and base optimizer",
        "untold": "whether the paired test, corrected by Holm for all pairs of rules, does not tell it from the best",
    },
}
_STATISTICS = {
    "mean": "mean over seeds of",
    "std": "sample standard deviation over seeds (divisor n - 1) of",
    "ci_low": "lower end of the 95 % confidence interval of the mean over seeds (Student's t, n - 1 degrees) of",
    "ci_high": "upper end of the 95 % confidence interval of the mean over seeds (Student's t, n - 1 degrees) of",
    "bootstrap_low": "lower end of the 95 % percentile bootstrap interval of the mean over seeds, too narrow for a "
    "handful of seeds, of",
    "bootstrap_high": "upper end of the 95 % percentile bootstrap interval of the mean over seeds, too narrow for a "
    "handful of seeds, of",
}


def column_definitions(tables: Mapping[str, pd.DataFrame], test: str = "sign-flip") -> pd.DataFrame:
    """Say what the columns of tables are.

    Args:
        tables: name of a file, without ending, to its table.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`, by which the comparisons were made.

    Returns:
        One row a column: ``file``, ``column`` and ``definition``.
    """
    columns = [(name, str(column)) for name, table in tables.items() for column in table]
    rows = [(f"{name}.csv", column, _definition(name, column, test)) for name, column in columns]
    return pd.DataFrame(rows, columns=["file", "column", "definition"])


def _definition(name: str, column: str, test: str) -> str:
    if (name, column) == ("comparisons", "p"):
        return _P[test]
    if column in _OWN[name]:
        return _OWN[name][column]
    if column in _RUN:
        return _RUN[column]
    if column in _COSTS:
        return f"mean over done runs of {_COSTS[column]}" if name == "summary" else _COSTS[column]
    if column in KNOWN:
        return _of_metric(column)
    for statistic, what in _STATISTICS.items():
        metric = column.removesuffix(f"_{statistic}")
        if metric in KNOWN and metric != column:
            return f"{what} {metric}: {_of_metric(metric)}"
    return "not a column of this version"


def _of_metric(name: str) -> str:
    metric = KNOWN[name]
    better = "higher" if metric.higher_is_better else "lower"
    return f"{metric.formula} ({metric.paper}; {better} is better)"
