"""Figure of accuracy against training iterations, within and across experiences."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lifelong_lb.evaluation import ContinualAccuracy
from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import Array, Block, band, mean_over_seeds, std_over_seeds
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, shade, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Measurements = Mapping[str, Sequence[ContinualAccuracy]]
"""Accuracies measured during training, by rule, one item per seed."""

_CAPTION = (
    "Accuracy measured during training, a fraction of test images, against training iterations; vertical lines mark "
    "the ends of experiences. Top: mean over j <= k of A[n, j], the accuracy on experience j at measurement n while "
    "experience k is learnt; each experience counts from its first measurement. Bottom: mean over j < k only, starting "
    "with the last measurement before k; a drop with recovery is the stability gap. "
    "Lines are means over seeds; bands show one sample standard deviation on either side (none for one seed)."
)
_STRETCH_NOTE = " Runs differ in iterations; each experience is stretched to its mean length over runs."


def measurements_of(results: Results, block: Block) -> dict[str, list[ContinualAccuracy]]:
    """Collect the accuracies measured during training of a block's runs.

    Args:
        results: results of a folder.
        block: one stream, strategy and base optimizer.

    Returns:
        Measurements by rule, in the order of the seeds; only rules with measurements.
    """
    runs = results.runs[(results.runs["stream"] == block.stream) & (results.runs["strategy"] == block.strategy)]
    runs = runs[runs["base_optimizer"] == block.base_optimizer].sort_values("seed")
    measurements: dict[str, list[ContinualAccuracy]] = {}
    for run, rule in zip(runs["run"], runs["rule"], strict=True):
        if run in results.during:
            measurements.setdefault(str(rule), []).append(results.during[run])
    return measurements


def draw_during_training(block: Block, measurements: Measurements, looks: Mapping[str, Look]) -> Drawing | None:
    """Draw average accuracy against training iterations.

    Args:
        block: one stream, strategy and base optimizer.
        measurements: accuracies by rule, see :func:`measurements_of`.
        looks: looks by rule.

    Returns:
        The figure; None without measurements.
    """
    if not measurements:
        return None
    all_runs = [C for of_rule in measurements.values() for C in of_rule]
    panels = ["experiences so far", "experiences learnt before"][: 1 if block.experiences == 1 else 2]
    rules = [rule for rule in looks if rule in measurements]
    name = file_name("during-training", block.stream, block.strategy, block.base_optimizer)
    title = f"Accuracy during training: {block.stream}, {block.strategy}, {block.base_optimizer}"
    layout = Layout(panels, 1, 1.9, WIDTH, "all", "lowest", rules)
    differ = any(not np.array_equal(C.boundaries, all_runs[0].boundaries) for C in all_runs)
    with style(name):
        figure, grid = create_panels(layout, ["training iterations"], "average accuracy")
        handles: dict[str, Line2D] = {}
        for first, axes in enumerate(grid):
            spans = [_Span(all_runs, i, before=first > 0) for i in range(first, block.experiences)]
            for rule in rules:
                handles[rule] = _line(axes, spans, measurements[rule], looks[rule])
            ends = np.mean([C.boundaries for C in all_runs], axis=0)
            axes.vlines(ends, 0, 1, transform=axes.get_xaxis_transform(), colors="#888888", linewidth=0.7, zorder=1)
        grid[0].set_xlim(0, ends[-1])  # all panels share it
        legend(figure, handles)
        return finish(figure, name, title, _CAPTION + _STRETCH_NOTE * differ)


class _Span:
    """Interval of the x axis that shows one experience, and the positions at which runs are compared."""

    def __init__(self, runs: Sequence[ContinualAccuracy], i: int, *, before: bool) -> None:
        self._i, self._before = i, before
        start, end = (np.mean([_start(C, k) for C in runs]) for k in (i, i + 1))
        self._positions = max((self._measured(C)[0] for C in runs), key=len)
        self.x = start + self._positions * (end - start)

    def values(self, runs: Sequence[ContinualAccuracy]) -> Array:
        """Average accuracies of each run, ``(S, positions)``."""
        return np.stack([np.interp(self._positions, *self._measured(C)) for C in runs])

    def _measured(self, C: ContinualAccuracy) -> tuple[Array, Array]:
        """Relative positions in the experience at which a run was measured, and its average accuracies there."""
        start, end = _start(C, self._i), _start(C, self._i + 1)
        inside = (C.iterations > start) & (C.iterations <= end)
        if self._before:  # starting with the last measurement of the previous experience
            inside |= C.iterations == start
        experiences = self._i if self._before else self._i + 1
        return (C.iterations[inside] - start) / (end - start), C.accuracy[inside, :experiences].mean(axis=1)


def _start(C: ContinualAccuracy, i: int) -> int:
    return int(C.boundaries[i - 1]) if i else 0


def _line(axes: "Axes", spans: Sequence[_Span], runs: Sequence[ContinualAccuracy], look: Look) -> "Line2D":
    """Means over seeds and their band, with a gap between experiences."""
    of_seeds = [span.values(runs) for span in spans]
    x = _with_gaps([span.x for span in spans])
    mean, std = (_with_gaps([over(values) for values in of_seeds]) for over in (mean_over_seeds, std_over_seeds))
    (line,) = axes.plot(x, mean, color=look.colour, linestyle=look.dashes, linewidth=1.3)
    if not np.isnan(std).all():
        shade(axes, x, *band(mean, std), look.colour)
    return line


def _with_gaps(parts: Sequence[Array]) -> Array:
    """Concatenate parts, with a NaN after each."""
    return np.concatenate([np.append(part, np.nan) for part in parts])
