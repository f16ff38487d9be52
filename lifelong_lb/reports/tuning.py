"""Hyper-parameter searches before the runs of a report: search space, choice and cost."""

from lifelong_lb.config.tuning import Chosen, Range, Search, Space, at_the_edge
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.tables import DASH, KNOWN, count

TUNING_HEADINGS = (
    *("stream", "strategy", "rule", "base optimizer", "chosen", "searched", "trials"),
    *("best", "median", "worst", "gradient evaluations"),
)
TUNING_NOTE = (
    "Settings were chosen separately for each combination on a validation part held out from the training part, under "
    "seeds that are not reported; the test part was not used. Best, median and worst are values of the completed "
    "trials, means over the tuning seeds; the other trials rank below all of them. The gradient evaluations are those "
    "of all trials, the strategy's own included, and are not part of the cost of the runs."
)


def tuning_table(results: Results) -> list[dict[str, str]]:
    """Tabulate the searches that chose the settings of a folder's runs.

    Args:
        results: results of a folder.

    Returns:
        One row per combination, text by heading, see :data:`TUNING_HEADINGS`; none without a search.
    """
    return [_row(one, one.search) for one in _searched(results)]


def tuning_values(results: Results) -> list[dict[str, float]]:
    """Collect the numbers behind the cells of :func:`tuning_table`.

    Args:
        results: results of a folder.

    Returns:
        One row per combination, unrounded number by heading; NaN for none.
    """
    rows = [
        (search.trials, search.best, search.median, search.worst, search.gradient_evaluations)
        for search in (chosen.search for chosen in _searched(results))
        if search is not None
    ]
    numbers = [[float("nan") if value is None else float(value) for value in row] for row in rows]
    return [dict(zip(TUNING_HEADINGS[-5:], row, strict=True)) for row in numbers]


def tuning_sentences(results: Results) -> list[str]:
    """Comment on the chosen settings.

    Args:
        results: results of a folder.

    Returns:
        Sentences: the metric and the total cost, values at an end of their range, searches without a completed trial.
    """
    searched = list(_searched(results))
    if not searched:
        return []
    names = dict.fromkeys(choice.search.metric for choice in searched if choice.search)
    titles = [KNOWN[name].title if name in KNOWN else name for name in names]
    total = sum(choice.search.gradient_evaluations for choice in searched if choice.search)
    sentences = [f"Chosen by {', '.join(titles)}; all searches together took {count(total)} gradient evaluations."]
    for choice in searched:
        at = ", ".join(choice.at)
        sentences += [
            f"{at}: {place} is at an end of the searched range; a wider range may contain a better value."
            for place in at_the_edge(choice)
        ]
        if choice.search is not None and choice.search.best is None:
            sentences.append(f"{at}: no trial completed, so no setting was chosen.")
    return sentences


def _searched(results: Results) -> list[Chosen]:
    chosen = results.study.study.chosen if results.study else ()
    return [choice for choice in chosen if choice.search is not None]


def _row(choice: Chosen, search: Search | None) -> dict[str, str]:
    assert search is not None
    values = (search.best, search.median, search.worst)
    not_done = f" ({search.not_done} not done)" if search.not_done else ""
    spaces = [f"{name}.{key}: {_space(space)}" for name, own in search.space.items() for key, space in own.items()]
    cells = [*choice.at, choice.summary() or DASH, "; ".join(spaces), f"{search.trials}{not_done}"]
    cells += [DASH if value is None else f"{value:.3f}" for value in values]
    return dict(zip(TUNING_HEADINGS, [*cells, count(search.gradient_evaluations)], strict=True))


def _space(space: Space) -> str:
    if isinstance(space, Range):
        kind = "".join(f", {word}" for word, meant in (("log", space.log), ("whole", space.whole)) if meant)
        return f"{space.low:g} to {space.high:g}{kind}"
    return ", ".join(map(str, space))
