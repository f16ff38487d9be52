"""UserError, and suggestions for misspelt names."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from lifelong_lb.untrusted import QUOTED_CHARACTERS, printable, quoted, shortened

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
"""Common names of a setting in other programs to its names here; the first one that the entry has is suggested."""

COMMAND_LINE: dict[str, str] = {
    **dict.fromkeys(("device", "gpu", "gpus", "cuda"), "--device cuda"),
    **dict.fromkeys(("workers", "num_workers", "n_workers", "jobs", "n_jobs"), "--workers 4"),
    **dict.fromkeys(("out", "output", "out_dir", "output_dir", "results"), "--out results/first"),
    **dict.fromkeys(("data", "data_dir", "data_root"), "--data DIR"),
    "executor": "--executor slurm",
    "download": "--download",
    "retry": "--retry failed",
    **dict.fromkeys(("timeout", "time_limit"), "--timeout 2h"),
    **dict.fromkeys(("checkpoint_every", "checkpoint", "checkpoints"), "--checkpoint-every 60"),
    **dict.fromkeys(("logger", "loggers"), "--logger tensorboard"),
    "slurm": "--slurm partition=gpu",
    "runs_per_job": "--runs-per-job 4",
    "gpus_per_run": "--gpus-per-run 0.5",
    "json": "--json",
    "columns": "--columns forgetting,train_seconds",
    "explain": "--explain",
    "estimate": "--estimate",
}
"""Keys that are command-line options, not keys of a study file, to an example of the option."""

MAX_COMPARED = 1000
"""Number of known names that are searched for the closest one."""
MAX_NAMED = 60
"""Number of known names that a message lists."""


class UserError(ValueError):
    """Invalid user input.

    The message states the requirement, the value and the nearest valid choice. The command line prints it without a
    traceback and exits with code 2.

    Attributes:
        key: key of a stream's entry that is at fault; None if unknown.
        located: whether the message needs no line of the study file: it has one, or concerns something else.
    """

    key: str | None = None
    located: bool = False


def unknown_name(what: str, value: object, known: Iterable[str]) -> str:
    """Message for an unknown name, with the nearest known one suggested.

    Args:
        what: kind of the named thing, e.g. ``"rule"``.
        value: the name given by the user.
        known: the valid names.

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
        >>> unknown_name("key", "device", ["rho"])
        "unknown key 'device': not a setting of a study file; use the command-line option --device cuda"
    """
    names = list(known)
    word = (value if isinstance(value, str) else quoted(value))[: QUOTED_CHARACTERS + 1].lower()
    option = COMMAND_LINE.get(word.replace("-", "_")) if what == "key" else None
    if option is not None:
        return f"unknown key {quoted(value)}: not a setting of a study file; use the command-line option {option}"
    suggestions = [name for name in SYNONYMS.get(word.replace("-", "_"), ()) if name in names]
    spellings = {name.replace("+", "p"): name for name in names[:MAX_COMPARED]}
    match = closest(word.replace("_", "-").replace("+", "p"), list(spellings), cutoff=0.5)
    suggestions += [] if match is None else [spellings[match]]
    hint = f"; did you mean '{suggestions[0]}'?" if suggestions else ""
    return f"unknown {what} {quoted(value)}{hint} (known: {listed_names(names)})"


def closest(word: str, names: Sequence[str], cutoff: float = 0.6) -> str | None:
    """Find the name most similar to a word, in bounded time.

    Args:
        word: the word.
        names: candidates; only the first :data:`MAX_COMPARED` are compared.
        cutoff: minimum similarity, 0 to 1, as for :func:`difflib.get_close_matches`.

    Returns:
        The name; None if none is similar enough, or the word is longer than a quotation in a message.

    Example:
        >>> closest("colour", ["color", "size"])
        'color'
    """
    if len(word) > QUOTED_CHARACTERS:
        return None
    short = [name for name in names[:MAX_COMPARED] if len(name) <= QUOTED_CHARACTERS]
    return next(iter(get_close_matches(word, short, n=1, cutoff=cutoff)), None)


def listed_names(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """Join names for a message, with both their length and their number limited.

    Args:
        names: the names.
        most: how many of them are listed.

    Returns:
        One line.

    Example:
        >>> listed_names(["a", "b"])
        'a, b'
        >>> listed_names([str(i) for i in range(1000)])[-20:]
        '58, 59, and 940 more'
    """
    shown = [shortened(printable(name[: QUOTED_CHARACTERS + 1], lines=False)) for name in names[:most]]
    return ", ".join(shown + [f"and {len(names) - most} more"] * (len(names) > most))
