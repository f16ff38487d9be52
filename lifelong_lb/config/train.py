"""How every run of a study trains and is evaluated."""

from typing import Literal

from pydantic import StrictBool

from lifelong_lb.config.fields import AtLeastOne, Settings, WholeNumber
from lifelong_lb.config.landscape import Landscape


class Train(Settings):
    """Training settings shared by all runs of a stream.

    ``epochs`` passes over each experience, or over each chunk of an online stream, in minibatches of ``batch_size``
    images. ``precision: bfloat16`` runs the model under torch's autocast: weights, gradients and loss stay in float32,
    products are taken in bfloat16.

    ``random_crop: p`` surrounds each image with p black pixels and trains on a random part of the old size, and
    ``random_flip`` mirrors each image left to right half of the time: anew whenever an image is loaded, the same in all
    passes of a step, replayed images too, and never in evaluation. Each seed draws its own.
    """

    epochs: AtLeastOne = 1
    batch_size: AtLeastOne = 10
    precision: Literal["float32", "bfloat16"] = "float32"
    random_crop: WholeNumber = 0
    random_flip: bool = False


class Evaluation(Settings):
    """When and on what accuracy is measured: after each experience, on the test parts of experiences.

    ``experiences: seen`` fills the lower triangle of the accuracy matrix; ``all`` also the upper one, and the
    accuracies at initialisation, from which forward transfer is computed. ``diagnostics_every: n`` records the passes
    of every n-th training iteration, see :class:`lifelong_lb.optim.Diagnostics`; null records nothing. ``every: n``
    measures the accuracy on the experiences seen so far every n training iterations of each experience, too, for
    metrics such as the stability gap; it changes neither training nor the accuracy matrix. Null measures after
    experiences only.
    ``landscape`` holds what is measured of the loss landscape after each experience, see
    :class:`~lifelong_lb.config.landscape.Landscape`; ``save_models: true`` keeps the model after each experience, from
    which it can be measured later. Neither changes the training.
    """

    experiences: Literal["seen", "all"] = "seen"
    batch_size: AtLeastOne = 64
    diagnostics_every: AtLeastOne | None = None
    every: AtLeastOne | None = None
    landscape: Landscape | None = None
    save_models: StrictBool = False
