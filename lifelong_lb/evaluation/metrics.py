"""Metrics of continual learning: pure functions of the accuracy matrix.

R is an :class:`~lifelong_lb.evaluation.AccuracyMatrix` or a ``(T, T)`` array: R[i, j] in [0, 1] is the accuracy on
the test part of experience j after training on experience i, NaN where not evaluated. Every result is a float, NaN
if the metric is undefined; :func:`~lifelong_lb.evaluation.explain` returns the reason.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.accuracy_matrix import AccuracyMatrix, as_matrix

Matrix = AccuracyMatrix | ArrayLike


def average_accuracy(R: Matrix) -> float:
    """Average accuracy at the end of the stream: mean over j of R[T-1, j].

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "ACC".

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN if an entry of the last row was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> average_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.65
    """
    return _mean(as_matrix(R)[-1])


def average_accuracy_by_images(R: Matrix, images: ArrayLike) -> float:
    """Average accuracy at the end of the stream, weighted by images: sum over j of n_j R[T-1, j] / sum over j of n_j.

    The fraction of all test images that are classified correctly, the "accuracy" of codes that evaluate all classes
    seen so far together, e.g. PyCIL (Zhou et al. 2023, arXiv 2112.12533). It equals :func:`average_accuracy` if all
    experiences have equally many test images.

    Args:
        R: accuracy matrix, ``(T, T)``.
        images: n, ``(T,)``, number of test images of each experience, at least 1.

    Returns:
        A fraction; NaN if an entry of the last row was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix, or there is not one number of images per experience.

    Example:
        >>> average_accuracy_by_images([[0.9, float("nan")], [0.5, 0.8]], [300, 100])
        0.575
    """
    values = as_matrix(R)
    weights = _numbers(images, len(values))
    return float(values[-1] @ weights / weights.sum())


def learning_accuracy(R: Matrix) -> float:
    """Learning accuracy: mean over j of R[j, j].

    Each experience is evaluated right after training on it. Source: Riemer et al. 2019 (arXiv 1810.11910).

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN if an entry of the diagonal was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> learning_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.85
    """
    return _mean(np.diagonal(as_matrix(R)))


def forgetting(R: Matrix) -> float:
    """Forgetting: mean over j < T-1 of (max over l < T-1 of R[l, j]) - R[T-1, j].

    The maximum is over the evaluated entries. The value may be negative: accuracy on an experience may be highest at
    the end of the stream. Source: Chaudhry et al. 2018 (arXiv 1801.10112), eq. 3 and 4.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [-1, 1]; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> forgetting([[0.9, float("nan")], [0.5, 0.8]])
        0.4
    """
    values = as_matrix(R)
    return _mean(_column_maxima(values[:-1, :-1]) - values[-1, :-1])


def forgetting_last_row_included(R: Matrix) -> float:
    """Forgetting, last row included: mean over j < T-1 of (max over l of R[l, j]) - R[T-1, j].

    The maximum is over l <= T-1, so the value is never negative and never below :func:`forgetting`. Several published
    codes print this variant.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [0, 1]; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> nan = float("nan")
        >>> R = [[0.5, nan, nan], [0.6, 0.9, nan], [0.7, 0.8, 1.0]]
        >>> forgetting_last_row_included(R), forgetting(R)
        (0.05, 0.0)
    """
    values = as_matrix(R)
    # without an evaluation before the last row, forgetting is undefined
    missing = np.isnan(_column_maxima(values[:-1, :-1]))
    gaps = _column_maxima(values[:, :-1]) - values[-1, :-1]
    return _mean(np.where(missing, np.nan, gaps))


def backward_transfer(R: Matrix) -> float:
    """Backward transfer: mean over j < T-1 of R[T-1, j] - R[j, j].

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "BWT".

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [-1, 1]; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> backward_transfer([[0.9, float("nan")], [0.5, 0.8]])
        -0.4
    """
    values = as_matrix(R)
    return _mean(values[-1, :-1] - np.diagonal(values)[:-1])


def forward_transfer(R: Matrix, baseline: ArrayLike) -> float:
    """Forward transfer: mean over j >= 1 of R[j-1, j] - b_j.

    Source: Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), "FWT".

    Args:
        R: accuracy matrix, ``(T, T)``, including the entries just above the diagonal.
        baseline: ``(T,)`` fractions, b_j the accuracy on experience j at initialisation.

    Returns:
        A number in [-1, 1]; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix, or the baseline does not have shape ``(T,)``.

    Example:
        >>> forward_transfer([[0.9, 0.3], [0.5, 0.8]], baseline=[0.1, 0.1])
        0.2
    """
    values = as_matrix(R)
    start = _one_each(baseline, len(values), "baseline")
    return _mean(np.diagonal(values, offset=1) - start[1:])


def average_incremental_accuracy_by_images(R: Matrix, images: ArrayLike) -> float:
    """Average incremental accuracy, weighted by images: mean over i of sum_j n_j R[i, j] / sum_j n_j, j <= i.

    The mean over i of the fraction of the test images of all classes seen so far that are classified correctly, e.g.
    the "average accuracy" of PyCIL (Zhou et al. 2023, arXiv 2112.12533).

    Args:
        R: accuracy matrix, ``(T, T)``.
        images: n, ``(T,)``, number of test images of each experience, at least 1.

    Returns:
        A fraction; NaN if an entry of the lower triangle was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix, or there is not one number of images per experience.

    Example:
        >>> average_incremental_accuracy_by_images([[0.9, float("nan")], [0.5, 0.8]], [300, 100])
        0.7375
    """
    values = as_matrix(R)
    weights = np.tri(len(values)) * _numbers(images, len(values))
    correct = np.where(weights > 0, values * weights, 0.0).sum(axis=1)
    return _mean(correct / weights.sum(axis=1))


def forgetting_first_minus_last(R: Matrix) -> float:
    """Forgetting, first minus last: mean over j < T-1 of R[j, j] - R[T-1, j].

    The negative of the backward transfer; Avalanche prints it as forgetting. Never above :func:`forgetting` if the
    lower triangle was evaluated. Source: Carta et al. 2023 (arXiv 2302.01766).

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number in [-1, 1]; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> forgetting_first_minus_last([[0.9, float("nan")], [0.5, 0.8]])
        0.4
    """
    values = as_matrix(R)
    return _mean(np.diagonal(values)[:-1] - values[-1, :-1])


def relative_forgetting(R: Matrix) -> float:
    """Relative forgetting: mean over j < T-1 of (m_j - R[T-1, j]) / m_j.

    m_j is the largest R[l, j] with l < T-1. The share of the best accuracy that is lost: experiences with low and with
    high accuracy have equal weight. Defined here after Chaudhry et al. 2018 (arXiv 1801.10112), eq. 3, divided by its
    first term.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A number of at most 1, negative if accuracies improve; NaN if T = 1, a required entry was not evaluated, or the
        best accuracy on an experience is 0.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> relative_forgetting([[0.8, float("nan")], [0.6, 0.9]])
        0.25
    """
    values = as_matrix(R)
    best = _column_maxima(values[:-1, :-1])
    gaps = best - values[-1, :-1]
    return _mean(np.divide(gaps, best, out=np.full_like(gaps, np.nan), where=best != 0))


def stability(R: Matrix) -> float:
    """Stability: mean over j < T-1 of R[T-1, j].

    The final accuracy on all experiences but the last. Source: Sarfraz et al. 2022 (arXiv 2206.04016); their plasticity
    is :func:`learning_accuracy`.

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN if T = 1 or a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> stability([[0.9, float("nan")], [0.5, 0.8]])
        0.5
    """
    return _mean(as_matrix(R)[-1, :-1])


def stability_plasticity(R: Matrix) -> float:
    """Stability-plasticity trade-off: 2 S P / (S + P).

    The harmonic mean of the stability S and the learning accuracy P. Source: Sarfraz et al. 2022 (arXiv 2206.04016),
    "trade-off".

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN if T = 1, a required entry was not evaluated, or S + P = 0.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> stability_plasticity([[0.6, float("nan")], [0.3, 0.6]])
        0.4
    """
    S, P = stability(R), learning_accuracy(R)
    return 2 * S * P / (S + P) if S + P != 0 else float("nan")


def intransigence(R: Matrix, joint: ArrayLike) -> float:
    """Intransigence: mean over j of R*_j - R[j, j].

    R*_j is the accuracy on experience j of a jointly trained model. Source: Chaudhry et al. 2018 (arXiv 1801.10112),
    eq. 7. They train a joint model on experiences 0..j for each j; here a single model is trained on all experiences.

    Args:
        R: accuracy matrix, ``(T, T)``.
        joint: ``(T,)`` fractions, R*_j for each experience: the last row of a joint run's matrix.

    Returns:
        A number in [-1, 1]; NaN if a required entry was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix, or the reference does not have shape ``(T,)``.

    Example:
        >>> intransigence([[0.9, float("nan")], [0.5, 0.8]], joint=[0.9, 0.9])
        0.05
    """
    values = as_matrix(R)
    return _mean(_one_each(joint, len(values), "joint run") - np.diagonal(values))


def average_incremental_accuracy(R: Matrix) -> float:
    """Average incremental accuracy: mean over i of the mean over j <= i of R[i, j].

    Source: Rebuffi et al. 2017 (arXiv 1611.07725).

    Args:
        R: accuracy matrix, ``(T, T)``.

    Returns:
        A fraction; NaN if an entry of the lower triangle was not evaluated.

    Raises:
        ValueError: if R is not an accuracy matrix.

    Example:
        >>> average_incremental_accuracy([[0.9, float("nan")], [0.5, 0.8]])
        0.775
    """
    values = as_matrix(R)
    return _mean(np.array([_mean(values[i, : i + 1]) for i in range(len(values))]))


def _one_each(reference: ArrayLike, T: int, what: str) -> NDArray[np.float64]:
    values = np.asarray(reference, dtype=np.float64)
    if values.shape != (T,):
        raise ValueError(f"the {what} must have one accuracy per experience, shape ({T},); got {values.shape}")
    return values


def _numbers(images: ArrayLike, T: int) -> NDArray[np.float64]:
    """Numbers of images as an array, ``(T,)``, at least 1 each."""
    numbers = np.asarray(images, dtype=np.float64)
    if numbers.shape != (T,) or not (numbers >= 1).all():
        raise ValueError(f"images must hold {T} numbers of at least 1, one per experience; got {numbers.tolist()}")
    return numbers


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if values.size else float("nan")


def _column_maxima(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest evaluated entry per column, ``(rows, n)`` to ``(n,)``; NaN if there is none."""
    filled = np.where(np.isnan(values), -np.inf, values)
    maxima: NDArray[np.float64] = filled.max(axis=0, initial=-np.inf)
    return np.where(np.isneginf(maxima), np.nan, maxima)
