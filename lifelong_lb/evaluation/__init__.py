"""Evaluation: the accuracy matrix, the metrics read from it, and statistics over seeds. Never torch."""

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix
from lifelong_lb.evaluation.catalogue import METRICS, REFERENCED, Metric, explain
from lifelong_lb.evaluation.curves import (
    average_accuracy_curve,
    backward_transfer_by_experience,
    forgetting_by_experience,
    forgetting_curve,
)
from lifelong_lb.evaluation.metrics import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forgetting_first_minus_last,
    forgetting_last_row_included,
    forward_transfer,
    intransigence,
    learning_accuracy,
    relative_forgetting,
    stability,
    stability_plasticity,
)
from lifelong_lb.evaluation.statistics import Spread, seeds_verdict, smallest_p, spread

__all__ = [
    "METRICS",
    "REFERENCED",
    "AccuracyMatrix",
    "Metric",
    "Spread",
    "average_accuracy",
    "average_accuracy_curve",
    "average_incremental_accuracy",
    "backward_transfer",
    "backward_transfer_by_experience",
    "explain",
    "forgetting",
    "forgetting_by_experience",
    "forgetting_curve",
    "forgetting_first_minus_last",
    "forgetting_last_row_included",
    "forward_transfer",
    "intransigence",
    "learning_accuracy",
    "relative_forgetting",
    "seeds_verdict",
    "smallest_p",
    "spread",
    "stability",
    "stability_plasticity",
]
