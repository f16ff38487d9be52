"""Lookbehind: k ascent steps behind, a descent step with each gradient met on the way, then one interpolation."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.ascent import ASAMAscent, Ascent, SAMAscent
from lifelong_lb.optim.checks import at_least_one, interpolation
from lifelong_lb.optim.rule import Closure, Finish, Names, UpdateRule, trainable
from lifelong_lb.optim.weights import copied, evaluate, holding, load, perturb, with_gradient


class _Lookbehind(UpdateRule):
    """Lookbehind over any ascent step.

    From slow = fast = p = w, for i = 1..k on one minibatch: p <- p + e(g(p)), then fast <- base(fast, g(p)); at the
    end w <- slow + alpha (fast - slow). The ascent gradient of step i + 1 is the descent gradient of step i, taken at
    the same weights on the same data, so k + 1 passes do the work of 2k. (With dropout the two would differ in their
    masks; running BatchNorm statistics see k + 1 passes instead of 2k.)

    During a step two copies are held beside the weights themselves, which are the fast ones: the slow weights and p;
    for an adaptive alpha with k > 1 the first fast weights too. When a pass raises, the weights are restored; inner
    steps that the base optimizer has taken by then stay in its momentum.
    """

    def __init__(self, ascent: Ascent, k: int, alpha: float | str) -> None:
        self._ascent = ascent
        self.uses_names = ascent.uses_names
        self.k = at_least_one("k", k)
        self.alpha = interpolation("alpha", alpha)

    @property
    def gradient_evaluations(self) -> float:
        """Passes at w and at each of the k perturbed points: k + 1."""
        return self.k + 1

    def before_base_step(self, optimizer: Optimizer, closure: Closure, names: Names | None = None) -> Finish:
        """Take all k ascent steps and the first k - 1 descent steps.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the minibatch at the current weights.
            names: names of the parameters, where known.

        Returns:
            A function that interpolates between slow and fast weights.
        """
        params = trainable(optimizer)
        if not with_gradient(params):
            return lambda: None
        slow, point = copied(params), copied(params)
        first = slow
        try:
            with holding(params, point):
                self._climb(params, names)
                evaluate(closure)
            for i in range(1, self.k):
                with holding(params, point):
                    self._climb(params, names)  # before the base step, which may change gradients in place
                optimizer.step()
                if i == 1 and isinstance(self.alpha, str):
                    first = copied(params)
                with holding(params, point):
                    evaluate(closure)
        except BaseException:
            load(params, slow)
            raise
        return lambda: self._interpolate(params, slow, first)

    def _climb(self, params: Sequence[Tensor], names: Names | None) -> None:
        graded = with_gradient(params)
        if graded:
            perturb(graded, self._ascent(graded, names))

    @torch.no_grad()
    def _interpolate(self, params: Sequence[Tensor], slow: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        """From the fast weights, which the parameters hold, to slow + alpha (fast - slow)."""
        if isinstance(self.alpha, str):
            if self.k == 1:  # the first displacement is the last: cosine 1, alpha 1
                return
            firsts, lasts = torch._foreach_sub(list(first), list(slow)), torch._foreach_sub(list(params), list(slow))
            for p, s, alpha in zip(params, slow, _alphas(self.alpha, firsts, lasts), strict=True):
                p.lerp_(s, 1 - alpha.to(p.device))
        elif self.alpha != 1:
            torch._foreach_lerp_(list(params), list(slow), 1 - self.alpha)


def _alphas(how: str, firsts: Sequence[Tensor], lasts: Sequence[Tensor]) -> list[Tensor]:
    if how == "adaptive":
        return [adaptive_alpha(first, last) for first, last in zip(firsts, lasts, strict=True)]
    device = firsts[0].device
    together = (torch.cat([d.flatten().to(device) for d in displacements]) for displacements in (firsts, lasts))
    return [adaptive_alpha(*together)] * len(firsts)


def adaptive_alpha(first: Tensor, last: Tensor) -> Tensor:
    """Interpolation factor (cos + 1) / 2, cos the cosine between two displacements of the fast weights.

    Mordido et al. 2024 (arXiv 2307.16704). With ``"adaptive"`` it is taken tensor by tensor, as in the authors' code,
    with ``"adaptive-global"`` once over all parameters together. Their code bounds both norms from below at 1e-8 within
    the cosine, which bends it for very small steps; here the length of the steps does not matter.

    Args:
        first: displacement from the slow weights after the first inner step.
        last: the same after the k-th inner step.

    Returns:
        A scalar tensor in [0, 1]; 1/2 where a displacement is zero.
    """
    cosine = torch.sum(_direction(first) * _direction(last))
    return (cosine.clamp(-1, 1) + 1) / 2


def _direction(displacement: Tensor) -> Tensor:
    """A displacement at unit length, however short it was; zero stays zero."""
    tiny = torch.finfo(displacement.dtype).tiny
    largest_one = displacement / displacement.abs().max().clamp_min(tiny)
    unit: Tensor = largest_one / torch.linalg.vector_norm(largest_one).clamp_min(tiny)
    return unit


class LookbehindSAM(_Lookbehind):
    """Lookbehind-SAM: k SAM ascent steps behind, one interpolated step forward.

    Mordido et al. 2024, "Lookbehind-SAM: k steps back, 1 step forward", arXiv 2307.16704, algorithm 1. k = 1 with
    alpha = 1 is SAM.

    Args:
        rho: radius of each ascent step, >= 0.
        k: number of inner steps, >= 1.
        alpha: interpolation factor in (0, 1], ``"adaptive"`` (for each tensor) or ``"adaptive-global"`` (one for all):
            see :func:`adaptive_alpha`.

    Raises:
        ValueError: for a hyper-parameter outside its range.

    Example:
        One step on f(w) = w^2 / 2 from w = 1 with learning rate 0.1: p_1 = 1.5, fast_1 = 1 - 0.15 = 0.85, p_2 = 2,
        fast_2 = 0.85 - 0.2 = 0.65, and half-way back to the slow weight, 0.825.

        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (w**2 / 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> loss = LookbehindSAM(rho=0.5, k=2, alpha=0.5).step(optimizer, closure)
        >>> round(loss.item(), 6), round(w.item(), 6)
        (0.5, 0.825)
    """

    def __init__(self, *, rho: float = 0.05, k: int = 5, alpha: float | str = 0.5) -> None:
        super().__init__(SAMAscent(rho), k, alpha)


class LookbehindASAM(_Lookbehind):
    """Lookbehind-ASAM: :class:`LookbehindSAM` with ASAM's ascent, scaled at the weights where each gradient is taken.

    Mordido et al. 2024, arXiv 2307.16704, algorithm 1 over Kwon et al. 2021, arXiv 2102.11600.

    Args:
        rho: radius of each ascent step, >= 0.
        eta: added to the weights' size, > 0.
        k: number of inner steps, >= 1.
        alpha: interpolation factor in (0, 1], ``"adaptive"`` (for each tensor) or ``"adaptive-global"`` (one for all):
            see :func:`adaptive_alpha`.

    Raises:
        ValueError: for a hyper-parameter outside its range.
    """

    def __init__(self, *, rho: float = 0.5, eta: float = 0.01, k: int = 5, alpha: float | str = 0.5) -> None:
        super().__init__(ASAMAscent(rho, eta), k, alpha)
