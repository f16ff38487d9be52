"""All figures of a report."""

from itertools import groupby

from lifelong_lb.reports.blocks import blocks_of
from lifelong_lb.reports.costs import draw_costs
from lifelong_lb.reports.curves import draw_averages, draw_experiences
from lifelong_lb.reports.drawing import Drawing, looks
from lifelong_lb.reports.heat_maps import draw_matrices
from lifelong_lb.reports.rank_diagrams import draw_ranks
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import labels_of
from lifelong_lb.reports.trade_off import draw_trade_off

ACROSS = "Across streams"
"""What figures that span streams stand under."""


def draw_figures(results: Results) -> dict[str, list[Drawing]]:
    """Draw all figures.

    Args:
        results: what a folder's runs have to say.

    Returns:
        Label of a stream to its figures, those that compare strategies first; only streams with a done run. Ranks over
        several streams stand under :data:`ACROSS`.
    """
    look = looks(labels_of(results, "rule"))
    blocks = blocks_of(results)
    optimizers = labels_of(results, "base_optimizer")
    done = results.runs[results.runs["status"] == "done"]
    figures: dict[str, list[Drawing]] = {}
    for stream, group in groupby(blocks, key=lambda block: block.stream):
        own = list(group)
        drawn: list[Drawing | None] = []
        for optimizer in optimizers:
            same = [block for block in own if block.base_optimizer == optimizer]
            if same:
                runs = done[(done["stream"] == stream) & (done["base_optimizer"] == optimizer)]
                drawn += [draw_averages(same, look), draw_trade_off(same, look), draw_costs(runs, look)]
        for block in own:
            drawn += [draw_experiences(block, look), draw_matrices(block)]
        figures[stream] = [drawing for drawing in drawn if drawing is not None]
    ranks = draw_ranks(results)
    return {**figures, ACROSS: ranks} if ranks else figures
