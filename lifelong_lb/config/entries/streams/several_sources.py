"""Streams with one source of images per experience."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Settings, SourcePath, is_plain_text
from lifelong_lb.config.entries.streams.base import FromFiles, Scenario
from lifelong_lb.config.entries.streams.dealt import DealtStream
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.untrusted import quoted

LABELS_PER_SOURCE = 1000
"""Class k of source i has the label ``LABELS_PER_SOURCE`` i + k."""

DATA_SETS = (
    "digits",
    "mnist",
    "fashion-mnist",
    "cifar10",
    "cifar100",
    "svhn",
    "notmnist",
    "tiny-imagenet",
    "cub200",
    "kmnist",
    "emnist",
    "emnist-byclass",
    "emnist-bymerge",
    "emnist-letters",
    "emnist-digits",
    "emnist-mnist",
    "stl10",
    "eurosat",
    "core50",
    "clear10",
    "omniglot",
    "five-datasets",
)
"""Names of the data sets of :data:`lifelong_lb.data.DATASETS`."""


class ImageSource(Settings):
    """A source of images: a data set or your own images."""

    name: str | None = None
    """Name of a data set, e.g. ``mnist``, see ``lifelong-lb data list``."""
    path: SourcePath | None = None
    """Folder or ``.npz`` file of your own images, as ``source`` of ``split``."""

    @model_validator(mode="before")
    @classmethod
    def _settings(cls, value: Any) -> Any:
        if isinstance(value, Mapping | ImageSource):
            return value
        raise ValueError("must be a mapping of settings, e.g. {name: mnist} or {path: usps.npz}")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is None:
            return None
        data_set = name.removeprefix("split-")  # the stream of a data set means the data set
        if data_set not in DATA_SETS:
            sentence = unknown_name("data set", name, DATA_SETS)
            raise ValueError(f"{sentence}; write {{path: ...}} for files of your own")
        return data_set

    @model_validator(mode="after")
    def _one_of_both(self) -> "ImageSource":
        if (self.name is None) == (self.path is None):
            got = "none" if self.name is None else "both"
            raise ValueError(f"must have the name of a data set, or the path of your own images; got {got}")
        return self

    def __str__(self) -> str:
        return self.name or self.path or ""


class SeveralSources(FromFiles, DealtStream):
    """Each experience has a source of images of its own.

    In a domain-incremental stream all sources have the same classes, by name if all sources name them, else by label;
    in the others all classes of a source are new, and sources may have different numbers of classes. Class k of
    experience i has the label 1000 i + k.
    """

    scenario: Scenario = "domain-incremental"
    image_size: AtLeastOne | None = None
    """Pixels per side to which all images are scaled, e.g. 32; null if all have the same size."""
    channels: Literal[1, 3] | None = None
    """1 to make all images grey, 3 for RGB; by default RGB if one source is."""

    @property
    def shared_test(self) -> bool:
        """Whether all experiences have the same test part; class k has the label k there."""
        return False

    @property
    def recurring(self) -> bool:
        """Whether k is the same class in all experiences of a class-incremental stream."""
        return False

    def class_numbers(self, classes: Sequence[int]) -> tuple[int, ...]:
        """Number of classes of each experience.

        Args:
            classes: the labels of all classes.

        Returns:
            One number per experience.
        """
        counts = Counter(label // LABELS_PER_SOURCE for label in classes)
        return tuple(counts[i] for i in range(self.length))


class Sources(SeveralSources):
    """Several data sets or folders of images in a row, one per experience, in the given order."""

    path_key = "sources"
    name: Literal["sources"] = "sources"
    sources: Annotated[tuple[ImageSource, ...], Field(min_length=1)]
    """Data sets, ``{name: mnist}``, and your own images, ``{path: digits.npz}``."""
    experiences: AtLeastOne = Field(1, json_schema_extra=lambda schema: schema.pop("default"))  # type: ignore[arg-type]
    """Number of experiences; by default that of ``sources``, which it must equal."""

    @model_validator(mode="before")
    @classmethod
    def _one_experience_each(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("sources"), list | tuple):
            return {"experiences": max(len(values["sources"]), 1), **values}
        return values

    @model_validator(mode="after")
    def _as_many_experiences(self) -> "Sources":
        if self.experiences != len(self.sources):
            raise ValueError(
                f"experiences must be left out, or the number of sources, {len(self.sources)}; got {self.experiences}"
            )
        return self

    @model_validator(mode="after")
    def _different(self) -> "Sources":
        texts = [str(source) for source in self.sources]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            raise ValueError(f"sources must be different; got {quoted(twice)} twice")
        return self

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return ", ".join(map(str, self.sources))


def _folder_name(value: Any) -> Any:
    if not isinstance(value, str) or not is_plain_text(value) or "/" in value or value in (".", ".."):
        raise ValueError(f"must be the name of a folder in source; got {quoted(value)}")
    return value


def _different(names: int | tuple[str, ...]) -> int | tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None) if isinstance(names, tuple) else None
    if twice is not None:
        raise ValueError(f"must be different folders; got {quoted(twice)} twice")
    return names


FolderNames = Annotated[
    Annotated[AtLeastOne, Tag("all")]
    | Annotated[tuple[Annotated[str, BeforeValidator(_folder_name)], ...], Field(min_length=1), Tag("names")],
    Discriminator(lambda value: "names" if isinstance(value, list | tuple) else "all"),
    AfterValidator(_different),
]
"""Number of folders, or their names."""


class Folders(SeveralSources):
    """A folder of images per experience: ``<source>/<experience>/``, each in a layout of ``split``.

    E.g. ``<source>/<experience>/train/<class>/`` and ``test/<class>/``.
    """

    name: Literal["folders"] = "folders"
    source: SourcePath
    """Folder of the experiences, e.g. ``pacs/``; a relative path is searched as in ``split``."""
    experiences: FolderNames
    """Number of folders, which are then learnt in the order of their names, or the list of their names."""

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.source
