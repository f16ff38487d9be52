"""Average accuracy over the experiences seen so far."""

from collections.abc import Mapping, Sequence

import numpy as np

from lifelong_lb.evaluation import spread
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.looks import Look, by_rule, chart_names, file_name
from lifelong_lb.reports.charts.panels import INTERVALS, courses, dodged, faceted, mean_row, numbers, tooltip
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.matrices import Array, Block, average_accuracy_so_far

_CAPTION = (
    "Average accuracy over the experiences seen so far: after experience i (from 0), the mean over j <= i of R[i, j]; "
    "its last value is the average accuracy. One panel per strategy, each with a separate axis. Points are means "
    f"over seeds, side by side for each experience; {INTERVALS}."
)


def averages(blocks: Sequence[Block], looks: Mapping[str, Look]) -> Chart | None:
    """Chart the average accuracy over the experiences seen so far, one panel per strategy.

    Args:
        blocks: one stream and base optimizer, one block per strategy.
        looks: looks by label of a rule.

    Returns:
        The chart; None if only the last row of the matrices was evaluated in full.
    """
    stream, optimizer = blocks[0].stream, blocks[0].base_optimizer
    names = chart_names([rule for rule in looks if any(rule in block.matrices for block in blocks)], optimizer)
    panels = chart_names(block.strategy for block in blocks)
    rows: list[Row] = []
    for block in blocks:
        for label, stack in block.matrices.items():
            values = average_accuracy_so_far(stack)
            rows += _course_rows(values, {"panel": panels[block.strategy], "rule": names[label]}, list(names.values()))
    if len({row["experience"] for row in rows}) < 2:
        return None
    name = file_name("average-accuracy", stream, optimizer)
    rule = by_rule({names[label]: looks[label] for label in names})
    return Chart(
        name,
        f"Average accuracy so far: {stream}, {display_name(optimizer)}",
        _CAPTION,
        faceted(
            name,
            list(panels.values()),
            _course_layers(max(block.experiences for block in blocks), "average accuracy, %", rule),
            names=names.values(),
        ),
        {name: rows},
    )


def _course_rows(values: Array, keys: Row, rules: Sequence[str]) -> list[Row]:
    """Means over seeds after each experience, in percent."""
    rows: list[Row] = []
    for i in np.flatnonzero(~np.isnan(values).all(axis=0)):
        mean = mean_row(spread(values[:, i].tolist()), 100, (0, 100))
        x = dodged(float(i), rules.index(keys["rule"]), len(rules))
        rows.append({**keys, "experience": int(i), "x": x, **mean})
    return rows


def _course_layers(experiences: int, title: str, rule: Mapping[str, Row]) -> list[Row]:
    """Draw the rows of :func:`_course_rows`."""
    step = -(-experiences // 10)
    axis = {"values": list(range(0, experiences, step)), "format": "d", "grid": False}
    x = numbers("x", "after training on experience", axis=axis, domain=[-0.4, experiences - 0.6], nice=False)
    shown = tooltip(("rule", "rule"), ("experience", "after experience"), ("y", title), ("low", "interval from"),
                    ("high", "to"), ("seeds", "seeds"), decimals={"experience": ""})  # fmt: skip
    return list(courses(x, numbers("y", title), rule, shown))


MOST_PANELS = 6


def experiences(block: Block, looks: Mapping[str, Look]) -> Chart:
    """Chart the accuracy on single experiences after training on each experience.

    Args:
        block: one stream, strategy and base optimizer.
        looks: looks by label of a rule.

    Returns:
        The chart: one panel per experience, or if there are many, for the first, the last and two between.
    """
    T, optimizer = block.experiences, block.base_optimizer
    shown = range(T) if T <= MOST_PANELS else (0, T // 3, 2 * T // 3, T - 1)
    names = chart_names([rule for rule in looks if rule in block.matrices], optimizer)
    rows: list[Row] = []
    for j in shown:
        for label, stack in block.matrices.items():
            rows += _course_rows(
                stack[:, :, j], {"panel": f"experience {j}", "rule": names[label]}, list(names.values())
            )
    name = file_name("experiences", *block.key)
    selection = "" if T <= MOST_PANELS else f" Shown are {len(shown)} of {T} experiences."
    rule = by_rule({names[label]: looks[label] for label in names})
    layers = _course_layers(T, "accuracy, %", rule)
    return Chart(
        name,
        f"Accuracy on single experiences: {block.stream}, {display_name(block.strategy)}, {display_name(optimizer)}",
        "Accuracy on the test part of each experience after training on each experience of the stream (numbered from "
        f"0).{selection} Points are means over seeds, side by side for each experience; {INTERVALS}.",
        faceted(name, [f"experience {j}" for j in shown], layers, names=names.values(), shared=["y"]),
        {name: rows},
    )
