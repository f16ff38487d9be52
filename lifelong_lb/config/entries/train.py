"""Training and evaluation settings of a study."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, StrictBool, model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    Float,
    GradientsPerMinibatch,
    Positive,
    Settings,
    WholeNumber,
    Within,
)
from lifelong_lb.config.entries.landscape import Landscape
from lifelong_lb.hyperparameters import Range
from lifelong_lb.untrusted import quoted


def _with_two_phases(schema: dict[str, Any]) -> None:
    """Allow ``epochs: [200, 170]`` in the JSON Schema."""
    epochs = schema["properties"]["epochs"]
    number = {key: epochs.pop(key) for key in list(epochs) if key not in ("default", "description", "title")}
    epochs["anyOf"] = [number, {"type": "array", "items": number, "minItems": 2, "maxItems": 2}]


class Train(Settings):
    """Training settings shared by all runs of a stream.

    ``match: gradients`` takes ``budget`` evaluations, or ``passes`` for each minibatch of ``epochs`` epochs.
    """

    model_config = ConfigDict(json_schema_extra=_with_two_phases)
    epochs: AtLeastOne = 1
    """Passes over each experience, or over each chunk of an online stream."""
    batch_size: AtLeastOne = 10
    """Images per minibatch."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """``bfloat16`` runs the model under torch's autocast: weights, gradients and loss stay in float32, matrix products
    are computed in bfloat16. ``float16``, on accelerators only, does so in the forward passes over training minibatches
    and scales their losses; a step with a gradient that overflows is skipped. Everything else, such as importances,
    images replayed apart from the minibatch, and evaluations, is computed in float32."""
    clip_norm: Positive | None = None
    """Largest Euclidean norm of the gradient of each base step, over all parameters together and after a strategy's
    projection, e.g. 1.0; a longer one is scaled down. Ascents follow gradients that are not clipped."""
    later_epochs: AtLeastOne | None = None
    """Epochs of the second and later experiences; by default ``epochs``. ``epochs: [200, 170]`` sets both."""
    random_crop: WholeNumber = 0
    """Black pixels added on each side before training on a random crop of the original size."""
    random_flip: bool = False
    """Whether each training image is mirrored left to right with probability 1/2. Crops and flips are drawn each time
    an image is loaded, replayed images included, are the same in all passes of a step, and are not used in evaluation.
    The draws depend on the seed."""
    match: Literal["steps", "gradients", "seconds"] = "steps"
    """The cost that is equal for all rules. ``steps``: iterations, given by ``epochs``. ``gradients``: gradient
    evaluations in each experience, so that a cheaper rule trains for more epochs, the last of which may be incomplete.
    ``seconds``: at most ``budget`` seconds of training in each experience, which is not reproducible between machines
    or runs."""
    budget: Annotated[Float, Within(Range(0, 1e15, above=True))] | None = None
    """Gradient evaluations, or seconds, in each experience, e.g. 5000."""
    passes: GradientsPerMinibatch | None = None
    """Gradient evaluations for each minibatch of ``epochs`` epochs, e.g. 2, instead of ``budget``; by default those of
    the study's costliest rule. With ``match: steps``, the entry of a rule may set ``passes`` for its own runs."""

    def epochs_of(self, experience: int) -> int:
        """Number of epochs of an experience, or of each chunk of it.

        Args:
            experience: its index.

        Returns:
            The number.
        """
        return self.epochs if experience == 0 or self.later_epochs is None else self.later_epochs

    @model_validator(mode="before")
    @classmethod
    def _of_each_phase(cls, values: Any) -> Any:
        epochs = values.get("epochs") if isinstance(values, Mapping) else None
        if not isinstance(epochs, list | tuple):
            return values
        if len(epochs) != 2:
            raise ValueError(
                "needs as epochs a number, or two numbers, for the first experience and for later ones, e.g. "
                f"[200, 170]; got {quoted(epochs)}"
            )
        return {**values, "epochs": epochs[0], "later_epochs": epochs[1]}

    @model_validator(mode="after")
    def _steps_of_each_phase(self) -> "Train":
        if self.later_epochs is not None and self.match != "steps":
            raise ValueError(f"needs match: steps if later_epochs is set; got {self.match}")
        return self

    @model_validator(mode="after")
    def _one_length(self) -> "Train":
        if self.match == "steps" and (self.budget is not None or self.passes is not None):
            given = "budget" if self.budget is not None else "passes"
            raise ValueError(
                f"needs match: gradients{' or seconds' * (given == 'budget')} if {given} is set; got steps"
            )
        if self.match == "seconds" and (self.budget is None or self.passes is not None):
            raise ValueError("needs a budget in seconds, and no passes, if match is seconds")
        if self.budget is not None and self.passes is not None:
            raise ValueError(f"needs a budget or passes, not both; got {self.budget:g} and {self.passes:g}")
        if self.budget is not None and self.epochs != 1:
            raise ValueError(
                f"must not set epochs together with a budget, which sets the length of training; got {self.epochs}"
            )
        if self.match == "gradients" and self.budget is not None and self.budget != int(self.budget):
            raise ValueError(f"needs a whole number of gradient evaluations as budget; got {self.budget:g}")
        return self


class Evaluation(Settings):
    """Evaluation settings: accuracy is measured after each experience, on the test parts of experiences.

    None of these settings changes the training, and the settings after ``test_images_per_class`` do not change the
    accuracy matrix either.
    """

    experiences: Literal["seen", "all"] = "seen"
    """``seen`` fills the lower triangle of the accuracy matrix; ``all`` also the upper one, and the accuracies at
    initialisation, from which forward transfer is computed."""
    batch_size: AtLeastOne = 64
    """Images per minibatch of an evaluation."""
    test_images_per_class: AtLeastOne | None = None
    """Largest number of test images of each class, e.g. 50, drawn once for a data set and the same for all seeds and
    runs; by default the whole test part."""
    diagnostics_every: AtLeastOne | None = None
    """Record the passes of every n-th training iteration, see ``lifelong_lb.optim.Diagnostics``, e.g. 10; null
    records nothing."""
    every: AtLeastOne | None = None
    """Also measure the accuracy on the experiences seen so far every n training iterations of each experience, e.g. 10,
    for metrics such as the stability gap; null measures only after experiences."""
    confusion: StrictBool = False
    """Count the predicted classes of the evaluated images of each class after each experience; in the task-incremental
    scenario only the classes of the experience can be predicted."""
    landscape: Landscape | None = None
    """Measurements of the loss landscape after each experience, e.g. ``{measures: [ball]}``; null measures nothing."""
    save_models: StrictBool = False
    """Keep the model after each experience for later measurements."""
