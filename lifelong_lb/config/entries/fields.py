"""Field types and base classes of the entries of a study file."""

import math
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
    Tag,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from lifelong_lb.config.entries.field_docstrings import field_docstrings
from lifelong_lb.hyperparameters import (
    AT_LEAST_ONE,
    AT_LEAST_TWO,
    FRACTION,
    NON_NEGATIVE,
    OPEN_FRACTION,
    POSITIVE,
    SHARE,
    UNIT_INTERVAL,
    WHOLE_NUMBER,
    Range,
)
from lifelong_lb.untrusted import quoted

_MAX_PATH_CHARACTERS = 4096
"""Maximum length of a path, as on Linux."""


def _no_bool(value: Any) -> Any:
    """Refuse ``true`` and ``false`` as numbers (in Python they are integers).

    Args:
        value: value in the study file.

    Returns:
        The value, unchanged.

    Raises:
        ValueError: for a boolean.
    """
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _plain(value: Any) -> Any:
    """Convert a value that is passed through unchecked to the form in which it is stored.

    Args:
        value: value in the study file.

    Returns:
        Strings, numbers, booleans, null, and lists and mappings of them; a string such as ``1e-3`` becomes a number.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", value):
        value = float(value)  # YAML reads it as a string
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise ValueError(
        f"must consist of strings, finite numbers, booleans, null, lists and mappings; got {quoted(value)}"
    )


def _dotted_name(value: Any) -> Any:
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"must be the dotted name of a class, e.g. torch.optim.Adagrad; got {quoted(value)}")
    return value


def file_path(what: str) -> Callable[[Any], Any]:
    """Check of a path that need not exist yet.

    Args:
        what: what the path may be, for the message.

    Returns:
        A validator.
    """

    def checked(value: Any) -> Any:
        if not isinstance(value, str) or not is_plain_text(value) or len(value) > _MAX_PATH_CHARACTERS:
            raise ValueError(f"must be the path of {what}; got {quoted(value)}")
        return value

    return checked


@dataclass(frozen=True)
class Within:
    """Constraint of a numeric field to a range, in validation and in the JSON Schema."""

    allowed: Range

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the range after the conversion to a number."""
        return no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the bounds."""
        allowed, found = self.allowed, handler(schema)
        found["exclusiveMinimum" if allowed.above else "minimum"] = allowed.low
        if allowed.high != math.inf:
            found["exclusiveMaximum" if allowed.below else "maximum"] = allowed.high
        return found

    def _checked(self, value: Any) -> Any:
        if value not in self.allowed:
            raise ValueError(f"must be {self.allowed}")
        return value


Float = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Int = Annotated[int, BeforeValidator(_no_bool), Within(Range(-(2**53), 2**53, whole=True))]
NonNegative = Annotated[Float, Within(NON_NEGATIVE)]
Positive = Annotated[Float, Within(POSITIVE)]
Fraction = Annotated[Float, Within(FRACTION)]
OpenFraction = Annotated[Float, Within(OPEN_FRACTION)]
UnitInterval = Annotated[Float, Within(UNIT_INTERVAL)]
Share = Annotated[Float, Within(SHARE)]
AtLeastOne = Annotated[Int, Within(AT_LEAST_ONE)]
AtLeastTwo = Annotated[Int, Within(AT_LEAST_TWO)]
WholeNumber = Annotated[Int, Within(WHOLE_NUMBER)]
GradientsPerMinibatch = Annotated[Float, Within(Range(0, 1_000_000, above=True))]
OneOrEach = Annotated[
    Annotated[NonNegative, Tag("one")] | Annotated[tuple[NonNegative, ...], Tag("each")],
    Discriminator(lambda value: "each" if isinstance(value, list | tuple) else "one"),
]
DottedName = Annotated[str, BeforeValidator(_dotted_name)]
SourcePath = Annotated[str, BeforeValidator(file_path("a folder, or of an .npz file"))]
PlainValues = Annotated[dict[str, Any], BeforeValidator(_plain)]


def one_or_more(item: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a value or a list of such values.

    Args:
        item: schema of the value.

    Returns:
        A schema.
    """
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


class Settings(BaseModel):
    """Immutable group of settings; unknown keys are refused, and defaults are validated."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the descriptions below the fields."""
        found = handler(schema)
        properties = handler.resolve_ref_schema(found)["properties"]
        for key, text in field_docstrings(cls).items():
            if key in properties:
                properties[key]["description"] = text
        return found


class FromStudyFolder(Settings):
    """Settings with paths, which may be relative to the folder of the study file that names them."""

    _study_folder: Path | None = PrivateAttr(default=None)  # neither stored nor hashed

    @property
    def study_folder(self) -> Path | None:
        """Folder of the study file; None without one."""
        return self._study_folder

    def with_study_folder(self, folder: Path | None) -> Self:
        """Copy the entry with the folder of its study file.

        Args:
            folder: folder of the study file.

        Returns:
            A copy.
        """
        copy = self.model_copy()
        copy._study_folder = folder
        return copy


def is_plain_text(text: str) -> bool:
    """Whether a string can be printed on one line and stored as UTF-8.

    Args:
        text: any string.

    Returns:
        False for empty text, control characters and lone surrogates.
    """
    return bool(text.strip()) and text.isprintable()


def _label(value: Any) -> Any:
    if value is not None and not (isinstance(value, str) and is_plain_text(value)):
        raise ValueError(f"must be a string of printable characters; got {quoted(value)}")
    return value


class Entry(Settings):
    """An entry of a grid axis: a ``name``, hyper-parameters, and an optional ``label`` for reports."""

    name: str
    """Name of the entry, see ``lifelong-lb list``."""
    label: Annotated[str | None, BeforeValidator(_label)] = None
    """Name in reports, and in ``only``, ``exclude`` and ``tuning``; by default the name and the settings that
    distinguish it from others, e.g. ``label: SAM, wide``."""

    @property
    def called(self) -> str:
        """Name in reports if there is no label."""
        return self.name

    def distinctions(self) -> dict[str, Any]:
        """Settings that can distinguish this entry from others with the same name.

        Returns:
            A mapping of plain values.
        """
        return self.identity()

    def identity(self) -> dict[str, Any]:
        """Name and hyper-parameters, without the label.

        Returns:
            A mapping of plain JSON values.
        """
        return self.model_dump(mode="json", exclude={"label"})

    def key(self) -> Hashable:
        """Hashable form of the identity.

        Returns:
            A key that is equal for two entries if and only if their identities are.
        """
        return _hashable(self.identity())


def _hashable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
