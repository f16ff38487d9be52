"""Streams of experiences that a study file can name."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import PrivateAttr, WithJsonSchema, model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    AtLeastTwo,
    Entry,
    Float,
    Fraction,
    Int,
    NonNegative,
    Settings,
    SourcePath,
    UnitInterval,
    WholeNumber,
    Within,
)
from lifelong_lb.config.parse import REFERENCE
from lifelong_lb.hyperparameters import Range
from lifelong_lb.untrusted import quoted

MAX_EXPERIENCES = 1000
"""Maximum number of experiences of a stream; the evaluations grow with its square."""

MAX_GENERATED = 2_000_000
"""Maximum number of images of a generated stream, and 1 % of the maximum number of pixels."""

_CHANGES_OF_MODEL = {"anyOf": [{REFERENCE: "model"}, {REFERENCE: "model-changes"}, {"type": "null"}]}
_CHANGES_OF_TRAIN = {"anyOf": [{REFERENCE: "Train"}, {"type": "null"}]}

Scenario = Literal["task-incremental", "class-incremental", "domain-incremental"]
FIVE_DATASETS = ("svhn", "mnist", "cifar10", "notmnist", "fashion-mnist")
"""The data sets of ``five-datasets``, in the order of their labels."""


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

    Class attributes: ``classes``, the number of classes of the whole data set, None if it depends on the images;
    ``dataset``, its name, None for images without one; ``may_be_partial``, whether the data may hold some classes only.
    """

    classes: ClassVar[int | None] = None
    dataset: ClassVar[str | None] = None
    may_be_partial: ClassVar[bool] = False
    experiences: AtLeastOne
    scenario: Scenario
    chunk: AtLeastOne | None = None
    task_boundaries: bool = False
    images_per_class: AtLeastOne | None = None
    validation: Fraction = 0.0
    evaluate: Literal["test", "validation"] = "test"
    first: AtLeastOne | None = None
    model: Annotated[dict[str, Any] | str | None, WithJsonSchema(_CHANGES_OF_MODEL)] = None
    train: Annotated[dict[str, Any] | None, WithJsonSchema(_CHANGES_OF_TRAIN)] = None

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.dataset or self.name

    @property
    def learnt(self) -> int:
        """Number of experiences that are trained on."""
        return self.first or self.experiences

    @model_validator(mode="after")
    def _within_reach(self) -> "StreamEntry":
        if self.experiences > MAX_EXPERIENCES:
            raise ValueError(f"must have at most {MAX_EXPERIENCES:,} experiences; got {self.experiences}")
        return self

    @model_validator(mode="after")
    def _boundaries_need_chunks(self) -> "StreamEntry":
        if self.task_boundaries and self.chunk is None:
            raise ValueError("needs a chunk, e.g. 10, if task_boundaries is true; got none")
        return self

    @model_validator(mode="after")
    def _first_of_several(self) -> "StreamEntry":
        if self.first is not None and self.first >= self.experiences:
            raise ValueError(f"must have more than the first {self.first} experiences; got {self.experiences}")
        return self

    @model_validator(mode="after")
    def _validation_needs_images(self) -> "StreamEntry":
        if self.evaluate == "validation" and self.validation == 0:
            raise ValueError("needs a validation fraction, e.g. 0.1, if evaluate is validation; got 0")
        return self


class OwnImages(Settings):
    """Your own images: ``source`` is a folder or an ``.npz`` file; the format is detected.

    A relative path is searched in the folder of the study file that names it, then in the data folders (``--data``, or
    ``$LIFELONG_LB_DATA`` and the platform's cache folder), then in the current folder. With ``image_size``, pictures of
    any size are cropped and scaled to squares with this number of pixels per side.
    """

    source: SourcePath
    image_size: AtLeastOne | None = None
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

    @property
    def images(self) -> str:
        """Name of its images in messages."""
        return self.source


class DealtStream(StreamEntry):
    """Classes distributed over experiences, equally many per experience.

    ``blurry`` is the fraction of each class's training images that appear in other experiences than that of the class,
    spread evenly over them: blurry-M of Bang et al. 2021 (arXiv 2103.17230) with M = 100 ``blurry``, counted by class
    (equivalent to counting by experience if classes have equally many images). The test part of an experience holds
    only the classes assigned to it.
    """

    scenario: Scenario = "task-incremental"
    blurry: Fraction = 0.0

    @model_validator(mode="after")
    def _blurry_needs_one_label_space(self) -> "DealtStream":
        if self.blurry and (self.scenario != "class-incremental" or self.experiences == 1):
            raise ValueError(
                f"must be class-incremental, with at least two experiences, if blurry is above 0; got "
                f"{self.scenario} and {self.experiences}"
            )
        return self


