"""Keys of a study file that are right in another place of it."""

from collections.abc import Collection, Iterator

from pydantic import BaseModel

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.models import MODEL_ENTRIES
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.errors import COMMAND_LINE, SYNONYMS, unknown_name
from lifelong_lb.config.tuning import Tuning


def unknown_key(key: object, known: Collection[str]) -> str:
    """Sentence about a key at the top of a study file that does not belong there.

    Args:
        key: what the user wrote.
        known: keys that may stand there.

    Returns:
        One sentence, with the place where such a key belongs, else with the nearest key.

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
    """Where a key is known, the likeliest place first."""
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
