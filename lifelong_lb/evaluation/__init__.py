"""Evaluation: the accuracy matrix, the metrics read from it, and statistics over seeds. Numpy only, never torch."""

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix
from lifelong_lb.evaluation.correlation import FEWEST_CLUSTERS, Correlation, pearson, spearman
from lifelong_lb.evaluation.landscape_measures import LANDSCAPE_MEASURES, LandscapeMeasure
from lifelong_lb.evaluation.metrics import (
    FORWARD_TRANSFER,
    METRICS,
    Metric,
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    explain,
    forgetting,
    forgetting_last_row_included,
    forward_transfer,
    learning_accuracy,
)
from lifelong_lb.evaluation.statistics import Spread, seeds_verdict, smallest_p, spread

__all__ = [
    "FEWEST_CLUSTERS",
    "FORWARD_TRANSFER",
    "LANDSCAPE_MEASURES",
    "METRICS",
    "AccuracyMatrix",
    "Correlation",
    "LandscapeMeasure",
    "Metric",
    "Spread",
    "average_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "explain",
    "forgetting",
    "forgetting_last_row_included",
    "forward_transfer",
    "learning_accuracy",
    "pearson",
    "seeds_verdict",
    "smallest_p",
    "spearman",
    "spread",
]
