"""What all base optimizers have in a study file."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lifelong_lb.config.entries.fields import Entry
from lifelong_lb.config.entries.parameter_groups import MATCH, Groups, checked_groups, first_match
from lifelong_lb.config.entries.schedules import Schedule


class OptimizerEntry(Entry):
    """A base optimizer, which takes the steps with a rule's gradients.

    Class attributes: ``requires``, the requirement of a package or version that is not a dependency; ``averages``,
    whether it evaluates an average of the weights; ``one_group``, whether it steps along one direction over all
    parameters, so that it has no groups; ``not_grouped``, settings that groups cannot change.
    """

    requires: ClassVar[str | None] = None
    averages: ClassVar[bool] = False
    one_group: ClassVar[bool] = False
    not_grouped: ClassVar[tuple[str, ...]] = ()
    state: Literal["keep", "reset"] = "keep"
    """``keep`` carries momentum and moments over to the next experience, except for a tensor that has grown, whose
    state is reset; ``reset`` clears them at the start of each experience."""
    schedule: Schedule = None
    """Learning rate schedule: a name, or a mapping, e.g. ``{name: cosine, over: stream}``; null keeps ``lr``."""
    groups: Groups = None
    """Other settings for the parameters whose names match a pattern (the first one that matches), e.g. ``[{match:
    "*.bias", weight_decay: 0}]``."""

    @model_validator(mode="after")
    def _check_groups(self) -> "OptimizerEntry":
        if self.groups is not None:
            self.__dict__["groups"] = checked_groups(self)  # the values as the entry stores them
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the settings that a group may have."""
        found = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(schema, handler))
        properties = found["properties"]
        outside = (*OptimizerEntry.model_fields, *cls.not_grouped)
        known = {key: value for key, value in properties.items() if key not in outside}
        settings = {key: {k: v for k, v in value.items() if k != "default"} for key, value in known.items()}
        closed = {"properties": {MATCH: {"type": "string"}, **settings}, "additionalProperties": False}
        keywords = {"properties": {MATCH: {"type": "string"}}}  # of an external optimizer
        group = {"type": "object", "required": [MATCH], **(keywords if "settings" in known else closed)}
        groups = [] if cls.one_group else [{"type": "array", "items": group}]
        changed = {"anyOf": [*groups, {"type": "null"}], "default": None}
        properties["groups"] = {**changed, "description": properties["groups"]["description"]}
        return found

    @property
    def takes_passes(self) -> bool:
        """Whether it evaluates the loss itself, so that only the rule ``none`` can be used with it."""
        return False

    def distinctions(self) -> dict[str, Any]:
        """Settings that can distinguish entries with the same name, with a short text for the schedule.

        Returns:
            A mapping of plain values.
        """
        return {
            **self.identity(),
            "schedule": "none" if self.schedule is None else self.schedule.short_text(),
            "groups": "none" if self.groups is None else list(self.groups),
        }

    def hyper_parameters(self) -> dict[str, Any]:
        """Hyper-parameters specific to this optimizer.

        Returns:
            Values by field name.
        """
        return self.model_dump(exclude={"name", "label", "state", "schedule", "groups"})

    def group_settings(self) -> dict[str, Any]:
        """Settings that a group may change.

        Returns:
            Their values for the other parameters.
        """
        return {key: value for key, value in self.hyper_parameters().items() if key not in self.not_grouped}

    def with_changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Raw settings of this entry for one of its groups.

        Args:
            changes: settings of the group.

        Returns:
            A mapping for the validation of an entry of this class, without groups.
        """
        return {**self.hyper_parameters(), **changes}

    def variants(self) -> list[Any]:
        """Entries for the parameters that match no group, and for those of each group.

        Returns:
            Entries of this class without groups, one more than there are groups.
        """
        changes = [{}, *({k: v for k, v in group.items() if k != MATCH} for group in self.groups or ())]
        return [type(self).model_validate(self.with_changes(each)) for each in changes]

    def group_of(self, name: str) -> int:
        """Number of the group of a parameter.

        Args:
            name: name of the parameter.

        Returns:
            Index in :meth:`variants`.
        """
        return first_match(self.groups, name)
