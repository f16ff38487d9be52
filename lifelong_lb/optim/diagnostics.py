"""Records of the passes of a step: losses, gradient norms, distances, interpolation factors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lifelong_lb.optim.checks import at_least_one
from lifelong_lb.optim.weights import copied, dot, global_norm

NAN = float("nan")


class Diagnostics:
    """Records every pass of every n-th step of an update rule. Set it as a rule's ``observer``.

    One row per pass, for ``pandas.DataFrame(diagnostics.rows)``:

    - ``step``: number of the step, from 0; ``pass``: number of the pass within it, from 0.
    - ``loss``: the minibatch's loss at the weights of the pass; minus the loss of pass 0 it is the rise within the
      rho ball.
    - ``gradient_norm``: Euclidean norm of the gradient there, over all parameters together.
    - ``distance``: Euclidean distance of these weights from those of pass 0.
    - ``cosine``: between this gradient and that of the pass before; NaN for pass 0 or a zero gradient.
    - ``alpha``, ``alpha_min``, ``alpha_max``: mean and range of the interpolation factors that ended the step; NaN
      without interpolation.

    A recorded step costs a copy of the weights, a copy of the gradients and a few operations on them.

    Args:
        every: record steps 0, every, 2 every, ...; >= 1.

    Attributes:
        rows: rows recorded so far.
        place: entries added to each following row, such as the experience.

    Raises:
        ValueError: if ``every`` is not a whole number >= 1.

    Example:
        SAM on f(w) = w^2 / 2 from w = 1 climbs from 1 to 1.5, where the gradient is 1.5:

        >>> from lifelong_lb.optim import SAM
        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (w**2 / 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> rule = SAM(rho=0.5)
        >>> rule.observer = diagnostics = Diagnostics()
        >>> loss = rule.step(optimizer, closure)
        >>> [(row["pass"], row["loss"], row["gradient_norm"], row["distance"]) for row in diagnostics.rows]
        [(0, 0.5, 1.0, 0.0), (1, 1.125, 1.5, 0.5)]
    """

    def __init__(self, every: int = 1) -> None:
        self.every = at_least_one("every", every)
        self.rows: list[dict[str, float]] = []
        self.place: dict[str, float] = {}
        self._step = -1
        self._passes = 0
        self._start: list[Tensor] = []
        self._gradient: list[Tensor] = []

    def begin(self, params: Sequence[Tensor]) -> None:
        """Start a step; the parameters hold the weights of its first pass.

        Args:
            params: trainable parameters.
        """
        self._step += 1
        self._passes = 0
        self._start = copied(params) if self._step % self.every == 0 else []

    @torch.no_grad()
    def passed(self, params: Sequence[Tensor], loss: Tensor | float | None) -> None:
        """Record a pass, whose gradient is in ``.grad``.

        Args:
            params: trainable parameters, at the weights of the pass.
            loss: the loss there, if known.
        """
        if not self._start:
            return
        gradient = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in params]
        norm = float(global_norm(gradient))
        before, self._gradient = self._gradient, gradient
        away = torch._foreach_sub([p.detach() for p in params], self._start)
        self.rows.append({
            "step": self._step,
            **self.place,
            "pass": self._passes,
            "loss": NAN if loss is None else float(torch.as_tensor(loss).detach()),
            "gradient_norm": norm,
            "distance": float(global_norm(away)),
            "cosine": _cosine(before, gradient, norm) if self._passes else NAN,
            "alpha": NAN,
            "alpha_min": NAN,
            "alpha_max": NAN,
        })
        self._passes += 1

    def interpolated(self, alphas: Sequence[Tensor | float]) -> None:
        """Record an interpolation between slow and fast weights.

        Args:
            alphas: interpolation factors, one for all tensors or one per tensor.
        """
        if not self._start:
            return
        used = [float(alpha) for alpha in alphas]
        factors = {"alpha": sum(used) / len(used), "alpha_min": min(used), "alpha_max": max(used)}
        for row in self.rows[len(self.rows) - self._passes :]:
            row.update(factors)


def _cosine(first: Sequence[Tensor], second: Sequence[Tensor], second_norm: float) -> float:
    norms = float(global_norm(first)) * second_norm
    return float(dot(first, second)) / norms if norms else NAN
