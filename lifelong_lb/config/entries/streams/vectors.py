"""Streams whose samples are vectors of features instead of images."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lifelong_lb.config.entries.fields import Float, Positive, SourcePath
from lifelong_lb.config.entries.streams.base import FromFiles, check_pairs
from lifelong_lb.config.entries.streams.experiences import Experiences
from lifelong_lb.config.entries.streams.split import SplitStream
from lifelong_lb.untrusted import quoted

Standardise = Annotated[
    Annotated[Literal["first", "none"], Tag("name")]
    | Annotated[
        tuple[Annotated[tuple[Float, ...], Field(min_length=1)], Annotated[tuple[Positive, ...], Field(min_length=1)]],
        Tag("numbers"),
    ],
    Discriminator(lambda value: "numbers" if isinstance(value, list | tuple) else "name"),
]
"""Statistics that standardise features."""


class Vectors(FromFiles, SplitStream):
    """Vectors of features, e.g. of a frozen network or sensors, split by classes: .npz, CSV or Parquet."""

    name: Literal["vectors"] = "vectors"
    source: SourcePath
    """An ``.npz`` file, or a folder with ``train.csv`` and ``test.csv`` (or ``.parquet``) whose column ``label`` holds
    the classes and whose other columns are the features; a relative path is searched as in ``split``."""
    experiences: Experiences = 5
    standardise: Standardise = "first"
    """Statistics that standardise features: ``first`` for means and standard deviations over the training vectors of
    the first experience, ``none``, or ``[means, deviations]``, one number per feature."""

    @property
    def images(self) -> str:
        """Name of its vectors in messages."""
        return self.source

    @model_validator(mode="after")
    def _not_normalised(self) -> "Vectors":
        if self.normalise != "dataset":
            raise ValueError(f"normalise is for images; use standardise for vectors; got {quoted(self.normalise)}")
        return self

    @model_validator(mode="after")
    def _numbers_of_both(self) -> "Vectors":
        check_pairs("standardise", self.standardise)
        return self
