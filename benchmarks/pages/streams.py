"""Average accuracy on every kind of stream, computed from results/streams/."""

from benchmarks.pages.markdown import RESULTS, RULES, percent, runs_of, table

FOLDER = RESULTS / "streams"
STRATEGIES = {"naive": "fine-tuning", "replay": "replay"}


def means(study: str) -> list[str]:
    """Format average accuracy by stream, strategy and rule, in percent.

    Args:
        study: name of a folder of results.

    Returns:
        The lines of a table: mean ± sample standard deviation over seeds.
    """
    runs = runs_of(FOLDER / study)
    rows = []
    for stream in runs["stream"].unique():
        for strategy, title in STRATEGIES.items():
            own = runs[(runs["stream"] == stream) & (runs["strategy"] == strategy)]
            cells = (percent(own.loc[own["rule"] == rule, "average_accuracy"].tolist()) for rule in RULES)
            rows.append([stream, title, *cells])
    return table(["stream", "strategy", *RULES.values()], rows)


def tables() -> dict[str, list[str]]:
    """Tables by name."""
    return {
        f"streams, {folder.name}": means(folder.name)
        for folder in sorted(FOLDER.iterdir())
        if (folder / "results.csv").exists()
    }
