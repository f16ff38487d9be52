"""Where a study defines a stream and its model, for messages about data and weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Origin:
    """Definition of a stream in a study. All are equal, because streams defined in different files may be.

    Attributes:
        path: the stream's path, e.g. ``streams[0]``; empty if no study is known.
        source: name of the study in messages, used for keys without a location.
        locations: location of each key, e.g. ``study.yaml:7``; of the whole entry under the key ``""``.
    """

    path: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    locations: Mapping[str, str] = field(default_factory=dict, compare=False)

    def of(self, key: str) -> str:
        """Beginning of a message about a key, as in the messages of the study file's own problems.

        Args:
            key: the key, or an item of its list, e.g. ``sources[1]``.

        Returns:
            Location and path, e.g. ``study.yaml:7: streams[0]``; empty if no study is known.
        """
        if not self.path:
            return ""
        places = (self.locations.get(each) for each in (key, key.partition("[")[0], ""))
        return f"{next(filter(None, places), self.source)}: {self.path}"


@dataclass(frozen=True)
class Origins:
    """Where a study defines the model of each stream. All are equal, as for :class:`Origin`.

    Attributes:
        models: origin of each stream's model; empty if no study file is known.
    """

    models: tuple[Origin, ...] = field(default=(), compare=False)
