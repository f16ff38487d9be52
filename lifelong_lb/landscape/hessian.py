"""Largest eigenvalues and trace of the Hessian, from Hessian-vector products."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifelong_lb.landscape.surface import Batch, Loss, Surface
from lifelong_lb.optim.checks import at_least_one, positive

_MAX_RESTARTS = 200


def hessian_eigenvalues(
    model: nn.Module,
    batches: Sequence[Batch],
    loss: Loss,
    *,
    k: int = 1,
    generator: torch.Generator,
    tolerance: float = 1e-3,
) -> NDArray[np.float64]:
    """Compute the k largest eigenvalues of the Hessian of the loss by the Lanczos method.

    The Hessian is that over all trainable parameters. Uses scipy's implicitly restarted Lanczos method (ARPACK) with
    Hessian-vector products, each of which takes one forward and two backward passes. For a ReLU network it is the
    Hessian of the smooth piece that contains the weights.

    Args:
        model: called in eval mode; not modified.
        batches: images and labels; the loss is the mean over all of them.
        loss: maps output and labels to the mean loss over a batch.
        k: number of eigenvalues, >= 1 and below the number of parameters.
        generator: draws the start vector; eigenvalues for different start vectors agree within the tolerance.
        tolerance: allowed relative error, > 0.

    Returns:
        ``(k,)``, algebraically largest first, in units of loss / weight^2; NaN for eigenvalues that did not converge,
        or if the Hessian is not finite.

    Raises:
        ValueError: for an argument out of range.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    surface = Surface(model, batches, loss)
    size = sum(w.numel() for w in surface.weights)
    if at_least_one("k", k) >= size:
        raise ValueError(f"k must be below the number of trainable parameters, {size}; got {k}")
    start = torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return _flatten(surface.hessian_vector_product(surface.weights, _unflatten(vector, surface.weights)))

    eigenvalues = np.full(k, np.nan)
    curvature = product(start)
    if not np.isfinite(curvature).all():
        return eigenvalues
    if not curvature.any():
        # H v = 0 for a random v implies H = 0 almost surely
        return np.zeros(k)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    relative_error = positive("tolerance", tolerance)
    try:
        values = eigsh(
            operator, k, which="LA", v0=start, tol=relative_error, maxiter=_MAX_RESTARTS, return_eigenvectors=False
        )
    except ArpackNoConvergence as error:
        values = error.eigenvalues
    eigenvalues[: len(values)] = np.sort(values)[::-1]
    return eigenvalues


def hessian_trace(
    model: nn.Module, batches: Sequence[Batch], loss: Loss, *, draws: int = 10, generator: torch.Generator
) -> tuple[float, float]:
    """Estimate the trace of the Hessian by Hutchinson's method, mean over v of v . H v.

    The entries of v are random signs. The estimator is unbiased with variance 2 sum over i != j of H_ij^2 per draw, so
    it is exact for a diagonal Hessian. Hutchinson 1989, doi 10.1080/03610918908812806.

    Args:
        model: called in eval mode; not modified.
        batches: images and labels; the loss is the mean over all of them.
        loss: maps output and labels to the mean loss over a batch.
        draws: number of vectors, >= 1.
        generator: draws the vectors.

    Returns:
        The estimate, in units of loss / weight^2, and its standard error (sample standard deviation / sqrt(draws); NaN
        for one draw).

    Raises:
        ValueError: for an argument out of range.
    """
    surface = Surface(model, batches, loss)
    estimates = []
    for _ in range(at_least_one("draws", draws)):
        signs = [_signs(w, generator) for w in surface.weights]
        product = surface.hessian_vector_product(surface.weights, signs)
        estimates.append(sum(float((v * h).sum()) for v, h in zip(signs, product, strict=True)))
    error = float(np.std(estimates, ddof=1) / draws**0.5) if draws > 1 else float("nan")
    return float(np.mean(estimates)), error


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    bits = torch.randint(0, 2, like.shape, generator=generator, device=generator.device)
    return (2 * bits - 1).to(like)


def _flatten(tensors: Sequence[Tensor]) -> NDArray[np.float64]:
    flat: NDArray[np.float64] = torch.cat([t.detach().reshape(-1).double().cpu() for t in tensors]).numpy()
    return flat


def _unflatten(vector: NDArray[np.float64], tensors: Sequence[Tensor]) -> list[Tensor]:
    parts = torch.split(torch.from_numpy(vector.reshape(-1)), [t.numel() for t in tensors])
    return [part.reshape(t.shape).to(t) for part, t in zip(parts, tensors, strict=True)]