class SplitStream(DealtStream):
    """A data set split by classes, equally many per experience.

    ``class_order`` fixes the order of the data set's class labels; without it each seed draws an order.
    """

    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
    class_order: tuple[Int, ...] | None = None

    @model_validator(mode="after")
    def _classes_divide(self) -> "SplitStream":
        classes, order = self.classes, self.class_order
        if classes is None:  # known only when the images are read
            return self
        if classes % self.experiences:
            divisors = [d for d in range(1, classes + 1) if classes % d == 0]
            raise ValueError(
                f"experiences must divide the {classes} classes of {self.images}; got {self.experiences} "
                f"(allowed: {', '.join(map(str, divisors))})"
            )
        if order is not None and not self._orders_classes(order, classes):
            raise ValueError(
                f"class_order must name each class of {self.images} once, as labels 0..{classes - 1}; "
                f"got {quoted(list(order))}"
            )
        return self

    def _orders_classes(self, order: tuple[int, ...], classes: int) -> bool:
        known = set(range(classes))
        complete = set(order) <= known if self.may_be_partial else set(order) == known
        return complete and len(set(order)) == len(order) > 0 and len(order) % self.experiences == 0


class Split(OwnImages, SplitStream):
    """Your own images, split by classes: folders of pictures, .npz, .npy, parquet, and others."""

    name: Literal["split"] = "split"
    experiences: AtLeastOne = 5


