"""Several ascent steps, one on top of the other."""

from torch import Tensor

from lifelong_lb.optim.ascent import Ascent
from lifelong_lb.optim.minibatch import Minibatch
from lifelong_lb.optim.weights import moved, perturb


def first_point(minibatch: Minibatch, ascent: Ascent) -> list[Tensor]:
    """Where an ascent step leads, from the weights that the parameters hold.

    Args:
        minibatch: its gradient taken.
        ascent: the kind of step.

    Returns:
        One tensor for each of the minibatch's parameters, sharing no memory with it; a copy of the parameter where
        there is no gradient.
    """
    graded = minibatch.graded
    led = dict(zip(graded, moved(graded, *ascent(minibatch, graded)), strict=True)) if graded else {}
    return [led[p] if p in led else p.detach().clone() for p in minibatch.params]


def climb_further(minibatch: Minibatch, ascent: Ascent) -> None:
    """Take an ascent step in place.

    Args:
        minibatch: its gradient taken, at the weights that the parameters hold.
        ascent: the kind of step.
    """
    graded = minibatch.graded
    if graded:
        perturb(graded, *ascent(minibatch, graded))
