"""Accuracy on single experiences over the stream."""

from collections.abc import Mapping

from lifelong_lb.reports.charts.averages import course_layers, course_rows
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name
from lifelong_lb.reports.charts.looks import Look, by_rule
from lifelong_lb.reports.charts.panels import INTERVALS, faceted
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.matrices import Block

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
            rows += course_rows(
                stack[:, :, j], {"panel": f"experience {j}", "rule": names[label]}, list(names.values())
            )
    name = file_name("experiences", block.stream, block.strategy, optimizer)
    selection = "" if T <= MOST_PANELS else f" Shown are {len(shown)} of {T} experiences."
    rule = by_rule({names[label]: looks[label] for label in names})
    layers = course_layers(T, "accuracy, %", rule)
    return Chart(
        name,
        f"Accuracy on single experiences: {block.stream}, {display_name(block.strategy)}, {display_name(optimizer)}",
        "Accuracy on the test part of each experience after training on each experience of the stream (numbered from "
        f"0).{selection} Points are means over seeds, side by side for each experience; {INTERVALS}.",
        faceted(name, [f"experience {j}" for j in shown], layers, names=names.values(), shared=["y"]),
        {name: rows},
    )
