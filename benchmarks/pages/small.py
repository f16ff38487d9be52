"""Small studies, computed from results/all-strategies*/ and results/class-incremental/."""

from benchmarks.pages.markdown import RESULTS, RULES, percent, runs_of, table
from lifelong_lb.reports.names import display_name

CLASS_INCREMENTAL = {
    "pycil-cifar100-b0-inc10-small": "B0 Inc10, first five",
    "pycil-cifar100-b50-inc10-small": "B50 Inc10",
}


def strategies(study: str) -> list[str]:
    """Format the average accuracy of strategies with rules, in percent; ``-`` where all runs diverged."""
    runs = runs_of(RESULTS / study)
    rows = []
    for strategy, part in runs.groupby("strategy", sort=False):
        found = (part.loc[part["rule"] == rule, "average_accuracy"].tolist() for rule in RULES)
        rows.append([f"`{strategy}`", *(percent(values) or "-" for values in found)])
    return table(["strategy", *RULES.values()], rows)


def class_incremental() -> list[str]:
    """Format accuracies over all images of the classes seen, in percent, and costs, of one seed each."""
    rows = []
    for study, stream in CLASS_INCREMENTAL.items():
        for run in runs_of(RESULTS / "class-incremental" / study).itertuples():
            last = percent([run.average_accuracy_by_images])
            mean = percent([run.average_incremental_accuracy_by_images])
            costs = [f"{run.gradient_evaluations:,}", f"{run.train_seconds:.0f}"]
            rows.append([stream, f"`{run.strategy}`", display_name(run.rule, "sgd"), last, mean, *costs])
    return table(
        ["stream", "strategy", "rule", "last, %", "mean over experiences, %", "gradients", "training, s"], rows
    )


def tables() -> dict[str, list[str]]:
    """Tables by name."""
    return {
        "all strategies": strategies("all-strategies"),
        "EWC at a tenth": strategies("all-strategies-ewc"),
        "small class-incremental studies": class_incremental(),
    }
