"""Values of custom metrics, stored in ``metrics.json`` in the run's folder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.fields import Settings
from lifelong_lb.evaluation import ADDED_METRICS, Described, Outcome
from lifelong_lb.store.files import write_json
from lifelong_lb.untrusted import parse_json, printable, quoted, read_text, shortened

FILE = "metrics.json"
MAX_METRICS = 200
"""Most metrics of one run."""
MAX_CHARACTERS = 500
"""Most characters of a text that describes a metric."""
MAX_NUMBER = 2.0**53
"""Bound on the magnitude of values; larger ones cannot be averaged."""


def _line(text: str) -> str:
    if text and not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


Line = Annotated[str, Field(max_length=MAX_CHARACTERS), AfterValidator(_line)]
Name = Annotated[str, Field(max_length=80), AfterValidator(_line)]


class CustomMetric(Settings):
    """Value and description of one metric for one run.

    ``value`` is None if it is undefined, for the given ``reason``; ``failed`` means that the metric's function raised.
    """

    value: Annotated[float, Field(gt=-MAX_NUMBER, lt=MAX_NUMBER, allow_inf_nan=False)] | None
    title: Annotated[Line, Field(min_length=1)]
    formula: Line = ""
    source: Line = ""
    higher_is_better: bool
    reason: Line = ""
    failed: bool = False

    @property
    def outcome(self) -> Outcome:
        """The value, NaN if it is undefined, and the reason."""
        return Outcome(math.nan if self.value is None else self.value, self.reason, self.failed)

    @property
    def described(self) -> Described:
        """The description of the metric."""
        return Described(
            title=self.title,
            formula=self.formula,
            source=self.source,
            higher_is_better=self.higher_is_better,
            bounded=False,
        )


def custom_metrics_of(outcomes: Mapping[str, Outcome]) -> dict[str, CustomMetric]:
    """Describe the outcomes of the metrics registered in this process, to store them.

    Args:
        outcomes: outcomes of the metrics of a run, by name.

    Returns:
        Custom metrics by name.
    """
    return {
        name: CustomMetric(
            value=None if outcomes[name].reason else outcomes[name].value,
            title=description(metric.title),
            formula=description(metric.formula),
            source=description(metric.source),
            higher_is_better=bool(metric.higher_is_better),
            reason=description(outcomes[name].reason),
            failed=outcomes[name].failed,
        )
        for name, metric in ADDED_METRICS.items()
        if name in outcomes
    }


_METRICS = TypeAdapter(Annotated[dict[Name, CustomMetric], Field(max_length=MAX_METRICS)])


def write_custom_metrics(run: Path, metrics: Mapping[str, CustomMetric]) -> None:
    """Store metrics with a run.

    Args:
        run: the run's folder.
        metrics: by name.
    """
    write_json(run / FILE, {name: metric.model_dump(mode="json") for name, metric in metrics.items()})


def read_custom_metrics(run: Path) -> dict[str, CustomMetric] | None:
    """Read the metrics stored with a run.

    Args:
        run: the run's folder.

    Returns:
        Metrics by name; None if none were stored.

    Raises:
        UserError: if the file cannot be read, or its content is invalid.
    """
    try:
        raw = parse_json(read_text(run / FILE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{run / FILE}: cannot be read ({error})") from None
    try:
        return _METRICS.validate_python(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(quoted(part, 40) for part in first["loc"])
        raise UserError(f"{run / FILE}: {where}: {first['msg']}; got {quoted(first['input'])}") from None


def description(text: str) -> str:
    """Reduce a text to one line of limited length, as it is stored.

    Args:
        text: any text.

    Returns:
        The text, cut if it is too long.
    """
    return shortened(printable(" ".join(text.split()), lines=False), MAX_CHARACTERS)
