"""Metrics of the accuracy matrix that a study file can name; what they are stands in :mod:`lifelong_lb.evaluation`."""

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
"""Metric to the fewest experiences for which it is defined."""

ADDED: dict[str, int] = {}
"""Likewise, of the metrics that a user has added in this process."""
