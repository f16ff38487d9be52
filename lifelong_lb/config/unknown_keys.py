"""Suggestions for unknown top-level keys that are valid elsewhere in a study file."""

from collections.abc import Collection, Iterator

from pydantic import BaseModel

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.models import MODEL_ENTRIES
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.errors import COMMAND_LINE, SYNONYMS, unknown_name
from lifelong_lb.config.tuning import Tuning


def unknown_key(key: object, known: Collection[str]) -> str:
    """Message for an unknown top-level key of a study file.

    Args:
        key: the key given by the user.
        known: valid top-level keys.

    Returns:
        One sentence that suggests the section where the key is valid, else the nearest key.

    Example:
        >>> unknown_key("epochs", ["train"])
        "unknown key 'epochs'; did you mean 'train.epochs'?"
        >>> unknown_key("rho", ["rules"])
        "unknown key 'rho'; did you mean a setting of an entry of rules, such as {name: sam, rho: ...}?"
    """
    if isinstance(key, str) and key not in COMMAND_LINE:
        words = [key, *SYNONYMS.get(key, ())]
        if not any(word in known for word in words):
            for word in words:
                for place in _places(word):
                    return f"unknown key '{key}'; did you mean {place}?"
    return unknown_name("key", key, known)


def _places(key: str) -> Iterator[str]:
    """Sections where a key is valid, the likeliest one first."""
    sections: dict[str, type[BaseModel]] = {"evaluation": Evaluation, "tuning": Tuning}
    if key in Train.model_fields:
        yield f"'train.{key}'"
    for axis, (_, known) in AXES.items():
        for name, model in known.items():
            if key in model.model_fields and key not in ("name", "label"):
                yield f"a setting of an entry of {axis}, such as {{name: {name}, {key}: ...}}"
    if any(key in model.model_fields for model in MODEL_ENTRIES.values()):
        yield f"'model.{key}'"
    for section, settings in sections.items():
        if key in settings.model_fields:
            yield f"'{section}.{key}'"
