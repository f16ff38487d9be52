"""Parameter groups of an optimizer: other settings for the parameters whose names match a pattern."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BeforeValidator

from lifelong_lb.config.entries.fields import is_plain_text
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.parse import parse_settings
from lifelong_lb.config.problems import NestedProblems, Problems
from lifelong_lb.untrusted import quoted

MATCH = "match"
"""Key of a group's pattern; the other keys are settings of the optimizer."""


def _groups(value: Any) -> Any:
    """Check that groups are mappings with different patterns.

    Args:
        value: value in the study file.

    Returns:
        The groups; None for none.

    Raises:
        ValueError: if they are not.
    """
    if value is None or (isinstance(value, list | tuple) and not value):
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(group, Mapping) for group in value):
        raise ValueError(
            f'must be a list of mappings, e.g. [{{match: "*.bias", weight_decay: 0}}]; got {quoted(value)}'
        )
    seen = set()
    for group in value:
        pattern = group.get(MATCH)
        if not isinstance(pattern, str) or not is_plain_text(pattern):
            raise ValueError(f'must have a pattern of parameter names under match, e.g. "*.bias"; got {quoted(group)}')
        if pattern in seen:
            raise ValueError(f"must have different patterns, because the first match wins; got {quoted(pattern)} twice")
        seen.add(pattern)
    return value


Groups = Annotated[tuple[dict[str, Any], ...] | None, BeforeValidator(_groups)]
"""Groups as mappings of ``match`` and settings."""


def checked_groups(entry: Any) -> tuple[dict[str, Any], ...]:
    """Check the settings of an entry's groups like those of the entry.

    Args:
        entry: an :class:`~lifelong_lb.config.entries.optimizer_base.OptimizerEntry` with groups.

    Returns:
        The groups, with their settings as stored.

    Raises:
        ValueError: if the optimizer cannot have groups.
        NestedProblems: for an unknown setting or a value that the entry does not allow.
    """
    given = entry.groups or ()
    if entry.one_group:
        raise ValueError(
            f"{entry.name} steps along one direction of all parameters, so groups must be null; got groups"
        )
    problems, known, found = Problems(), entry.group_settings(), []
    for index, group in enumerate(given):
        path, changes = f".groups[{index}]", {key: value for key, value in group.items() if key != MATCH}
        unknown = next((key for key in changes if key not in known), None)
        if unknown is not None:
            problems.add(path, unknown_name("setting", unknown, known), at=f"{path}.{unknown}")
            continue
        changed = parse_settings(type(entry), entry.with_changes(changes), path, problems)
        if changed is not None:
            values = changed.group_settings()
            found.append({MATCH: group[MATCH], **{key: values[key] for key in changes}})
    if problems.found:
        raise NestedProblems(problems.found)
    return tuple(found)


def first_match(groups: tuple[dict[str, Any], ...] | None, name: str) -> int:
    """Number of the group of a parameter.

    Args:
        groups: groups of an entry.
        name: name of the parameter.

    Returns:
        0 for a parameter that matches none, else 1 + the index of the first group that matches.

    Example:
        >>> first_match(({"match": "head.*"}, {"match": "*.bias"}), "backbone.layers.0.bias")
        2
    """
    return next((index + 1 for index, group in enumerate(groups or ()) if fnmatchcase(name, group[MATCH])), 0)
