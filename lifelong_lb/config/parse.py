"""Parse plain values into typed entries, with pydantic's errors converted to sentences."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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


def parse_settings(model: type[M], value: Any, path: str, problems: Problems) -> M | None:
    """Build a pydantic model from a mapping.

    Args:
        model: the model class.
        value: a mapping of its fields.
        path: path of the value, for messages.
        problems: receives the problems.

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
        return model.model_validate(dict(value))
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


_KEYS = "keys must be strings"
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
    items = error.errors(include_url=False)
    if any(item["type"] != "too_short" for item in items):  # a list of bad items is not an empty list
        items = [item for item in items if item["type"] != "too_short"]
    for item in items[:MAX_PROBLEMS]:
        for problem in _problems_of(item, model, path, value):
            by_field.setdefault(problem.path, []).append(problem)
    return [Problem(field, _joined([p.sentence for p in group]), group[0].at) for field, group in by_field.items()]


def _problems_of(item: ErrorDetails, model: type[BaseModel], path: str, value: Mapping[Any, Any]) -> Iterator[Problem]:
    kind, nested = item["type"], item.get("ctx", {}).get("error")
    whole = kind in ("extra_forbidden", "invalid_key")  # problems of the mapping that has the key
    location = item["loc"][: -1 if whole else None]
    field, inside, settings = _place(location, model, path, value, missing=kind == "missing")
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
        yield Problem(field, message + got + _with_a_point(item["input"]))


def _place(
    location: Sequence[int | str], model: type[BaseModel], path: str, value: Any, *, missing: bool
) -> tuple[str, Any, type[BaseModel] | None]:
    """Path of an error in a value, the value there, and its model if it is a group of settings.

    Args:
        location: as reported by pydantic, which also includes the names of the alternatives of unions.
        model: model of the whole value.
        path: path of the whole value.
        value: the whole value.
        missing: whether the last part is a missing key.

    Returns:
        Path, value and model.
    """
    settings: type[BaseModel] | None = model
    for number, part in enumerate(location):
        is_key = isinstance(value, Mapping) and (part in value or (missing and number == len(location) - 1))
        is_index = isinstance(part, int) and isinstance(value, list | tuple)
        if not is_key and not is_index:
            continue  # the name of an alternative
        path += f"[{part}]" if is_index else f".{part}"
        value = value.get(part) if is_key else value[part]
        if settings is not None and part in settings.model_fields:
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
