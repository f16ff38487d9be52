"""Products of parameters of which a covering subset is fast, and the rest slow."""

import pytest


def covering(cases, by=lambda *case: case):
    """Mark cases ``slow`` except for a subset in which every value of every column occurs.

    The subset is chosen greedily; among equally good cases, the one whose values are used least.

    Args:
        cases: tuples of parameters.
        by: maps a case to the columns to cover, hashable values; by default its parameters.

    Returns:
        The same cases in the same order, as parameters of ``pytest.mark.parametrize``.
    """
    cases = [tuple(case) for case in cases]
    columns = [{*enumerate(by(*case))} for case in cases]
    missing = set.union(*columns)
    used = dict.fromkeys(missing, 0)
    fast = set()
    while missing:
        best = max(range(len(cases)), key=lambda i: (len(missing & columns[i]), -sum(map(used.get, columns[i]))))
        fast.add(best)
        missing -= columns[best]
        used.update({value: used[value] + 1 for value in columns[best]})
    return [pytest.param(*case, marks=[] if i in fast else pytest.mark.slow) for i, case in enumerate(cases)]
