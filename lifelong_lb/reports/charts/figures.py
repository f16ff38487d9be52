"""All charts of a report."""

from collections.abc import Sequence
from itertools import groupby

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.during_training import during_training, measurements_of
from lifelong_lb.reports.charts.matrices import accuracy_matrices, averages, experiences
from lifelong_lb.reports.charts.over_streams import ranks
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.charts.points import costs, trade_off
from lifelong_lb.reports.charts.sensitivity import sensitivity, sweeps
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.matrices import Block, blocks_of
from lifelong_lb.reports.statistics.summary import labels_of

ACROSS_STREAMS = "Across streams"
"""Heading of charts that span several streams."""
MAX_SEPARATE = 6
"""Number of strategies, over all streams, with separate charts by default."""


def charts_of(results: Results, *, every: bool = False) -> dict[str, list[Chart]]:
    """Make all charts of a report, except those of single classes and of the loss landscape.

    Args:
        results: results of a folder.
        every: chart single strategies for all strategies instead of the first :data:`MAX_SEPARATE`.

    Returns:
        Charts by stream label, those that compare strategies first; only streams with a done run. Ranks over several
        streams have the key :data:`ACROSS_STREAMS`.
    """
    rules, optimizers, blocks = labels_of(results, "rule"), labels_of(results, "base_optimizer"), blocks_of(results)
    look, done = looks(rules), results.runs[results.runs["status"] == "done"]
    ours = results.without_imported().runs  # costs of imported runs are unknown
    ours = ours[ours["status"] == "done"]
    quota = _quota(blocks)
    charts: dict[str, list[Chart]] = {}
    for stream, group in groupby(blocks, key=lambda block: block.stream):
        of_stream = list(group)
        found: list[Chart | None] = []
        for optimizer in optimizers:
            same = [block for block in of_stream if block.base_optimizer == optimizer]
            if same:
                all_runs, our_runs = (
                    runs[(runs["stream"] == stream) & (runs["base_optimizer"] == optimizer)] for runs in (done, ours)
                )
                found += [averages(same, look), trade_off(all_runs, look), *costs(our_runs, look)]
        found += [sensitivity(sweep, look) for sweep in sweeps(results, stream, rules)]
        for block in of_stream if every else of_stream[:quota]:
            found += [during_training(block, measurements_of(results, block), look)]
            found += [experiences(block, look), accuracy_matrices(block)]
        charts[stream] = [chart for chart in found if chart is not None]
    across = ranks(ours, rules)
    return {**charts, ACROSS_STREAMS: across} if across else charts


def select_blocks(results: Results, *, every: bool = False, most: int = MAX_SEPARATE) -> list[Block]:
    """Select the blocks with separate charts.

    Args:
        results: results of a folder.
        every: select all blocks.
        most: number of blocks over all streams, unless every is set; at least one per stream.

    Returns:
        The blocks, in the order of the study.
    """
    blocks = blocks_of(results)
    quota = len(blocks) if every else _quota(blocks, most)
    return [block for _, own in groupby(blocks, key=lambda block: block.stream) for block in list(own)[:quota]]


def omitted_figures(results: Results) -> str:
    """Describe which charts :func:`charts_of` omits by default.

    Args:
        results: results of a folder.

    Returns:
        Sentences; empty if nothing is omitted.
    """
    blocks = blocks_of(results)
    quota = _quota(blocks)
    drawn = sum(min(quota, len(list(own))) for _, own in groupby(blocks, key=lambda block: block.stream))
    if drawn == len(blocks):
        return ""
    more = ", accuracy during training" if results.during else ""
    return (
        f"Single experiences{more} and accuracy matrices are drawn for {drawn} of {len(blocks)} combinations of "
        "stream, strategy and base optimizer, the first of each stream. accuracy.csv contains the entries of all; "
        "lifelong-lb report DIR --all-figures draws them."
    )


def _quota(blocks: Sequence[Block], most: int = MAX_SEPARATE) -> int:
    """Number of blocks per stream with separate charts."""
    return max(1, most // max(1, len({block.stream for block in blocks})))
