"""Names of rules, strategies, streams and optimizers as people write them."""

import re

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
BARE = "none"
"""Name of the rule that leaves the base optimizer alone."""


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
    pairs = [setting.partition("=") for setting in settings.split(", ")]
    if not all(equals and key.isidentifier() and value for key, equals, value in pairs):
        return label
    return ", ".join([_TITLES.get(name, name), *(_setting(key, value) for key, _, value in pairs)])


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
    return f"adaptive {symbol(key)}" if value == "adaptive" else f"{symbol(key)} = {value}"
