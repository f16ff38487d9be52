"""The one error a user's mistake leads to, and the help that goes with it."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Input that cannot be used.

    The message says what must hold, what came, and the nearest valid choice. The command line prints it without
    a traceback and exits with code 2.
    """


def unknown_name(what: str, came: object, known: Iterable[str]) -> str:
    """Sentence about a name that is not among the known ones, with the nearest one suggested.

    Args:
        what: kind of thing that is named, such as ``"rule"``.
        came: what the user wrote.
        known: the names that would have been right.

    Returns:
        One sentence.

    Example:
        >>> unknown_name("rule", "lookbehnd-sam", ["sam", "lookbehind-sam"])
        "unknown rule 'lookbehnd-sam'; did you mean 'lookbehind-sam'? (known: sam, lookbehind-sam)"
        >>> unknown_name("strategy", "derpp", ["der", "der++"])
        "unknown strategy 'derpp'; did you mean 'der++'? (known: der, der++)"
        >>> unknown_name("key", "x", ["rho"])
        "unknown key 'x' (known: rho)"
    """
    names = list(known)
    spelt = {name.replace("+", "p"): name for name in names}
    near = get_close_matches(str(came).lower().replace("_", "-").replace("+", "p"), spelt, n=1, cutoff=0.5)
    hint = f"; did you mean '{spelt[near[0]]}'?" if near else ""
    return f"unknown {what} {came!r}{hint} (known: {', '.join(names)})"
