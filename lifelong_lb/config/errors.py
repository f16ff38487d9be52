"""The one error a user's mistake leads to, and the help that goes with it."""

from collections.abc import Iterable
from difflib import get_close_matches

SYNONYMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("learning_rate", "learningrate", "step_size", "eta", "alpha"), ("lr",)),
    **dict.fromkeys(("batch", "batchsize", "minibatch", "minibatch_size", "bs"), ("batch_size",)),
    **dict.fromkeys(("n_epochs", "num_epochs", "train_epochs"), ("epochs",)),
    **dict.fromkeys(("memory_size", "memory", "buffer", "buffer_size"), ("mem_size",)),
    **dict.fromkeys(("replay_batch_size", "memory_batch_size"), ("batch_size_mem",)),
    **dict.fromkeys(("lambda", "lamb", "reg", "strength"), ("ewc_lambda", "si_lambda", "lambda_reg", "lamb", "alpha")),
    **dict.fromkeys(("radius", "epsilon", "neighborhood"), ("rho",)),
    **dict.fromkeys(("steps", "inner_steps", "n_steps"), ("k",)),
    **dict.fromkeys(("wd", "l2"), ("weight_decay",)),
    **dict.fromkeys(("tasks", "n_tasks", "num_tasks", "n_experiences"), ("experiences",)),
    **dict.fromkeys(("methods", "method"), ("strategies",)),
    **dict.fromkeys(("datasets", "dataset", "benchmark"), ("streams",)),
    **dict.fromkeys(("hidden_sizes", "layers"), ("hidden",)),
}
"""What other programs call a setting, and what it may be called here; the first that the entry at hand has counts."""


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
        >>> unknown_name("key", "learning_rate", ["name", "lr", "nesterov"])
        "unknown key 'learning_rate'; did you mean 'lr'? (known: name, lr, nesterov)"
        >>> unknown_name("key", "x", ["rho"])
        "unknown key 'x' (known: rho)"
    """
    names = list(known)
    meant = [name for name in SYNONYMS.get(str(came).lower().replace("-", "_"), ()) if name in names]
    spelt = {name.replace("+", "p"): name for name in names}
    near = get_close_matches(str(came).lower().replace("_", "-").replace("+", "p"), spelt, n=1, cutoff=0.5)
    meant += [spelt[name] for name in near]
    hint = f"; did you mean '{meant[0]}'?" if meant else ""
    return f"unknown {what} {came!r}{hint} (known: {', '.join(names)})"
