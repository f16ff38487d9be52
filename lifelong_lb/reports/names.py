"""Names of rules, strategies, streams and optimizers as people write them, and counts in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TITLES = {
    "sam": "SAM",
    "asam": "ASAM",
    "multistep-sam": "Multistep-SAM",
    "multistep-asam": "Multistep-ASAM",
    "lookahead": "Lookahead",
    "lookahead-sam": "Lookahead-SAM",
    "lookahead-asam": "Lookahead-ASAM",
    "lookbehind-sam": "Lookbehind-SAM",
    "lookbehind-asam": "Lookbehind-ASAM",
    "gsam": "GSAM",
    "looksam": "LookSAM",
    "friendly-sam": "Friendly-SAM",
    "gam": "GAM",
    "c-flat": "C-Flat",
    "c-flat-plus": "C-Flat++",
    "naive": "Fine-tuning",
    "cumulative": "Cumulative",
    "joint": "Joint training",
    "replay": "Replay",
    "gdumb": "GDumb",
    "ewc": "EWC",
    "mas": "MAS",
    "lwf": "LwF",
    "si": "SI",
    "rwalk": "RWalk",
    "agem": "A-GEM",
    "gem": "GEM",
    "mir": "MIR",
    "gss": "GSS",
    "er-ace": "ER-ACE",
    "er-aml": "ER-AML",
    "der": "DER",
    "der++": "DER++",
    "icarl": "iCaRL",
    "wa": "WA",
    "lamaml": "La-MAML",
    "mer": "MER",
    "slda": "SLDA",
    "ncm": "NCM",
    "ranpac": "RanPAC",
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "lbfgs": "L-BFGS",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "nadam": "NAdam",
    "muon": "Muon",
    "lion": "Lion",
    "schedule-free": "Schedule-Free",
}
_SYMBOLS = {
    "rho": "ρ",
    "alpha": "α",
    "lambda": "λ",
    "eta": "η",
    "sigma": "σ",
    "lr": "learning rate",
    "mem_size": "memory",
}
_LABEL = re.compile(r"([^()]+)\((.+)\)")
NAMED = 3
"""Most names listed in a sentence."""
BARE = "none"
"""Name of the rule that leaves the base optimizer alone."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def display_name(label: str, optimizer: str = "") -> str:
    """Return the name of an entry for tables and figures.

    Args:
        label: label of an entry: the name, if need be with the hyper-parameters that distinguish it. Labels that a
            study sets itself are returned as they are.
        optimizer: label of the base optimizer, which names the rule ``none``; empty for none or several.

    Returns:
        The name.

    Example:
        >>> display_name("lookbehind-sam(k=2, alpha=0.5)"), display_name("lookbehind-sam(alpha=adaptive)")
        ('Lookbehind-SAM, k = 2, α = 0.5', 'Lookbehind-SAM, adaptive α')
        >>> display_name("none", "sgd"), display_name("none"), display_name("my rule (2)")
        ('plain SGD', 'plain optimizer', 'my rule (2)')
    """
    if label == BARE:
        return f"plain {display_name(optimizer) if optimizer else 'optimizer'}"
    match = _LABEL.fullmatch(label)
    if match is None:
        return _TITLES.get(label, label)
    name, settings = match.groups()
    title = display_name(BARE, optimizer) if name == BARE else _TITLES.get(name, name)
    pairs = [setting.partition("=") for setting in settings.split(", ")]
    if not all(equals and key.isidentifier() and value for key, equals, value in pairs):
        return label
    return ", ".join([title, *(_setting(key, value) for key, _, value in pairs)])


def symbol(parameter: str) -> str:
    """Return the symbol of a hyper-parameter.

    Args:
        parameter: its name.

    Returns:
        The symbol, or the name in words.

    Example:
        >>> symbol("rho"), symbol("lr"), symbol("warmup_steps")
        ('ρ', 'learning rate', 'warmup steps')
    """
    return _SYMBOLS.get(parameter, parameter.replace("_", " "))


def _setting(key: str, value: str) -> str:
    if key == "passes":
        return f"budget of {value} gradients per minibatch"
    return f"adaptive {symbol(key)}" if value == "adaptive" else f"{symbol(key)} = {value}"


def plural(word: str, number: int) -> str:
    """Return a noun in the singular or plural.

    Args:
        word: the noun in the singular; its plural ends in s.
        number: the count.

    Returns:
        The noun, without the number.
    """
    return word if number == 1 else f"{word}s"


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """List a few names.

    Args:
        names: e.g. run ids.
        most: how many to list.

    Returns:
        The first few, and the number of others.
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def number_word(number: int) -> str:
    """Write a count in a sentence.

    Args:
        number: the count.

    Returns:
        A word up to twelve, digits above.
    """
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Format settings as one line, without those that are None.

    Args:
        settings: plain values, with or without a ``name``.

    Returns:
        E.g. ``"sam (rho = 0.05)"``, or ``"epochs = 1, batch_size = 10"`` without a name.

    Example:
        >>> settings_text({"name": "mlp", "head": "multi", "hidden": [256, 256]})
        'mlp (head = multi, hidden = [256, 256])'
        >>> settings_text({"epochs": 1, "budget": None})
        'epochs = 1'
    """
    others = ", ".join(
        f"{key} = {_plain_value(value)}" for key, value in settings.items() if key != "name" and value is not None
    )
    if "name" not in settings:
        return others
    return f"{settings['name']} ({others})" if others else str(settings["name"])


def _plain_value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
