"""Parse plain values into typed entries, collecting all problems before raising one error."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lifelong_lb.config.errors import UserError, listed_names, unknown_name
from lifelong_lb.config.source_lines import location_of
from lifelong_lb.untrusted import QUOTED_CHARACTERS, printable, quoted, shortened

M = TypeVar("M", bound=BaseModel)

MAX_PROBLEMS = 100
"""Number of problems after which checking stops."""
MAX_LINES, MAX_MESSAGE_CHARACTERS = 20, 1500
"""Maximum number of problems per message, and of characters after which no further problem is listed."""
MAX_PATH_CHARACTERS = 200
"""Maximum length of a field's path in a message."""
_LONG_PART = re.compile(rf"[^.\[\]]{{{QUOTED_CHARACTERS + 1},}}")


def article(noun: str) -> str:
    """Prefix a noun with its indefinite article.

    Args:
        noun: e.g. ``"optimizer"``.

    Returns:
        E.g. ``"an optimizer"``.
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@dataclass(frozen=True)
class Problem:
    """A problem with one field of a study.

    Attributes:
        path: field, e.g. ``rules[1].rho``.
        sentence: the requirement and the value.
        at: path used to find the line in the study file if it differs from ``path``, e.g. that of an unknown key.
    """

    path: str
    sentence: str
    at: str | None = None

    def __str__(self) -> str:
        path = _LONG_PART.sub(lambda part: shortened(part[0]), self.path)
        return f"{shortened(printable(path, lines=False), MAX_PATH_CHARACTERS)}: {self.sentence}"


class TooManyProblems(Exception):  # noqa: N818  ends the collection, is not an error itself
    """Raised to stop checking after :data:`MAX_PROBLEMS` problems."""


class Problems:
    """Problems found in one study, at most :data:`MAX_PROBLEMS`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, path: str, sentence: str, at: str | None = None) -> None:
        """Add a problem.

        Args:
            path: field, e.g. ``rules[1].rho``.
            sentence: the requirement and the value.
            at: path used to find the line in the study file, if it differs.

        Raises:
            TooManyProblems: if the maximum is reached.
        """
        self.extend([Problem(path, sentence, at)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems.

        Args:
            problems: the problems.

        Raises:
            TooManyProblems: if the maximum is reached.
        """
        for problem in problems:
            self.found.append(problem)
            if len(self.found) >= MAX_PROBLEMS:
                raise TooManyProblems

    def raise_if_any(self, source: str, raw: Any = None) -> None:
        """Raise an error if there are problems.

        Args:
            source: name of the study for messages, e.g. the file's.
            raw: the values read; those with a location are reported with file and line.

        Raises:
            UserError: listing the problems, one per line.
        """
        found = self.found[:MAX_LINES]
        places = [location_of(raw, problem.path if problem.at is None else problem.at) for problem in found]
        if len(self.found) == 1:
            raise UserError(f"{places[0] or source}: {self.found[0]}")
        if self.found:
            lines = [f"{place}: {each}" if place else str(each) for place, each in zip(places, found, strict=True)]
            while len(lines) > 1 and sum(map(len, lines)) > MAX_MESSAGE_CHARACTERS:
                lines.pop()
            lines += [f"and {len(self.found) - len(lines)} more"] * (len(self.found) > len(lines))
            least = "at least " if len(self.found) >= MAX_PROBLEMS else ""
            raise UserError(f"{source}: {least}{len(self.found)} problems\n  " + "\n  ".join(lines))


class NestedProblems(ValueError):
    """Problems with nested settings, raised by the validator of a field.

    Args:
        found: problems with paths relative to the field.
    """

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, found)))
        self.found = tuple(found)


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
        problems.add(path, f"must be a mapping of settings; got {_shown(value)}")
        return None
    bad = [key for key in value if not isinstance(key, str)]
    if bad:
        problems.add(path, f"keys must be strings; got {quoted(bad[0])}{_after_a_comma(value, bad[0])}")
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


_PLAIN = {
    **dict.fromkeys(("int_from_float", "int_parsing", "int_type"), "must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "dict_type": "must be a mapping",
    "too_short": "must not be empty",
    "missing": "needs a value; got none",
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


def _problems_of(item: ErrorDetails, model: type[BaseModel], path: str, value: Mapping[Any, Any]) -> list[Problem]:
    parts = [part for part in item["loc"] if isinstance(part, int) or part in model.model_fields]
    nested = item.get("ctx", {}).get("error")
    if item["type"] == "extra_forbidden":
        known = [name for name in model.model_fields if name != "label"]
        key = item["loc"][-1]
        return [Problem(path, unknown_name("key", key, known) + _after_a_comma(value, key), f"{path}.{key}")]
    field = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    if isinstance(nested, NestedProblems):
        return [Problem(field + p.path, p.sentence, None if p.at is None else field + p.at) for p in nested.found]
    message = _PLAIN.get(item["type"]) or item["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input should be ")
    got = "" if not item["loc"] or "got " in message else f"; got {_shown(item['input'])}"
    return [Problem(field, _starting_with_must(message, got) + _with_a_point(item["input"]))]


def _with_a_point(value: Any) -> str:
    """Hint for a number with a decimal comma, which YAML reads as a string."""
    if isinstance(value, str) and len(value) < 40 and re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", value.strip(), re.I):
        return f": write {value.strip().replace(',', '.')}, with a decimal point"
    return ""


def _after_a_comma(value: Mapping[Any, Any], key: Any) -> str:
    """Hint for a decimal comma inside braces, where YAML starts a new key after the comma."""
    keys = list(value)
    before = keys[keys.index(key) - 1] if keys.index(key) else None
    is_number = isinstance(key, int | float) or (isinstance(key, str) and key.isdecimal())
    if value[key] is not None or not is_number or not isinstance(value.get(before), int):
        return ""
    name = shortened(str(before))
    return f": a comma inside braces ends the value; write {name} with a decimal point, e.g. 0.05, not 0,05"


def _starting_with_must(message: str, got: str) -> str:
    starts = ("must ", "experiences ", "class_order ", "nesterov:", "needs ")
    lowered = message[:1].lower() + message[1:]
    return (lowered if lowered.startswith(starts) else f"must be {lowered}") + got


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
