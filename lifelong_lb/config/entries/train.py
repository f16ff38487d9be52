"""How every run of a study trains and is evaluated."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Positive, Settings, WholeNumber
from lifelong_lb.config.entries.landscape import Landscape


class Train(Settings):
    """Training settings shared by all runs of a stream.

    ``epochs`` passes over each experience, or over each chunk of an online stream, in minibatches of ``batch_size``
    images. ``precision: bfloat16`` runs the model under torch's autocast: weights, gradients and loss stay in float32,
    products are taken in bfloat16.

    ``random_crop: p`` surrounds each image with p black pixels and trains on a random part of the old size, and
    ``random_flip`` mirrors each image left to right half of the time: anew whenever an image is loaded, the same in all
    passes of a step, replayed images too, and never in evaluation. Each seed draws its own.

    ``match`` says what all rules get equally much of. ``steps``: iterations, as many as ``epochs`` say. ``gradients``:
    gradient evaluations in each experience, so that a cheaper rule trains for more epochs, the last of them cut short:
    ``budget`` of them, or ``passes`` for each minibatch of ``epochs`` epochs. Where neither is given, ``passes`` are
    those of the study's costliest rule. ``seconds``: at most ``budget`` seconds of training in each experience, which
    no two machines and no two runs spend alike.
    """

    epochs: AtLeastOne = 1
    batch_size: AtLeastOne = 10
    precision: Literal["float32", "bfloat16"] = "float32"
    random_crop: WholeNumber = 0
    random_flip: bool = False
    match: Literal["steps", "gradients", "seconds"] = "steps"
    budget: Annotated[Positive, Field(le=1e15)] | None = None
    passes: Annotated[Positive, Field(le=1e6)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> "Train":
        if self.match == "steps" and (self.budget is not None or self.passes is not None):
            given = "budget" if self.budget is not None else "passes"
            raise ValueError(
                f"needs match: gradients{' or seconds' * (given == 'budget')} where it has {given}; got steps"
            )
        if self.match == "seconds" and (self.budget is None or self.passes is not None):
            raise ValueError("needs a budget in seconds, and no passes, where match is seconds")
        if self.budget is not None and self.passes is not None:
            raise ValueError(f"needs a budget or passes, not both; got {self.budget:g} and {self.passes:g}")
        if self.budget is not None and self.epochs != 1:
            raise ValueError(
                f"needs no epochs where a budget says how long each experience is trained; got {self.epochs}"
            )
        if self.match == "gradients" and self.budget is not None and self.budget != int(self.budget):
            raise ValueError(f"needs a whole number of gradient evaluations as budget; got {self.budget:g}")
        return self


class Evaluation(Settings):
    """When and on what accuracy is measured: after each experience, on the test parts of experiences.

    ``experiences: seen`` fills the lower triangle of the accuracy matrix; ``all`` also the upper one, and the
    accuracies at initialisation, from which forward transfer is computed. ``diagnostics_every: n`` records the passes
    of every n-th training iteration, see :class:`lifelong_lb.optim.Diagnostics`; null records nothing. ``every: n``
    measures the accuracy on the experiences seen so far every n training iterations of each experience, too, for
    metrics such as the stability gap; it changes neither training nor the accuracy matrix. Null measures after
    experiences only.
    ``test_images_per_class: n`` measures on n images of each class of the test part instead of on all, or on all where
    a class has fewer: drawn once for a data set, the same for all seeds and runs. Null takes the whole test part.
    ``confusion: true`` counts, after each experience, which class the evaluated images of each class were predicted as;
    a prediction lies among the classes that the model is asked for: in the task-incremental scenario those of the
    experience itself.
    ``landscape`` holds what is measured of the loss landscape after each experience, see
    :class:`~lifelong_lb.config.entries.landscape.Landscape`; ``save_models: true`` keeps the model after each
    experience, from which it can be measured later. None of them changes the training.
    """

    experiences: Literal["seen", "all"] = "seen"
    batch_size: AtLeastOne = 64
    test_images_per_class: AtLeastOne | None = None
    diagnostics_every: AtLeastOne | None = None
    every: AtLeastOne | None = None
    confusion: StrictBool = False
    landscape: Landscape | None = None
    save_models: StrictBool = False
