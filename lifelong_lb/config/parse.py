"""Parse plain values into typed entries, with pydantic's errors converted to sentences."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails
from pydantic_core.core_schema import no_info_before_validator_function

from lifelong_lb.config.errors import listed_names, unknown_name
from lifelong_lb.config.problems import MAX_PROBLEMS, NestedProblems, Problem, Problems
from lifelong_lb.untrusted import quoted, shortened

M = TypeVar("M", bound=BaseModel)


def article(noun: str) -> str:
    """Prefix a noun with its indefinite article.

    Args:
        noun: e.g. ``"optimizer"``.

    Returns:
        E.g. ``"an optimizer"``.
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def as_list(value: Any) -> list[Any]:
    """Wrap a single value in a list; copy a list.

    Args:
        value: a list or one entry.

    Returns:
        A list.
    """
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def parse_settings(model: type[M], value: Any, path: str, problems: Problems, context: Any = None) -> M | None:
    """Build a pydantic model from a mapping.

    Args:
        model: the model class.
        value: a mapping of its fields.
        path: path of the value, for messages.
        problems: receives the problems.
        context: given to pydantic's validators.

    Returns:
        The model, or None if there are problems.
    """
    if not isinstance(value, Mapping):
        problems.add(path, f"{_PLAIN['model_type']}; got {_shown(value)}")
        return None
    bad = [key for key in value if not isinstance(key, str)]
    if bad:
        problems.add(path, f"{_KEYS}; got {quoted(bad[0])}{_after_a_comma(value, bad[0])}")
        return None
    try:
        return model.model_validate(dict(value), context=context)
    except ValidationError as error:
        problems.extend(_sentences(error, model, path, value))
        return None


def parse_entry(what: str, known: Mapping[str, type[M]], value: Any, path: str, problems: Problems) -> M | None:
    """Build an entry from a bare name, or from a mapping with ``name`` and hyper-parameters.

    Args:
        what: kind of entry, e.g. ``"rule"``.
        known: model classes by name.
        value: the value given by the user.
        path: path of the value, for messages.
        problems: receives the problems.

    Returns:
        The entry, or None if there are problems.
    """
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        problems.add(path, f"must be the name of {article(what)}, or a mapping with 'name'; got {_shown(value)}")
        return None
    if "name" not in value:
        problems.add(path, f"needs a 'name'; got the keys {_keys(value)} (known: {listed_names(list(known))})")
        return None
    name = value["name"]
    if not isinstance(name, str) or name not in known:
        problems.add(path, unknown_name(what, name, known), at=f"{path}.name")
        return None
    return parse_settings(known[name], value, path, problems)


