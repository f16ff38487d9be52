"""Correlation coefficients of many bootstrap samples, computed from sums over clusters.

A bootstrap sample consists of whole clusters. Its sums therefore follow from the sums within each cluster and the
number of times each cluster was drawn, without visiting single entries. W[d, c], shape ``(D, C)``, is the number of
times that sample d contains cluster c.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
_CANCELLATION = 1e-8
"""Relative size below which a variance computed as a difference of sums has lost half of its digits."""
_MAX_PRODUCTS = 2**15
"""Most products of two counts that are computed together; they fit into a cache."""


def rank_coefficients(W: Array, a: Array, b: Array, cluster: Indices, stratum: Indices) -> Array:
    """Spearman's coefficients, with entries ranked within stratum and sample.

    The rank of entry i minus 1/2 equals the number of smaller entries of the sample plus half the number of equal ones,
    i included: the sum over clusters c of W_c below[c, i]. Its mean over the n entries of a stratum is n / 2. Ranks are
    multiples of 1/2, so these sums are exact.

    Args:
        W: ``(D, C)``, cluster counts of each sample.
        a: ``(N,)`` numbers.
        b: ``(N,)`` numbers.
        cluster: ``(N,)``, cluster of each entry, 0..C-1.
        stratum: ``(N,)``, stratum of each entry, numbered from 0.

    Returns:
        ``(D,)``; NaN if a or b is constant within strata.
    """
    C = W.shape[1]
    below = [_below(z, cluster, stratum, C) for z in (a, b)]
    products = np.empty((3, C, C, C))
    for c in range(C):
        u, v = (each[:, cluster == c] for each in below)
        products[:, :, :, c] = u @ v.T, u @ u.T, v @ v.T
    folded, sizes = _folded(products), _counts(cluster, stratum, C)
    parts = [_rank_sums(part, folded, sizes) for part in np.array_split(W, 1 + W.size * C // _MAX_PRODUCTS)]
    sums, squares = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _ratios(sums.T - squares, np.stack([squares, squares]), 1e-12)


def _folded(products: Array) -> Array:
    """Sums of products[m, i, j, c] and products[m, j, i, c], ``(pairs i <= j, m C)``: W[d, i] W[d, j] is symmetric."""
    i, j = np.triu_indices(products.shape[1])
    both = (products + products.swapaxes(1, 2))[:, i, j] * np.where(i == j, 0.5, 1.0)[:, None]
    return np.asarray(np.moveaxis(both, 0, 1).reshape(len(i), -1))


def _rank_sums(W: Array, folded: Array, sizes: Array) -> tuple[Array, Array]:
    """Sums of W[d, i] W[d, j] W[d, c] products[m, i, j, c], ``(D, m)``, and squares of the mean ranks, ``(D,)``."""
    i, j = np.triu_indices(W.shape[1])
    inner = (W[:, i] * W[:, j]) @ folded
    n = W @ sizes
    return np.einsum("dmc,dc->dm", inner.reshape(len(W), -1, W.shape[1]), W), (n * n * n).sum(axis=1) / 4


def linear_coefficients(W: Array, a: Array, b: Array, cluster: Indices, stratum: Indices) -> Array:
    """Pearson's coefficients, centred within stratum and sample.

    Args:
        W: ``(D, C)``, cluster counts of each sample.
        a: ``(N,)`` numbers.
        b: ``(N,)`` numbers.
        cluster: ``(N,)``, cluster of each entry, 0..C-1.
        stratum: ``(N,)``, stratum of each entry, numbered from 0.

    Returns:
        ``(D,)``; NaN if a or b is constant within strata.
    """
    C, S = W.shape[1], int(stratum.max()) + 1
    sizes = np.bincount(stratum, minlength=S)
    u, v = (z - (np.bincount(stratum, z, S) / sizes)[stratum] for z in (a, b))
    n = W @ _counts(cluster, stratum, C)
    first, second = (W @ _counts(cluster, stratum, C, z) for z in (u, v))
    pairs = ((u, v, first, second), (u, u, first, first), (v, v, second, second))
    raw = [W @ np.bincount(cluster, p * q, C) for p, q, _, _ in pairs]
    mean_terms = [(p * q / np.where(n > 0, n, 1.0)).sum(axis=1) for _, _, p, q in pairs]
    sums = np.stack(raw) - np.stack(mean_terms)
    cancelled = (sums[1:] <= _CANCELLATION * np.stack(raw[1:])).any(axis=0)
    coefficients = _ratios(sums, np.stack(raw[1:]), _CANCELLATION)
    if cancelled.any():
        coefficients[cancelled] = _centred_per_sample(W[cancelled][:, cluster], a, b, stratum)
    return coefficients


def _centred_per_sample(weights: Array, a: Array, b: Array, stratum: Indices) -> Array:
    """Pearson's coefficients, each entry centred by its sample's means; weights are ``(D, N)``."""
    one_hot = np.eye(int(stratum.max()) + 1)[stratum]
    totals = weights @ one_hot
    u, v = (z - (weights * z) @ one_hot / np.where(totals > 0, totals, 1.0) @ one_hot.T for z in (a, b))
    sums = np.stack([(weights * p * q).sum(axis=1) for p, q in ((u, v), (u, u), (v, v))])
    return _ratios(sums, np.stack([(weights * z**2).sum(axis=1) for z in (a, b)]), 1e-24)


def _below(z: Array, cluster: Indices, stratum: Indices, C: int) -> Array:
    """Count, per cluster c and entry i, smaller entries of i's stratum; equal ones count 1/2.

    Returns:
        ``(C, N)``.
    """
    code = np.unique(z, return_inverse=True)[1].reshape(-1)
    levels = np.unique(stratum * (int(code.max()) + 1) + code, return_inverse=True)[1].reshape(-1)
    counts = _counts(cluster, levels, C)
    in_strata = _counts(cluster, stratum, C)
    before = np.cumsum(in_strata, axis=1) - in_strata
    smaller: Array = (np.cumsum(counts, axis=1) - counts / 2)[:, levels] - before[:, stratum]
    return smaller


def _counts(cluster: Indices, group: Indices, C: int, weights: Array | None = None) -> Array:
    """Number of entries (or sum of their weights) per cluster and group, ``(C, groups)``."""
    P = int(group.max()) + 1
    return np.bincount(cluster * P + group, weights, C * P).reshape(C, P).astype(np.float64)


def _ratios(sums: Array, sizes: Array, threshold: float) -> Array:
    """Covariance / sqrt(product of variances); NaN if a variance is <= threshold * sizes."""
    covariance, *variances = sums
    varies = (sums[1:] > threshold * sizes).all(axis=0)
    norms = np.prod([np.sqrt(np.where(varies, variance, 1.0)) for variance in variances], axis=0)
    return np.where(varies, np.clip(covariance / norms, -1, 1), np.nan)
