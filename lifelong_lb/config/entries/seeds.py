"""Seeds: those of a study, and those of a search."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from lifelong_lb.config.problems import NestedProblems, Problem
from lifelong_lb.hyperparameters import Range
from lifelong_lb.untrusted import quoted

MAX_SEED = 2**32 - 1
MAX_SEEDS = 1_000_000

_SEED = Range(0, MAX_SEED, whole=True)
_LIST = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
    "minItems": 1,
    "uniqueItems": True,
}


def _listed(value: Any) -> Sequence[int]:
    """Check a list of seeds."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    if not value:
        raise ValueError("must not be empty")
    bad = next((index for index, item in enumerate(value) if item not in _SEED), None)
    if bad is not None:
        raise NestedProblems([Problem(f"[{bad}]", f"must be {_SEED}; got {quoted(value[bad])}")])
    if len(set(value)) < len(value):
        raise ValueError(f"must differ from each other; got {quoted(list(value))}")
    if len(value) > MAX_SEEDS:
        raise ValueError(f"must be at most {MAX_SEEDS:,} numbers; got {len(value):,}")
    return value


def _counted(value: Any) -> Sequence[int]:
    """Check a number of seeds, or a list of them."""
    if isinstance(value, int) and not isinstance(value, bool):
        if 1 <= value <= MAX_SEEDS:
            return range(value)
        limit = f"at most {MAX_SEEDS:,}" if value > 0 else "at least 1 (6 means the seeds 0 to 5)"
        raise ValueError(f"must be {limit}; got {quoted(value)}")
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a number of seeds (6 means 0..5) or a list of whole numbers")
    return _listed(value)


SeedList = Annotated[tuple[int, ...], BeforeValidator(_listed), WithJsonSchema(_LIST)]
"""Seeds as a list."""
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(lambda value: tuple(_counted(value))),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_SEEDS}, _LIST]}),
]
"""Seeds as a number or a list."""
