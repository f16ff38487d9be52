"""Training and evaluation settings of a study."""

from typing import Annotated, Literal

from pydantic import StrictBool, model_validator

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


class Train(Settings):
    """Training settings shared by all runs of a stream.

    ``epochs`` passes over each experience, or over each chunk of an online stream, in minibatches of ``batch_size``
    images. ``precision: bfloat16`` runs the model under torch's autocast: weights, gradients and loss stay in float32,
    matrix products are computed in bfloat16. ``float16``, on accelerators only, does so in the forward passes over
    training minibatches and scales their losses; a step with a gradient that overflows is skipped. Everything else,
    such as importances, images replayed apart from the minibatch, and evaluations, is computed in float32.

    ``clip_norm`` is the largest Euclidean norm of the gradient of each base step, over all parameters together and
    after a strategy's projection; a longer one is scaled down. Ascents follow gradients that are not clipped.

    ``random_crop: p`` pads each image with p black pixels on each side and trains on a random crop of the original
    size; ``random_flip`` mirrors each image left to right with probability 1/2. Both are drawn each time an image is
    loaded, replayed images included, are the same in all passes of a step, and are not used in evaluation. The draws
    depend on the seed.

    ``match``: the cost that is equal for all rules. ``steps``: iterations, given by ``epochs``. ``gradients``: gradient
    evaluations in each experience, so that a cheaper rule trains for more epochs, the last of which may be incomplete:
    ``budget`` evaluations, or ``passes`` for each minibatch of ``epochs`` epochs. If neither is given, ``passes`` are
    those of the study's costliest rule. ``seconds``: at most ``budget`` seconds of training in each experience, which
    is not reproducible between machines or runs. With ``steps``, the entry of a rule may set ``passes`` for its own
    runs.
    """

    epochs: AtLeastOne = 1
    batch_size: AtLeastOne = 10
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    clip_norm: Positive | None = None
    random_crop: WholeNumber = 0
    random_flip: bool = False
    match: Literal["steps", "gradients", "seconds"] = "steps"
    budget: Annotated[Float, Within(Range(0, 1e15, above=True))] | None = None
    passes: GradientsPerMinibatch | None = None

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

    ``experiences: seen`` fills the lower triangle of the accuracy matrix; ``all`` also the upper one, and the
    accuracies at initialisation, from which forward transfer is computed. ``diagnostics_every: n`` records the passes
    of every n-th training iteration, see :class:`lifelong_lb.optim.Diagnostics`; null records nothing. ``every: n``
    also measures the accuracy on the experiences seen so far every n training iterations of each experience, for
    metrics such as the stability gap; null measures only after experiences.
    ``test_images_per_class: n`` measures on at most n test images of each class, drawn once for a data set and the same
    for all seeds and runs; null uses the whole test part.
    ``confusion: true`` counts the predicted classes of the evaluated images of each class after each experience; in the
    task-incremental scenario only the classes of the experience can be predicted.
    ``landscape`` holds the measurements of the loss landscape after each experience, see
    :class:`~lifelong_lb.config.entries.landscape.Landscape`; ``save_models: true`` keeps the model after each
    experience for later measurements. None of these settings changes the training or the accuracy matrix.
    """

    experiences: Literal["seen", "all"] = "seen"
    batch_size: AtLeastOne = 64
    test_images_per_class: AtLeastOne | None = None
    diagnostics_every: AtLeastOne | None = None
    every: AtLeastOne | None = None
    confusion: StrictBool = False
    landscape: Landscape | None = None
    save_models: StrictBool = False
