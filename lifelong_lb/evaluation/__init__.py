"""Evaluation: the accuracy matrix, the metrics read from it, and statistics over seeds. Never torch."""

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix
from lifelong_lb.evaluation.bootstrap import bootstrap_intervals
from lifelong_lb.evaluation.catalogue import ADDED_METRICS, METRICS, REFERENCED, Described, Metric, explain
from lifelong_lb.evaluation.comparisons import (
    Comparison,
    bootstrap_interval,
    cliff_delta,
    compare,
    comparisons_verdict,
    holm,
)
from lifelong_lb.evaluation.continual import (
    anytime_average_accuracy,
    minimum_accuracy,
    stability_gap_area,
    stability_gap_depth,
    stability_gap_recovery,
    windowed_forgetting,
    windowed_plasticity,
    worst_case_accuracy,
)
from lifelong_lb.evaluation.continual_accuracy import ContinualAccuracy
from lifelong_lb.evaluation.continual_catalogue import CONTINUAL_METRICS, ContinualMetric, explain_continual
from lifelong_lb.evaluation.correlation import FEWEST_CLUSTERS, Correlation, pearson, spearman
from lifelong_lb.evaluation.curves import (
    average_accuracy_curve,
    backward_transfer_by_experience,
    forgetting_by_experience,
    forgetting_curve,
)
from lifelong_lb.evaluation.landscape_measures import LANDSCAPE_MEASURES, LandscapeMeasure
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
from lifelong_lb.evaluation.paired_tests import TESTS, PairedTest, sign_flip_p, signed_rank_p
from lifelong_lb.evaluation.pareto import pareto_front
from lifelong_lb.evaluation.ranks import Ranking, cliques, critical_difference, rank
from lifelong_lb.evaluation.statistics import Spread, seeds_needed, seeds_verdict, smallest_p, spread

__all__ = [
    "AccuracyMatrix",
    "ADDED_METRICS",
    "CONTINUAL_METRICS",
    "Comparison",
    "ContinualAccuracy",
    "ContinualMetric",
    "Correlation",
    "Described",
    "FEWEST_CLUSTERS",
    "LANDSCAPE_MEASURES",
    "LandscapeMeasure",
    "METRICS",
    "Metric",
    "PairedTest",
    "REFERENCED",
    "Ranking",
    "Spread",
    "TESTS",
    "anytime_average_accuracy",
    "average_accuracy",
    "average_accuracy_curve",
    "average_incremental_accuracy",
    "backward_transfer",
    "backward_transfer_by_experience",
    "bootstrap_interval",
    "bootstrap_intervals",
    "cliff_delta",
    "cliques",
    "compare",
    "comparisons_verdict",
    "critical_difference",
    "explain",
    "explain_continual",
    "forgetting",
    "forgetting_by_experience",
    "forgetting_curve",
    "forgetting_first_minus_last",
    "forgetting_last_row_included",
    "forward_transfer",
    "holm",
    "intransigence",
    "learning_accuracy",
    "minimum_accuracy",
    "pareto_front",
    "pearson",
    "rank",
    "relative_forgetting",
    "seeds_needed",
    "seeds_verdict",
    "sign_flip_p",
    "signed_rank_p",
    "smallest_p",
    "spearman",
    "spread",
    "stability",
    "stability_gap_area",
    "stability_gap_depth",
    "stability_gap_recovery",
    "stability_plasticity",
    "windowed_forgetting",
    "windowed_plasticity",
    "worst_case_accuracy",
]
