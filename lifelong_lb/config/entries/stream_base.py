"""Base classes of streams of experiences."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, WithJsonSchema, model_validator

from lifelong_lb.config.entries.experiences import FirstThen
from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    Entry,
    Fraction,
    Settings,
    Share,
    SourcePath,
    UnitInterval,
)
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


class StreamEntry(Entry):
    """A sequence of experiences; ``model`` and ``train`` override the shared settings for this stream.

    With ``chunk`` the stream is online: the images of an experience arrive in chunks of that size, in an order drawn by
    the seed, and strategies treat each chunk as an experience. ``task_boundaries``: whether strategies receive the
    boundaries between experiences. Accuracy is measured after each whole experience in any case.

    ``validation`` holds out this fraction of each class from the train part; ``evaluate: validation`` measures accuracy
    on these images instead of the test part, for tuning. ``images_per_class`` then limits the training images of each
    class. Each seed draws these images. The test part is not reduced.

    ``first: k`` ends the stream after its first k experiences; their images and the size of the model are the same as
    in the whole stream.

    ``normalise``: ``dataset`` for the channels' means and standard deviations over the train part, ``none`` to leave
    pixels in 0..1, or ``[means, deviations]``, one number per channel in units of 0..1. A pretrained model uses the
    statistics of its pretraining instead.

    Class attributes: ``classes``, the number of classes of the whole data set, None if it depends on the images;
    ``dataset``, its name, None for images without one; ``may_be_partial``, whether the data may hold some classes only.
    """

    classes: ClassVar[int | None] = None
    dataset: ClassVar[str | None] = None
    may_be_partial: ClassVar[bool] = False
    experiences: int | tuple[Any, ...] | FirstThen
    scenario: Scenario
    chunk: AtLeastOne | None = None
    task_boundaries: bool = False
    images_per_class: AtLeastOne | None = None
    validation: Fraction = 0.0
    evaluate: Literal["test", "validation"] = "test"
    first: AtLeastOne | None = None
    normalise: Normalise = "dataset"
    model: Annotated[dict[str, Any] | str | None, WithJsonSchema(_CHANGES_OF_MODEL)] = None
    train: Annotated[dict[str, Any] | None, WithJsonSchema(_CHANGES_OF_TRAIN)] = None

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
        if not isinstance(self.normalise, str) and len(self.normalise[0]) != len(self.normalise[1]):
            means, deviations = map(len, self.normalise)
            raise ValueError(f"normalise must have as many means as deviations; got {means} and {deviations}")
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


class FromFiles(Settings):
    """Settings with paths, which are relative to the folder of the study file that names them.

    A relative path is searched in the folder of the study file that names it, then in the data folders (``--data``, or
    ``$LIFELONG_LB_DATA`` and the platform's cache folder), then in the current folder.

    Class attribute: ``path_key``, the key with the path or paths.
    """

    path_key: ClassVar[str] = "source"
    _study_folder: Path | None = PrivateAttr(default=None)  # neither stored nor hashed

    @property
    def study_folder(self) -> Path | None:
        """Folder of the study file that names the source; None without a file."""
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


class OwnImages(FromFiles):
    """Your own images: ``source`` is a folder or an ``.npz`` file; the format is detected.

    With ``image_size``, pictures of any size are cropped and scaled to squares with this number of pixels per side.
    """

    source: SourcePath
    image_size: AtLeastOne | None = None

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.source