class SplitDigits(SplitStream):
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, embedded: nothing to download.

    A fixed stratified split, independent of the seed: about 80 % for training, 20 % for testing.
    """

    classes = 10
    dataset = "digits"
    name: Literal["split-digits"] = "split-digits"
    experiences: AtLeastOne = 5


class SplitCIFAR100(SplitStream):
    """CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 x 32 pixels in 100 classes."""

    classes = 100
    dataset = "cifar100"
    may_be_partial = True
    name: Literal["split-cifar100"] = "split-cifar100"
    experiences: AtLeastOne = 20


class SplitMNIST(SplitStream):
    """MNIST (LeCun et al. 1998): 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes."""

    classes = 10
    dataset = "mnist"
    name: Literal["split-mnist"] = "split-mnist"
    experiences: AtLeastOne = 5


class SplitFashionMNIST(SplitStream):
    """Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): as MNIST, with images of clothes."""

    classes = 10
    dataset = "fashion-mnist"
    name: Literal["split-fashion-mnist"] = "split-fashion-mnist"
    experiences: AtLeastOne = 5


class SplitCIFAR10(SplitStream):
    """CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32 x 32 pixels in 10 classes."""

    classes = 10
    dataset = "cifar10"
    name: Literal["split-cifar10"] = "split-cifar10"
    experiences: AtLeastOne = 5


class SplitTinyImageNet(SplitStream):
    """Tiny ImageNet (Le & Yang 2015): 100,000 + 10,000 colour images of 64 x 64 pixels in 200 classes.

    Its validation part is the test part here, because the labels of its test part were never published.
    """

    classes = 200
    dataset = "tiny-imagenet"
    may_be_partial = True
    name: Literal["split-tiny-imagenet"] = "split-tiny-imagenet"
    experiences: AtLeastOne = 10


class SplitCUB200(SplitStream):
    """CUB-200-2011 (Wah et al. 2011): 5,994 + 5,794 photographs of 200 bird species, cropped and scaled to 224 x 224.

    Experiences as in Chaudhry et al. 2019 (arXiv 1812.00420): 20 of 10 classes.
    """

    classes = 200
    dataset = "cub200"
    may_be_partial = True
    name: Literal["split-cub200"] = "split-cub200"
    experiences: AtLeastOne = 20


class FiveDatasets(DealtStream):
    """Five data sets one after the other (Ebrahimi et al. 2020, arXiv 2003.09553), as RGB images of 32 x 32 pixels.

    SVHN, MNIST, CIFAR-10, NotMNIST and Fashion-MNIST, ten classes each; ``order`` fixes their order, without it each
    seed draws one. Unlike in the authors' code, all images are normalised by the same mean and standard deviation, and
    the data sets' original train and test parts are used.
    """

    classes = 50
    dataset = "five-datasets"
    name: Literal["five-datasets"] = "five-datasets"
    experiences: Literal[5] = 5
    scenario: Literal["task-incremental", "class-incremental"] = "task-incremental"
    order: tuple[Literal["svhn", "mnist", "cifar10", "notmnist", "fashion-mnist"], ...] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "FiveDatasets":
        if self.order is not None and sorted(self.order) != sorted(FIVE_DATASETS):
            raise ValueError(
                f"must have each of {', '.join(FIVE_DATASETS)} once in order; got {quoted(list(self.order))}"
            )
        return self


class Generated(DealtStream):
    """Noisy copies of random class prototypes with adjustable task similarity: nothing to download.

    Class k of experience t has the prototype sqrt(similarity) a_k + sqrt(1 - similarity) b_tk, with a and b independent
    and normal, so the prototypes of class k in two experiences have the correlation ``similarity``. At 1 all
    experiences are the same, at 0 they are independent. ``noise`` is the standard deviation of pixels around the
    prototype, relative to that of the prototypes; see :class:`lifelong_lb.data.generated.GeneratedSource`.
    ``data_seed`` draws the images, the study's seeds draw the order of the experiences.
    """

    name: Literal["generated"] = "generated"
    experiences: AtLeastOne = 5
    classes_per_experience: AtLeastTwo = 2
    similarity: UnitInterval = 0.5
    noise: NonNegative = 3.0
    image_size: AtLeastTwo = 8
    train_images: AtLeastOne = 100
    test_images: AtLeastOne = 50
    data_seed: WholeNumber = 0

    @model_validator(mode="after")
    def _fits_in_memory(self) -> "Generated":
        images = self.experiences * self.classes_per_experience * (self.train_images + self.test_images)
        if images > MAX_GENERATED or images * self.image_size**2 > 100 * MAX_GENERATED:
            raise ValueError(
                f"must have at most {MAX_GENERATED:,} images and {100 * MAX_GENERATED:,} pixels altogether; got "
                f"{images:,} images of {self.image_size} x {self.image_size}"
            )
        return self

    @model_validator(mode="after")
    def _classes_differ(self) -> "Generated":
        if self.scenario == "class-incremental" and self.similarity == 1 and self.experiences > 1:
            raise ValueError("needs a similarity below 1 if it is class-incremental, else classes are equal; got 1")
        return self


class PermutedStream(StreamEntry):
    """All images of a data set in every experience, with a different permutation of the pixels; labels are unchanged.

    Each seed draws the permutations. ``permute_first: false`` leaves the images of the first experience unchanged, as
    in Goodfellow et al. 2013 (arXiv 1312.6211); the permutations of the others stay the same.
    """

    scenario: Literal["domain-incremental"] = "domain-incremental"
    permute_first: bool = True


class PermutedDigits(PermutedStream):
    """The digits of ``split-digits`` with permuted pixels: nothing to download."""

    classes = 10
    dataset = "digits"
    name: Literal["permuted-digits"] = "permuted-digits"
    experiences: AtLeastOne = 10


class PermutedMNIST(PermutedStream):
    """MNIST with permuted pixels (Goodfellow et al. 2013); as in Avalanche, also in the first experience."""

    classes = 10
    dataset = "mnist"
    name: Literal["permuted-mnist"] = "permuted-mnist"
    experiences: AtLeastOne = 10


class Permuted(OwnImages, PermutedStream):
    """Your own images with permuted pixels."""

    name: Literal["permuted"] = "permuted"
    experiences: AtLeastOne = 10


class RotatedStream(StreamEntry):
    """All images of a data set in every experience, rotated by a different angle; labels are unchanged.

    ``angles`` fixes the angles, in degrees counter-clockwise. Without it each seed draws one from each of T equal parts
    of [0, ``max_angle``), ascending, as in Lopez-Paz & Ranzato 2017 (arXiv 1706.08840). Pixels are interpolated
    bilinearly; areas outside the original image are black.
    """

    scenario: Literal["domain-incremental"] = "domain-incremental"
    max_angle: Annotated[Float, Within(Range(0, 360, above=True))] = 180.0
    angles: tuple[Float, ...] | None = None

    @model_validator(mode="after")
    def _one_angle_each(self) -> "RotatedStream":
        if self.angles is not None and len(self.angles) != self.experiences:
            raise ValueError(f"needs one angle for each of {self.experiences} experiences; got {len(self.angles)}")
        return self


class RotatedDigits(RotatedStream):
    """The digits of ``split-digits``, rotated: nothing to download."""

    classes = 10
    dataset = "digits"
    name: Literal["rotated-digits"] = "rotated-digits"
    experiences: AtLeastOne = 10


class RotatedMNIST(RotatedStream):
    """MNIST, rotated (Lopez-Paz & Ranzato 2017)."""

    classes = 10
    dataset = "mnist"
    name: Literal["rotated-mnist"] = "rotated-mnist"
    experiences: AtLeastOne = 10


class Rotated(OwnImages, RotatedStream):
    """Your own images, rotated."""

    name: Literal["rotated"] = "rotated"
    experiences: AtLeastOne = 10


STREAM_ENTRIES: dict[str, type[StreamEntry]] = {
    "split-digits": SplitDigits,
    "split-mnist": SplitMNIST,
    "split-fashion-mnist": SplitFashionMNIST,
    "split-cifar10": SplitCIFAR10,
    "split-cifar100": SplitCIFAR100,
    "split-tiny-imagenet": SplitTinyImageNet,
    "split-cub200": SplitCUB200,
    "five-datasets": FiveDatasets,
    "permuted-digits": PermutedDigits,
    "permuted-mnist": PermutedMNIST,
    "rotated-digits": RotatedDigits,
    "rotated-mnist": RotatedMNIST,
    "generated": Generated,
    "split": Split,
    "permuted": Permuted,
    "rotated": Rotated,
}
