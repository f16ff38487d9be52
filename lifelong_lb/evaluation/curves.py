"""Curves over the stream, whose means or last values are the metrics."""

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.evaluation.accuracy_matrix import as_matrix
from lifelong_lb.evaluation.metrics import Matrix, forgetting

Curve = NDArray[np.float64]


def average_accuracy_curve(R: Matrix) -> Curve:
    """Average accuracy on the experiences seen so far, a_i = mean over j <= i of R[i, j].

    Its last value is the average accuracy, its mean the average incremental accuracy.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        ``(T,)`` fractions; NaN where a required entry was not evaluated.

    Example:
        >>> average_accuracy_curve([[0.9, float("nan")], [0.5, 0.8]])
        array([0.9 , 0.65])
    """
    values = as_matrix(R)
    return np.array([values[i, : i + 1].mean() for i in range(len(values))])


def forgetting_curve(R: Matrix) -> Curve:
    """Forgetting after each experience: f_i is the forgetting of a stream that ends with i.

    The last value is the forgetting of the whole stream. Source: Chaudhry et al. 2018 (arXiv 1801.10112), eq. 3 and 4
    at k = i.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        ``(T,)``, each in [-1, 1]; NaN for i = 0 and where a required entry was not evaluated.

    Example:
        >>> forgetting_curve([[0.9, float("nan")], [0.5, 0.8]])
        array([nan, 0.4])
    """
    values = as_matrix(R)
    return np.array([forgetting(values[: i + 1, : i + 1]) for i in range(len(values))])


def forgetting_by_experience(R: Matrix) -> Curve:
    """Forgetting of each experience, f_j = max over l < T-1 of R[l, j], minus R[T-1, j].

    Forgetting is its mean over j < T-1.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        ``(T,)``, each in [-1, 1]; NaN for the last experience and where a required entry was not evaluated.

    Example:
        >>> forgetting_by_experience([[0.9, float("nan")], [0.5, 0.8]])
        array([0.4, nan])
    """
    values = as_matrix(R)
    before = np.where(np.isnan(values[:-1]), -np.inf, values[:-1]).max(axis=0, initial=-np.inf)
    gaps: Curve = np.where(np.isneginf(before), np.nan, before) - values[-1]
    gaps[-1] = np.nan
    return gaps


def backward_transfer_by_experience(R: Matrix) -> Curve:
    """Backward transfer of each experience, R[T-1, j] - R[j, j].

    Backward transfer is its mean over j < T-1.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        ``(T,)``, each in [-1, 1], 0 for the last experience; NaN where a required entry was not evaluated.

    Example:
        >>> backward_transfer_by_experience([[0.9, float("nan")], [0.5, 0.8]])
        array([-0.4,  0. ])
    """
    values = as_matrix(R)
    transfer: Curve = values[-1] - np.diagonal(values)
    return transfer
