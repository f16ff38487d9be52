"""What a study file can name, as text."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from lifelong_lb.config.errors import UserError, unknown_name
from lifelong_lb.config.models import MODEL_ENTRIES
from lifelong_lb.config.study import AXES

KINDS: dict[str, Mapping[str, type[BaseModel]]] = {
    **{axis: known for axis, (_, known) in AXES.items()},
    "models": MODEL_ENTRIES,
}


def listing(what: str | None = None, metrics: Callable[[], str] | None = None) -> str:
    """Names with their hyper-parameters and defaults.

    Args:
        what: ``streams``, ``strategies``, ``rules``, ``optimizers``, ``models`` or ``metrics``; None for all.
        metrics: gives the text about metrics, which this room does not know.

    Returns:
        One paragraph a kind.

    Raises:
        UserError: for another word.
    """
    kinds = [*KINDS, *(["metrics"] if metrics else [])]
    if what is not None and what not in kinds:
        raise UserError(unknown_name("kind", what, kinds))
    paragraphs = []
    for kind in kinds if what is None else [what]:
        body = metrics() if kind == "metrics" and metrics else _entries(KINDS[kind])
        paragraphs.append(f"{kind}\n{body}")
    return "\n\n".join(paragraphs)


def _entries(known: Mapping[str, type[BaseModel]]) -> str:
    lines = []
    for name, model in known.items():
        summary = (model.__doc__ or "").strip().splitlines()[0]
        lines.append(f"  {name:<20} {summary}")
        settings = [
            f"{key}={_shown(field.get_default(call_default_factory=True))}"
            for key, field in model.model_fields.items()
            if key not in ("name", "label")
        ]
        if settings:
            lines.append(f"  {'':<20} {', '.join(settings)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return str(list(value)) if isinstance(value, tuple) else str(value)
