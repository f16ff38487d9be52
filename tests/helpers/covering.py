"""Products of parameters of which a covering subset is fast, and the rest slow."""

import pytest


def covering(cases):
    """Mark cases ``slow`` except for a subset in which every value of every column occurs.

    The subset is chosen greedily; among equally good cases, the one whose values are used least.

    Args:
        cases: tuples of hashable values, all of one length.

    Returns:
        The same cases in the same order, as parameters of ``pytest.mark.parametrize``.
    """
    cases = [tuple(case) for case in cases]
    missing = {value for case in cases for value in enumerate(case)}
    used = dict.fromkeys(missing, 0)
    fast = set()
    while missing:
        best = max(cases, key=lambda case: (len(missing & {*enumerate(case)}), -sum(used[v] for v in enumerate(case))))
        fast.add(best)
        missing.difference_update(enumerate(best))
        used.update({value: used[value] + 1 for value in enumerate(best)})
    return [pytest.param(*case, marks=[] if case in fast else pytest.mark.slow) for case in cases]
