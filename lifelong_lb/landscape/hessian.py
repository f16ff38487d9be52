"""Curvature: the largest eigenvalues and the trace of the Hessian, from products with vectors alone."""

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
    """The k largest eigenvalues of the Hessian of the loss over all trainable parameters, by Lanczos' method.

    scipy's implicitly restarted Lanczos (ARPACK) over Hessian-vector products; each takes a pass and its double
    backward. Networks with ReLU have the Hessian of the piece the weights are in.

    Args:
        model: left exactly as it is; used in eval mode.
        batches: images and labels, all in one loss.
        loss: mean over a batch.
        k: number of eigenvalues, >= 1 and below the number of parameters.
        generator: draws the first vector; the eigenvalues do not depend on it beyond the tolerance.
        tolerance: relative error allowed, > 0.

    Returns:
        ``(k,)``, the largest (not the largest in size) first, in units of the loss over those of the weights squared;
        NaN for what did not converge and where the Hessian is not finite.

    Raises:
        ValueError: for a setting outside its range.
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
        return np.zeros(k)  # a direction drawn at random that has no curvature: none has
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
    """The trace of the Hessian by Hutchinson's estimator: the mean of v . H v over vectors v of random signs.

    Unbiased; its variance is 2 sum over i != j of H_ij^2 a draw, so that it is exact for a diagonal Hessian.
    Hutchinson 1989, doi 10.1080/03610918908812806.

    Args:
        model: left exactly as it is; used in eval mode.
        batches: images and labels, all in one loss.
        loss: mean over a batch.
        draws: number of vectors, >= 1.
        generator: draws them.

    Returns:
        The estimate, in units of the loss over those of the weights squared, and its standard error (sample standard
        deviation over root of draws; NaN for one draw).

    Raises:
        ValueError: for a setting outside its range.
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
