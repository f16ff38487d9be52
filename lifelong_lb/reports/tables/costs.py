"""Tables of costs: of rules, and of the hyper-parameter searches before the runs."""

import math
from collections.abc import Sequence

import pandas as pd

from lifelong_lb.config import RuleEntry, Train, axis_labels
from lifelong_lb.config.tuning import Chosen, Range, Search, Space, at_the_edge
from lifelong_lb.evaluation import pareto_front
from lifelong_lb.reports.definitions import COSTS, GRADIENTS, KNOWN
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.tables.cells import (
    column_of,
    cost_cell,
    metric_cell,
    metric_text,
    number_cell,
    seeds_cell,
)
from lifelong_lb.reports.tables.styled import DASH, Cell, Column, Group, Row, StyledTable
from lifelong_lb.reports.tables.summary import RULE, common, grouped

BLOCK = ["stream", "strategy", "base_optimizer"]
"""Columns within which rules are compared by cost."""

PRICES = ("gradients", "train_seconds")
"""Costs; ``gradients`` are those of the rule and of the strategy."""
_ACCURACY = "average_accuracy"
_STRATEGY = "strategy_gradient_evaluations"
TUNING_NOTE = (
    "Settings were chosen separately for each combination on a validation part held out from the training part, under "
    "seeds that are not reported; the test part was not used. Best, median and worst are values of the completed "
    "trials, means over the tuning seeds; the other trials rank below all of them. The gradient evaluations are those "
    "of all trials, the strategy's own included, and are not part of the cost of the runs."
)
_LABELS = ("stream", "strategy", "rule", "base optimizer", "chosen", "searched")


def pareto_fronts(summary: pd.DataFrame) -> pd.DataFrame:
    """Mark the rows of a summary that no other rule of their block beats at the same or lower cost, by mean.

    Args:
        summary: from :func:`~lifelong_lb.reports.statistics.summary.summary_table`.

    Returns:
        Booleans for the average accuracy, with the summary's index, one column for each of :data:`PRICES`.
    """
    priced = summary.assign(gradients=summary["gradient_evaluations"] + summary["strategy_gradient_evaluations"])
    marks = pd.DataFrame(False, index=summary.index, columns=list(PRICES))
    for _, rows in priced.groupby(BLOCK, sort=False):
        for price in PRICES:
            marks.loc[rows.index, price] = pareto_front(rows[price], rows["average_accuracy_mean"])
    return marks


def budget_sentence(train: Train, rules: Sequence[RuleEntry], optimizer: str = "") -> str:
    """Describe the training budget of the rules of a study.

    Args:
        train: the study's training settings.
        rules: its rules.
        optimizer: label of the only base optimizer, which names the rule ``none``.

    Returns:
        One or two sentences.
    """
    if train.match == "seconds":
        return (
            f"All rules trained for at most {train.budget:g} seconds in each experience. The number of steps depends "
            "on the machine and its load, so results are not reproducible."
        )
    if train.match == "gradients" and train.budget is not None:
        return f"Every rule got {train.budget:,.0f} gradient evaluations in each experience."
    of_epochs = f"gradient evaluations for each minibatch of {train.epochs} epoch{'s' * (train.epochs != 1)}"
    if train.match == "gradients":
        return (
            f"Every rule got {train.passes:g} {of_epochs} in each experience, so rules with cheaper steps trained for "
            "more epochs."
        )
    own: dict[float, list[str]] = {}
    for label, rule in zip(axis_labels(rules), rules, strict=True):
        if rule.passes is not None:
            own.setdefault(rule.passes, []).append(display_name(label, optimizer))
    if not own:
        return "Every rule took the same number of steps; gradient evaluations and time differ."
    budgets = "; ".join(f"{'; '.join(names)} ({passes:g} {of_epochs})" for passes, names in own.items())
    others = len(rules) - sum(map(len, own.values()))
    start = "Every rule took the same number of steps, except those with their own" if others else "Rules had their own"
    return f"{start} budget in each experience: {budgets}."


def _relative_costs(summary: pd.DataFrame) -> "pd.Series[float]":
    """Compute gradient evaluations relative to the fewest within a stream, strategy and base optimizer."""
    passes = summary["gradient_evaluations"]
    fewest = summary.groupby(BLOCK)["gradient_evaluations"].transform("min")
    return (passes / fewest).where((passes > 0) & (fewest > 0))


def cost_styled(summary: pd.DataFrame) -> StyledTable:
    """Build the table of the mean costs of a run; relative costs are 1 for the cheapest rule of each block.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`, or rows of it.

    Returns:
        The table, without the costs that no run has recorded.
    """
    marks = pareto_fronts(summary).assign(relative=_relative_costs(summary)).to_dict("index")
    shown = [cost for cost in COSTS if cost != GRADIENTS and summary[cost].fillna(0).any()]
    later = [cost for cost in shown if cost not in {_STRATEGY, "train_seconds"}]
    own = [_STRATEGY] if _STRATEGY in shown else []
    columns = [
        *(RULE, Column("seeds"), column_of(_ACCURACY), column_of(GRADIENTS), Column("relative to the fewest")),
        *map(column_of, own),
        *(Column("best for its gradients"), column_of("train_seconds"), Column("best for its seconds")),
        *map(column_of, later),
    ]
    cells = {
        index: [
            seeds_cell(row),
            metric_cell(_ACCURACY, row[f"{_ACCURACY}_mean"], float("nan")),
            cost_cell(GRADIENTS, row[GRADIENTS]),
            number_cell(marks[index]["relative"]),
            *(cost_cell(cost, row[cost]) for cost in own),
            _yes(bool(marks[index]["gradients"])),
            cost_cell("train_seconds", row["train_seconds"]),
            _yes(bool(marks[index]["train_seconds"])),
            *(cost_cell(cost, row[cost]) for cost in later),
        ]
        for index, row in summary.iterrows()
    }
    return StyledTable("cost", f"{common(summary)}: cost of a run, mean over seeds", columns, grouped(summary, cells))


def _yes(mark: bool) -> Cell:
    return Cell("yes", value=1) if mark else Cell()


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


def tuning_styled(results: Results) -> StyledTable | None:
    """Build the table of the searches that chose the settings of a folder's runs.

    Args:
        results: results of a folder.

    Returns:
        The table, one row per combination; None without a search.
    """
    rows = [_search_row(choice, choice.search) for choice in searches(results) if choice.search is not None]
    if not rows:
        return None
    numbers = [Column("trials"), Column("best"), Column("median"), Column("worst"), column_of(GRADIENTS)]
    labels = [Column(title, kind="label") for title in _LABELS]
    return StyledTable("tuning", "Settings chosen before the runs", [*labels, *numbers], [Group("", rows)])


def _search_row(choice: Chosen, search: Search) -> Row:
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
