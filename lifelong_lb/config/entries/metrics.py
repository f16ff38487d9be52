"""Metrics of the accuracy matrix that a study file can name, defined in :mod:`lifelong_lb.evaluation`."""

LEAST_EXPERIENCES: dict[str, int] = {
    "average_accuracy": 1,
    "learning_accuracy": 1,
    "forgetting": 2,
    "backward_transfer": 2,
    "forgetting_last_row_included": 2,
    "average_incremental_accuracy": 1,
    "forgetting_first_minus_last": 2,
    "relative_forgetting": 2,
    "stability": 2,
    "stability_plasticity": 2,
}
"""Minimum number of experiences for which each metric is defined."""

ADDED: dict[str, int] = {}
"""The same for metrics registered in this process."""