@dataclass(frozen=True, eq=False)  # hashed by identity, because the names are a dict
class Named:
    """Constraint of a field to an entry, given as in :func:`parse_entry`.

    It is a union discriminated by ``name``. Pydantic's own one (``Field(discriminator="name")``) is fixed when a class
    is created, but extensions add names later; it takes no bare names, and suggests none if one is misspelt.

    Attributes:
        what: kind of entry, e.g. ``"rule"``.
        known: model classes by name.
    """

    what: str
    known: Mapping[str, type[BaseModel]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parse before the type is checked."""
        return no_info_before_validator_function(self._parsed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Refer to the definition of the kind, see :data:`REFERENCE`."""
        return {REFERENCE: self.what}

    def _parsed(self, value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value
        problems = Problems()
        entry = parse_entry(self.what, self.known, value, "", problems)
        if entry is None:
            raise NestedProblems(problems.found)
        return entry


REFERENCE = "entry"
"""Key in the JSON Schema of a field that :mod:`lifelong_lb.config.schema` replaces by ``$ref`` to a definition."""

_KEYS = "keys must be strings"
_A_NUMBER = re.compile(r"must be a (whole |finite )?number\b(?! of)")
_PLAIN = {
    **dict.fromkeys(("int_from_float", "int_parsing", "int_type"), "must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "dict_type": "must be a mapping",
    **dict.fromkeys(("too_short", "string_too_short"), "must not be empty"),
    "missing": "needs a value; got none",
    "model_type": "must be a mapping of settings",
}
"""Messages for pydantic's error types."""


def _sentences(error: ValidationError, model: type[BaseModel], path: str, value: Mapping[Any, Any]) -> list[Problem]:
    """Convert pydantic's errors to problems: one per field, with the alternatives of a union joined."""
    by_field: dict[str, list[Problem]] = {}
    for item in _relevant(error.errors(include_url=False))[:MAX_PROBLEMS]:
        for problem in _problems_of(item, model, path, value):
            by_field.setdefault(problem.path, []).append(problem)
    return [Problem(field, _joined([p.sentence for p in group]), group[0].at) for field, group in by_field.items()]


def _relevant(items: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out errors that follow from others: an empty list if its items are bad, a missing key if a key is bad."""
    parents = {(item["loc"][:-1], item["type"] == "invalid_key") for item in items}
    bad_items, bad_keys = {at for at, _ in parents}, {at for at, is_bad_key in parents if is_bad_key}
    return [
        item
        for item in items
        if not (item["type"] == "too_short" and item["loc"] in bad_items)
        and not (item["type"] == "missing" and item["loc"][:-1] in bad_keys)
    ]


def _problems_of(item: ErrorDetails, model: type[BaseModel], path: str, value: Mapping[Any, Any]) -> Iterator[Problem]:
    kind, nested = item["type"], item.get("ctx", {}).get("error")
    whole = kind in ("extra_forbidden", "invalid_key")  # problems of the mapping that has the key
    field, inside, settings = _place(item["loc"][: -1 if whole else None], model, path, value)
    if whole:
        key = item["loc"][-1]
        known = [name for name in settings.model_fields if name != "label"] if settings else []
        sentence = unknown_name("key", key, known) if kind == "extra_forbidden" else f"{_KEYS}; got {quoted(key)}"
        yield Problem(field, sentence + _after_a_comma(inside, key), f"{field}.{key}")
    elif isinstance(nested, NestedProblems):
        for problem in nested.found:
            yield Problem(field + problem.path, problem.sentence, problem.at and field + problem.at)
    else:
        message = _PLAIN.get(kind) or item["msg"].removeprefix("Value error, ")
        if kind not in _PLAIN and kind != "value_error":
            message = message.removeprefix("Input should be ")
            message = f"must be {message[:1].lower()}{message[1:]}"
        of_settings = settings is not None and kind == "value_error" and isinstance(inside, Mapping)
        got = "" if of_settings or "got " in message else f"; got {_shown(item['input'])}"
        yield Problem(field, message + got + (_with_a_point(item["input"]) if _A_NUMBER.match(message) else ""))


def _place(
    location: Sequence[int | str], model: type[BaseModel], path: str, value: Any
) -> tuple[str, Any, type[BaseModel] | None]:
    """Path of an error in a value, the value there, and its model if it is a group of settings.

    Args:
        location: as reported by pydantic, which also includes the names of the alternatives of unions.
        model: model of the whole value.
        path: path of the whole value.
        value: the whole value.

    Returns:
        Path, value and model.
    """
    settings: type[BaseModel] | None = model
    for part in location:
        is_field = settings is not None and part in settings.model_fields
        is_key = isinstance(value, Mapping) and (is_field or part in value)
        is_index = isinstance(part, int) and isinstance(value, list | tuple)
        if not is_key and not is_index:
            continue  # the name of an alternative
        path += f"[{part}]" if is_index else f".{part}"
        if is_key or (isinstance(part, int) and part < len(value)):
            value = value[part] if is_index else value.get(part)
        else:
            value = None  # a missing item of a pair
        if settings is not None and is_field:
            settings = _settings_in(settings.model_fields[str(part)].annotation)
    return path, value, settings


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """Group of settings in the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_settings_in, get_args(annotation))), None)


def _with_a_point(value: Any) -> str:
    """Hint for a number with a decimal comma, which YAML reads as a string."""
    if isinstance(value, str) and len(value) < 40 and re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", value.strip(), re.I):
        return f": write {value.strip().replace(',', '.')}, with a decimal point"
    return ""


def _after_a_comma(value: Mapping[Any, Any], key: Any) -> str:
    """Hint for a decimal comma inside braces, where YAML starts a new key after the comma."""
    if key not in value:  # pydantic reports a key of another type as text
        return ""
    keys = list(value)
    before = keys[keys.index(key) - 1] if keys.index(key) else None
    is_number = isinstance(key, int | float) or (isinstance(key, str) and key.isdecimal())
    if value[key] is not None or not is_number or not isinstance(value.get(before), int):
        return ""
    name = shortened(str(before))
    return f": a comma inside braces ends the value; write {name} with a decimal point, e.g. 0.05, not 0,05"


def _joined(messages: list[str]) -> str:
    """Join the alternatives of a union: 'must be a; got x' and 'must be b; got x' to 'must be a, or b; got x'."""
    unique = list(dict.fromkeys(messages))
    heads = [message.rpartition("; got ")[0] or message for message in unique]
    tails = {message.rpartition("; got ")[2] for message in unique if "; got " in message}
    if len(unique) > 1 and len(tails) == 1 and all(head.startswith("must be ") for head in heads):
        return "must be " + ", or ".join(h.removeprefix("must be ") for h in heads) + f"; got {tails.pop()}"
    return "; ".join(unique)


def _keys(value: Mapping[Any, Any]) -> str:
    return listed_names([key if isinstance(key, str) else quoted(key) for key in value])


def _shown(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    return quoted(value)
