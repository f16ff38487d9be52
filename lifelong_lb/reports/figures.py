"""All figures of a report."""

from collections.abc import Sequence
from itertools import groupby

from lifelong_lb.reports.costs import draw_costs
from lifelong_lb.reports.curves import draw_averages, draw_experiences
from lifelong_lb.reports.during_training import draw_during_training, measurements_of
from lifelong_lb.reports.heat_maps import draw_matrices
from lifelong_lb.reports.matrices import Block, blocks_of
from lifelong_lb.reports.rank_diagrams import draw_ranks
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.sensitivity import draw_sensitivity
from lifelong_lb.reports.style import Drawing, looks
from lifelong_lb.reports.summary import labels_of
from lifelong_lb.reports.trade_off import draw_trade_off

ACROSS_STREAMS = "Across streams"
"""Heading of figures that span several streams."""
MAX_SEPARATE = 6
"""Number of strategies, over all streams, with separate figures by default."""


def draw_figures(results: Results, *, every: bool = False) -> dict[str, list[Drawing]]:
    """Draw all figures.

    Args:
        results: results of a folder.
        every: draw the figures of single strategies for all strategies instead of the first :data:`MAX_SEPARATE`.

    Returns:
        Figures by stream label, those that compare strategies first; only streams with a done run. Ranks over several
        streams have the key :data:`ACROSS_STREAMS`.
    """
    styles = looks(labels_of(results, "rule"))
    blocks = blocks_of(results)
    optimizers = labels_of(results, "base_optimizer")
    local_runs = results.without_imported().runs  # costs of imported runs are unknown
    done = local_runs[local_runs["status"] == "done"]
    quota = _quota(blocks)
    figures: dict[str, list[Drawing]] = {}
    for stream, group in groupby(blocks, key=lambda block: block.stream):
        stream_blocks = list(group)
        drawn: list[Drawing | None] = []
        for optimizer in optimizers:
            same = [block for block in stream_blocks if block.base_optimizer == optimizer]
            if same:
                runs = done[(done["stream"] == stream) & (done["base_optimizer"] == optimizer)]
                drawn += [draw_averages(same, styles), draw_trade_off(same, styles), draw_costs(runs, styles)]
        drawn += draw_sensitivity(results, stream, styles)
        for block in stream_blocks if every else stream_blocks[:quota]:
            drawn += [draw_during_training(block, measurements_of(results, block), styles)]
            drawn += [draw_experiences(block, styles), draw_matrices(block)]
        figures[stream] = [drawing for drawing in drawn if drawing is not None]
    ranks = draw_ranks(results)
    return {**figures, ACROSS_STREAMS: ranks} if ranks else figures


def select_blocks(results: Results, *, every: bool = False, most: int = MAX_SEPARATE) -> list[Block]:
    """Select the blocks with separate figures.

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
    """Describe which figures :func:`draw_figures` omits by default.

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
    """Number of blocks per stream with separate figures."""
    return max(1, most // max(1, len({block.stream for block in blocks})))
