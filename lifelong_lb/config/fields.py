"""Field types shared by the models of a study file: numbers are numbers, and every model is closed and frozen."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_bool(value: Any) -> Any:
    """Refuse ``true`` and ``false`` where a number is meant (in Python they are integers).

    Args:
        value: what stood in the study file.

    Returns:
        The value, unchanged.

    Raises:
        ValueError: for a boolean.
    """
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Float = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Int = Annotated[int, BeforeValidator(_no_bool)]
NonNegative = Annotated[Float, Field(ge=0)]
Positive = Annotated[Float, Field(gt=0)]
Fraction = Annotated[Float, Field(ge=0, lt=1)]
AtLeastOne = Annotated[Int, Field(ge=1)]


class Settings(BaseModel):
    """A closed, immutable group of settings: unknown keys are refused, defaults are checked too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def is_plain_text(text: str) -> bool:
    """Whether a text can be printed on one line and stored as UTF-8.

    Args:
        text: any text.

    Returns:
        False for empty text, control characters and lone surrogates.
    """
    return bool(text.strip()) and text.isprintable()


def _label(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and is_plain_text(value)):
        raise ValueError(f"must be a text of printable characters; got {ascii(value)}")
    return value


class Entry(Settings):
    """One entry of a grid axis: a ``name``, its hyper-parameters, and optionally a ``label`` for reports."""

    name: str
    label: Annotated[str | None, BeforeValidator(_label)] = None

    def identity(self) -> dict[str, Any]:
        """What makes this entry itself: name and hyper-parameters, without the label.

        Returns:
            A mapping of plain JSON values.
        """
        return self.model_dump(mode="json", exclude={"label"})
