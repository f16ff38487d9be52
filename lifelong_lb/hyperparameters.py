"""Ranges of hyper-parameters, each declared once for study files and for constructors in Python.

Defaults are in the signatures of the constructors and in the entries of ``config``; a test compares them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args


@dataclass(frozen=True)
class Range:
    """Numbers allowed for a hyper-parameter, and names allowed instead of a number.

    Attributes:
        low: minimum.
        high: maximum, infinity for none.
        above: whether the minimum itself is not allowed.
        below: whether the maximum itself is not allowed.
        whole: whether only whole numbers are allowed.
        names: strings allowed instead of a number.
    """

    low: float
    high: float = math.inf
    above: bool = False
    below: bool = False
    whole: bool = False
    names: tuple[str, ...] = ()

    def __contains__(self, value: object) -> bool:
        """Whether a value is allowed; booleans, infinities and NaN are not."""
        if isinstance(value, str):
            return value in self.names
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below or self.high == math.inf else value <= self.high
        )

    def __str__(self) -> str:
        """Text of a message.

        Returns:
            The words after ``must be``.

        Example:
            >>> str(Range(0)), str(Range(0, 1, above=True)), str(Range(0, 9, whole=True))
            ('a finite number >= 0', 'a number in (0, 1]', 'a whole number from 0 to 9')
            >>> str(Range(0, 1, below=True, names=("auto", "best")))
            "a number in [0, 1), 'auto' or 'best'"
        """
        low, high = _text(self.low), _text(self.high)
        if self.high == math.inf:
            text = f"a {'whole' if self.whole else 'finite'} number {'>' if self.above else '>='} {low}"
        elif self.whole:
            text = f"a whole number from {low} to {high}"
        else:
            text = f"a number in {'(' if self.above else '['}{low}, {high}{')' if self.below else ']'}"
        return alternatives([text, *map(repr, self.names)])


def alternatives(words: Sequence[str]) -> str:
    """Join words for a message.

    Args:
        words: at least one.

    Returns:
        E.g. ``a, b or c``.
    """
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _text(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


NON_NEGATIVE = Range(0)
POSITIVE = Range(0, above=True)
AT_LEAST_ONE = Range(1, whole=True)
AT_LEAST_TWO = Range(2, whole=True)
WHOLE_NUMBER = Range(0, whole=True)
FRACTION = Range(0, 1, below=True)
OPEN_FRACTION = Range(0, 1, above=True, below=True)
UNIT_INTERVAL = Range(0, 1)
SHARE = Range(0, 1, above=True)

RHO = NON_NEGATIVE
"""Radius of an ascent step, of all rules that ascend; ``rho`` of GAM and C-Flat, and ``rho_prime`` of GAM."""
ETA = POSITIVE
"""Added to the absolute weights by ASAM's ascent."""
STEPS = AT_LEAST_ONE
"""``k``: number of steps, of ascent, of inner steps, or between two ascents."""
INTERPOLATION = SHARE
"""``alpha`` of Lookahead: fraction of the way from the slow to the fast weights."""
AdaptiveAlpha = Literal["adaptive", "adaptive-global"]
ADAPTIVE_INTERPOLATION = replace(INTERPOLATION, names=get_args(AdaptiveAlpha))
"""``alpha`` of Lookbehind: as of Lookahead, or computed from the steps, per tensor or for all tensors together."""
GSAM_ALPHA = NON_NEGATIVE
"""Weight of the component of the gradient that is orthogonal to the perturbed one."""
LOOKSAM_ALPHA = POSITIVE
"""Size of the reused direction, relative to the gradient."""
SIGMA = NON_NEGATIVE
"""Weight of the running mean that Friendly SAM subtracts from the gradient."""
DECAY = FRACTION
"""Decay of Friendly SAM's running mean."""
GAM_ALPHA = UNIT_INTERVAL
GAM_BETA = UNIT_INTERVAL
GAM_GAMMA = NON_NEGATIVE
"""Weights of GAM's gradients, see :class:`lifelong_lb.optim.GAM`."""
LAMB = NON_NEGATIVE
"""Weight of C-Flat's first-order flatness."""
LEVEL = NON_NEGATIVE
STEEPNESS = NON_NEGATIVE
MIDPOINT = NON_NEGATIVE
RATE = UNIT_INTERVAL
"""Threshold of C-Flat++ on the norm of the gradient, see :class:`lifelong_lb.optim.CFlatPlus`."""

NEWTON_SCHULZ_STEPS = Range(1, 99, whole=True)
"""Iterations by which Muon orthogonalises a matrix."""
MuonAdjustment = Literal["original", "match_rms_adamw"]
"""``adjust_lr`` of Muon: scale of its steps with the shape of a matrix."""

MultistepGradient = Literal["last", "mean"]
"""``gradient`` of Multistep-SAM and -ASAM: that of the last perturbed point, or the mean over all of them."""
FriendlyAverage = Literal["updated", "previous"]
"""``average`` of Friendly SAM: the running mean after or before its update by the current gradient."""
BatchNormUpdates = Literal["first", "all", "recomputed"]
"""``batch_norm`` of all rules: the passes that update BatchNorm's running statistics."""
DropoutMasks = Literal["same", "fresh"]
"""``dropout`` of all rules: whether the passes of a step share their masks."""
