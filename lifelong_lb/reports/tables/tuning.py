"""Hyper-parameter searches before the runs of a report: search space, choice and cost."""

import math

from lifelong_lb.config.tuning import Chosen, Range, Search, Space, at_the_edge
from lifelong_lb.reports.definitions import GRADIENTS, KNOWN
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.tables.cells import cost_cell, cost_column, metric_text
from lifelong_lb.reports.tables.styled import DASH, Cell, Column, Group, Row, StyledTable

TUNING_NOTE = (
    "Settings were chosen separately for each combination on a validation part held out from the training part, under "
    "seeds that are not reported; the test part was not used. Best, median and worst are values of the completed "
    "trials, means over the tuning seeds; the other trials rank below all of them. The gradient evaluations are those "
    "of all trials, the strategy's own included, and are not part of the cost of the runs."
)


def tuning_sentences(results: Results) -> list[str]:
    """Comment on the chosen settings.

    Args:
        results: results of a folder.

    Returns:
        Sentences: the metric and the total cost, values at an end of their range, searches without a completed trial.
    """
    searched = searches(results)
    if not searched:
        return []
    names = dict.fromkeys(choice.search.metric for choice in searched if choice.search)
    titles = [KNOWN[name].title if name in KNOWN else name for name in names]
    total = sum(choice.search.gradient_evaluations for choice in searched if choice.search)
    sentences = [f"Chosen by {', '.join(titles)}; all searches together took {total:,} gradient evaluations."]
    for choice in searched:
        at = ", ".join(choice.at)
        sentences += [
            f"{at}: {place} is at an end of the searched range; a wider range may contain a better value."
            for place in at_the_edge(choice)
        ]
        if choice.search is not None and choice.search.best is None:
            sentences.append(f"{at}: no trial completed, so no setting was chosen.")
    return sentences


def searches(results: Results) -> list[Chosen]:
    """List the choices of settings that a search made.

    Args:
        results: results of a folder.

    Returns:
        The choices, in the order of the study.
    """
    chosen = results.study.study.chosen if results.study else ()
    return [choice for choice in chosen if choice.search is not None]


_LABELS = ("stream", "strategy", "rule", "base optimizer", "chosen", "searched")


def tuning_styled(results: Results) -> StyledTable | None:
    """Build the table of the searches that chose the settings of a folder's runs.

    Args:
        results: results of a folder.

    Returns:
        The table, one row per combination; None without a search.
    """
    rows = [_row(choice, choice.search) for choice in searches(results) if choice.search is not None]
    if not rows:
        return None
    numbers = [Column("trials"), Column("best"), Column("median"), Column("worst"), cost_column(GRADIENTS)]
    labels = [Column(title, kind="label") for title in _LABELS]
    return StyledTable("tuning", "Settings chosen before the runs", [*labels, *numbers], [Group("", rows)])


def _row(choice: Chosen, search: Search) -> Row:
    not_done = f" ({search.not_done} not done)" if search.not_done else ""
    spaces = [f"{name}.{key}: {_space(space)}" for name, own in search.space.items() for key, space in own.items()]
    labels = [*choice.at, choice.summary() or DASH, "; ".join(spaces)]
    values = (math.nan if v is None else v for v in (search.best, search.median, search.worst))
    return [
        *map(Cell, labels),
        Cell(f"{search.trials}{not_done}", value=search.trials),
        *(Cell(metric_text(search.metric, value), value=value) for value in values),
        cost_cell(GRADIENTS, search.gradient_evaluations),
    ]


def _space(space: Space) -> str:
    if isinstance(space, Range):
        kind = "".join(f", {word}" for word, meant in (("log", space.log), ("whole", space.whole)) if meant)
        return f"{space.low:g} to {space.high:g}{kind}"
    return ", ".join(map(str, space))
