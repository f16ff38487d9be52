"""Gradient episodic memory without an additional solver."""

from typing import Any

import numpy as np
import torch
from avalanche.training.plugins import GEMPlugin
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from lifelong_lb.strategies.methods.patches.version import check_version


class GEM(GEMPlugin):
    """Avalanche's plugin, its quadratic program solved by SciPy.

    avalanche-lib 0.6.0 uses the solver quadprog of qpsolvers, which is not a dependency: the first projection
    raises an error.

    Args:
        patterns_per_experience: images kept of each experience.
        memory_strength: lower bound of the multipliers (gamma in the paper).
    """

    def __init__(self, patterns_per_experience: int, memory_strength: float) -> None:
        check_version("GEMPlugin")
        super().__init__(patterns_per_experience, memory_strength)

    def solve_quadprog(self, g: Tensor) -> Tensor:
        """Project a gradient.

        Args:
            g: the gradient, ``(P,)``.

        Returns:
            The projected gradient, ``(P,)``.
        """
        G = self.G.cpu().double().numpy()
        multipliers = dual_solution(G, g.cpu().double().numpy(), self.memory_strength)
        return torch.from_numpy(multipliers @ G).to(g) + g


def dual_solution(G: Any, g: Any, margin: float) -> Any:
    """Solve GEM's dual program: the v >= margin that minimises v P v / 2 + (G g) v, with P = G G^T + I / 1000.

    Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), eq. 11, with the ridge of the authors' code. With P = L L^T and
    u = v - margin it is the non-negative least-squares problem of || L^T u + L^-1 (G g + P margin) ||.

    Args:
        G: reference gradients, float64 ``(experiences, P)``.
        g: the gradient, float64 ``(P,)``.
        margin: lower bound of each multiplier.

    Returns:
        float64 ``(experiences,)``.

    Example:
        A gradient (1, 0) against one reference (-1, 0): the multiplier that cancels it, but for the ridge.

        >>> float(dual_solution(np.array([[-1.0, 0.0]]), np.array([1.0, 0.0]), 0.0)[0])
        0.999
    """
    P = G @ G.T + 1e-3 * np.eye(len(G))
    lower = np.linalg.cholesky(P)
    target = -solve_triangular(lower, G @ g + P @ np.full(len(G), margin), lower=True)
    return nnls(lower.T, target)[0] + margin
