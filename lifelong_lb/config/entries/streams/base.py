"""Base classes of streams of experiences."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, WithJsonSchema, model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    Entry,
    Fraction,
    FromStudyFolder,
    Share,
    SourcePath,
    UnitInterval,
)
from lifelong_lb.config.entries.streams.experiences import FirstThen
from lifelong_lb.config.entries.streams.origin import Origin
from lifelong_lb.config.parse import REFERENCE

MAX_EXPERIENCES = 1000
"""Maximum number of experiences of a stream; the evaluations grow with its square."""

_CHANGES_OF_MODEL = {"anyOf": [{REFERENCE: "model"}, {REFERENCE: "model-changes"}, {"type": "null"}]}
_CHANGES_OF_TRAIN = {"anyOf": [{REFERENCE: "Train"}, {"type": "null"}]}

Means = Annotated[tuple[UnitInterval, ...], Field(min_length=1)]
Deviations = Annotated[tuple[Share, ...], Field(min_length=1)]
Normalise = Annotated[
    Annotated[Literal["dataset", "none"], Tag("name")] | Annotated[tuple[Means, Deviations], Tag("numbers")],
    Discriminator(lambda value: "numbers" if isinstance(value, list | tuple) else "name"),
]
"""Statistics that normalise the images."""

Scenario = Literal["task-incremental", "class-incremental", "domain-incremental"]


def check_pairs(key: str, statistics: str | tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    """Check that given statistics have a mean and a deviation per channel or feature.

    Args:
        key: their key in the study file.
        statistics: means and deviations, or the name of a way to choose them.

    Raises:
        ValueError: if their numbers differ.
    """
    if not isinstance(statistics, str) and len(statistics[0]) != len(statistics[1]):
        means, deviations = map(len, statistics)
        raise ValueError(f"{key} must have as many means as deviations; got {means} and {deviations}")


class StreamEntry(Entry):
    """A sequence of experiences.

    Class attributes: ``classes``, the number of classes of the whole data set, None if it depends on the images;
    ``dataset``, its name, None for images without one; ``may_be_partial``, whether the data may hold some classes only;
    ``path_key``, the key that names the data.
    """

    path_key: ClassVar[str] = "name"

    classes: ClassVar[int | None] = None
    dataset: ClassVar[str | None] = None
    may_be_partial: ClassVar[bool] = False
    experiences: int | tuple[Any, ...] | FirstThen
    """Number of experiences."""
    scenario: Scenario
    """Task-incremental: each experience has its own classes, and its task is given in evaluation. Class-incremental:
    one label space that grows. Domain-incremental: the same classes in every experience."""
    chunk: AtLeastOne | None = None
    """Make the stream online: the images of an experience arrive in chunks of this size, e.g. 10, in an order drawn by
    the seed, and strategies treat each chunk as an experience. Accuracy is measured after each whole experience in any
    case."""
    task_boundaries: bool = False
    """Whether strategies receive the boundaries between experiences of an online stream."""
    images_per_class: AtLeastOne | None = None
    """Largest number of training images of each class, e.g. 100, drawn by the seed; the test part is not reduced."""
    validation: Fraction = 0.0
    """Fraction of each class held out from the train part, drawn by the seed, e.g. 0.1."""
    evaluate: Literal["test", "validation"] = "test"
    """``validation`` measures accuracy on the images held out instead of the test part, for tuning."""
    first: AtLeastOne | None = None
    """End the stream after its first experiences, e.g. 3; their images and the size of the model are the same as in the
    whole stream."""
    normalise: Normalise = "dataset"
    """Statistics that normalise pixels: ``dataset`` for means and standard deviations of the channels over the train
    part, ``none`` to leave pixels in 0..1, or ``[means, deviations]``, one number per channel in units of 0..1, e.g.
    ``[[0.5], [0.25]]``."""
    model: Annotated[dict[str, Any] | str | None, WithJsonSchema(_CHANGES_OF_MODEL)] = None
    """Changes of the shared model for this stream, e.g. ``{hidden: [100]}``, or the name of another one."""
    train: Annotated[dict[str, Any] | None, WithJsonSchema(_CHANGES_OF_TRAIN)] = None
    """Changes of the shared training settings for this stream, e.g. ``{epochs: 5}``."""
    _origin: Origin = PrivateAttr(default_factory=Origin)  # neither stored nor hashed

    @property
    def origin(self) -> Origin:
        """Where a study defines the stream."""
        return self._origin

    def with_origin(self, origin: Origin) -> Self:
        """Copy the entry with its place in a study, for messages about its data.

        Args:
            origin: where a study defines it.

        Returns:
            A copy.
        """
        copy = self.model_copy()
        copy._origin = origin
        return copy

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.dataset or self.name

    @property
    def learnt(self) -> int:
        """Number of experiences that are trained on."""
        return self.first or self.length

    @property
    def length(self) -> int:
        """Number of experiences."""
        if isinstance(self.experiences, int):
            return self.experiences
        assert isinstance(self.experiences, tuple), self.experiences  # FirstThen is replaced when the entry is built
        return len(self.experiences)

    @model_validator(mode="after")
    def _a_pair_per_channel(self) -> "StreamEntry":
        check_pairs("normalise", self.normalise)
        return self

    @model_validator(mode="after")
    def _within_reach(self) -> "StreamEntry":
        if self.length > MAX_EXPERIENCES:
            raise ValueError(f"must have at most {MAX_EXPERIENCES:,} experiences; got {self.length}")
        return self

    @model_validator(mode="after")
    def _boundaries_need_chunks(self) -> "StreamEntry":
        if self.task_boundaries and self.chunk is None:
            raise ValueError("needs a chunk, e.g. 10, if task_boundaries is true; got none")
        return self

    @model_validator(mode="after")
    def _first_of_several(self) -> "StreamEntry":
        if self.first is not None and self.first >= self.length:
            raise ValueError(f"must have more than the first {self.first} experiences; got {self.length}")
        return self

    @model_validator(mode="after")
    def _validation_needs_images(self) -> "StreamEntry":
        if self.evaluate == "validation" and self.validation == 0:
            raise ValueError("needs a validation fraction, e.g. 0.1, if evaluate is validation; got 0")
        return self


class FromFiles(FromStudyFolder):
    """Settings with paths, which are relative to the folder of the study file that names them."""

    path_key: ClassVar[str] = "source"


class OwnImages(FromFiles):
    """Your own images, in a folder or an ``.npz`` file."""

    source: SourcePath
    """Folder or ``.npz`` file, e.g. ``photos/``; the format is detected. A relative path is searched in the folder of
    the study file that names it, then in the data folders (``--data``, or ``$LIFELONG_LB_DATA`` and the platform's
    cache folder), then in the current folder."""
    image_size: AtLeastOne | None = None
    """Pixels per side to which pictures of any size are cropped and scaled, e.g. 32."""

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.source
