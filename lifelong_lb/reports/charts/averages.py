"""Average accuracy over the experiences seen so far."""

from collections.abc import Mapping, Sequence

import numpy as np

from lifelong_lb.evaluation import spread
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name
from lifelong_lb.reports.charts.looks import Look, by_rule
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
            rows += course_rows(values, {"panel": panels[block.strategy], "rule": names[label]}, list(names.values()))
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
            course_layers(max(block.experiences for block in blocks), "average accuracy, %", rule),
            names=names.values(),
        ),
        {name: rows},
    )


def course_rows(values: Array, keys: Row, rules: Sequence[str]) -> list[Row]:
    """Means over seeds after each experience, in percent.

    Args:
        values: fractions ``(S, T)``; NaN where undefined.
        keys: further fields, among them the rule.
        rules: names of all rules of the chart, which stand side by side.

    Returns:
        One row per experience with a value.
    """
    rows: list[Row] = []
    for i in np.flatnonzero(~np.isnan(values).all(axis=0)):
        mean = mean_row(spread(values[:, i].tolist()), 100, (0, 100))
        x = dodged(float(i), rules.index(keys["rule"]), len(rules))
        rows.append({**keys, "experience": int(i), "x": x, **mean})
    return rows


def course_layers(experiences: int, title: str, rule: Mapping[str, Row]) -> list[Row]:
    """Draw :func:`course_rows`.

    Args:
        experiences: T, the number of experiences.
        title: title of the y axis.
        rule: channels of the rule.

    Returns:
        Layers.
    """
    step = -(-experiences // 10)
    axis = {"values": list(range(0, experiences, step)), "format": "d", "grid": False}
    x = numbers("x", "after training on experience", axis=axis, domain=[-0.4, experiences - 0.6], nice=False)
    shown = tooltip(("rule", "rule"), ("experience", "after experience"), ("y", title), ("low", "interval from"),
                    ("high", "to"), ("seeds", "seeds"), decimals={"experience": ""})  # fmt: skip
    return list(courses(x, numbers("y", title), rule, shown))
