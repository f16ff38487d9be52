"""Interpolation between slow and fast weights, with a fixed or an adaptive factor."""

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def interpolate(
    params: Sequence[Tensor], slow: Sequence[Tensor], alpha: float | str, first: Sequence[Tensor]
) -> list[Tensor | float]:
    """Replace the fast weights, held by the parameters, by slow + alpha (fast - slow), in place.

    Args:
        params: parameters, holding the fast weights.
        slow: one tensor per parameter, of its shape.
        alpha: a number in (0, 1], ``"adaptive"`` (for each tensor) or ``"adaptive-global"`` (one for all).
        first: for an adaptive alpha, the displacement of the fast weights after the first inner step.

    Returns:
        The factors used: one, or one per tensor with ``"adaptive"``.
    """
    if not isinstance(alpha, str):
        if alpha != 1:
            torch._foreach_lerp_(list(params), list(slow), 1 - alpha)
        return [alpha]
    torch._foreach_sub_(list(params), list(slow))
    if alpha == "adaptive":
        alphas = [adaptive_alpha(a, p) for a, p in zip(first, params, strict=True)]
    else:
        alphas = [(_cosine(first, params) + 1) / 2]
    for p, a in zip(params, alphas if alpha == "adaptive" else alphas * len(params), strict=True):
        p.mul_(a.to(p.device))
    torch._foreach_add_(list(params), list(slow))
    return list(alphas)


def adaptive_alpha(first: Tensor, last: Tensor) -> Tensor:
    """Interpolation factor (cos + 1) / 2, cos the cosine between two displacements of the fast weights.

    Mordido et al. 2024 (arXiv 2307.16704). With ``"adaptive"`` it is taken tensor by tensor, as in the authors' code,
    with ``"adaptive-global"`` once over all parameters together. Their code bounds both norms from below at 1e-8,
    which distorts the cosine of very small steps; here the cosine does not depend on the length of the steps.

    Args:
        first: displacement from the slow weights after the first inner step.
        last: the same after the k-th inner step.

    Returns:
        A scalar tensor in [0, 1]; 1/2 if a displacement is zero.
    """
    return (_cosine([first], [last]) + 1) / 2


def _cosine(first: Sequence[Tensor], last: Sequence[Tensor]) -> Tensor:
    """Cosine between two lists of tensors as two long vectors of any length; 0 if one is zero."""
    device, dtype = first[0].device, first[0].dtype.to_real()
    pairs = [(_flat(f), _flat(g)) for f, g in zip(first, last, strict=True) if f.numel()]
    products, tiny = torch.zeros(3, device=device, dtype=dtype), torch.finfo(dtype).tiny
    # scaled to a largest entry of 1, so that not all squares underflow
    sizes = [torch.stack([t.abs().amax().to(device) for t in ts]).amax() for ts in zip(*pairs, strict=True)]
    scales = [1 / size.clamp_min(tiny) for size in sizes]
    for f, g in pairs:
        f, g = f * scales[0].to(f.device), g * scales[1].to(g.device)
        products += torch.stack([torch.dot(f, g), torch.dot(f, f), torch.dot(g, g)]).to(device)
    cosine: Tensor = products[0] / (products[1] * products[2]).sqrt().clamp_min(tiny)
    return cosine.clamp(-1, 1)


def _flat(tensor: Tensor) -> Tensor:
    """A tensor as a vector of real numbers, a sharded one gathered."""
    if hasattr(tensor, "full_tensor"):
        tensor = tensor.full_tensor()
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).flatten()
