"""Check the evaluation of a study against its strategies and streams."""

from typing import Any

from lifelong_lb.config.entries.own_loop_strategies import NCM, SLDA, RanPAC
from lifelong_lb.config.entries.strategies import ICaRL
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.problems import Problems

PREDICT_BY: dict[type[StrategyEntry], str] = {
    ICaRL: "the nearest mean of its exemplars",
    SLDA: "a linear discriminant that is not trained with a loss",
    NCM: "the nearest class mean",
    RanPAC: "a ridge regression that is not trained with the loss",
}
"""Strategies without a loss landscape, and what they predict with instead of their model's outputs."""


def check_evaluation(parts: dict[str, Any], problems: Problems) -> None:
    """Check that every strategy and stream supports the measurements.

    Args:
        parts: the study's axes and ``evaluation``.
        problems: receives the problems.
    """
    evaluation = parts["evaluation"]
    held = next((stream for stream in parts["streams"] if stream.evaluate == "validation"), None)
    if evaluation.test_images_per_class is not None and held is not None:
        problems.add(
            "evaluation.test_images_per_class",
            f"applies to the test part, which {held.name} with evaluate: validation does not use; remove one of them",
        )
    for index, strategy in enumerate(parts["strategies"]):
        by = PREDICT_BY.get(type(strategy))
        if evaluation.landscape is not None and by is not None:
            problems.add(
                f"strategies[{index}]",
                f"{strategy.name} predicts by {by}, which has no loss landscape; remove it or evaluation.landscape",
            )
        if evaluation.diagnostics_every is not None and strategy.own_loop is not None:
            problems.add(
                f"strategies[{index}]",
                f"{strategy.name} has no ordinary training steps whose diagnostics could be recorded; "
                "remove it or evaluation.diagnostics_every",
            )
